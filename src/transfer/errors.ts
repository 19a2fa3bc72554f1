/** Users cannot be brought in or out. The message is for an operator: what is wrong, where, and the remedy. */
export class TransferError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

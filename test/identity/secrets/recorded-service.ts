import { once } from "node:events";
import { connect } from "node:net";
import { createTRPCClient, httpLink, TRPCClientError } from "@trpc/client";
import superjson from "superjson";
import type { AppRouter } from "../../../src/routers/app-router.ts";
import type { Evidence } from "./evidence.ts";

/** The service by its URL. Every answer is kept, with its status and headers. */
export class RecordedService {
  readonly answers: Evidence[] = [];

  constructor(public url: string) {}

  /** The place of the last answer. */
  get last(): string {
    return this.answers.at(-1)?.place ?? "";
  }

  client(token?: string) {
    return createTRPCClient<AppRouter>({
      links: [
        httpLink({
          url: this.url,
          transformer: superjson,
          headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
          fetch: (url, init) => this.#fetch(String(url), init as RequestInit),
        }),
      ],
    });
  }

  /** Sends a request that the client would not send. */
  send = async (path: string, init: RequestInit = {}): Promise<number> =>
    (await this.#fetch(`${this.url}/${path}`, init)).status;

  /** Sends what is no HTTP. */
  async sendBytes(text: string): Promise<void> {
    const { hostname, port } = new URL(this.url);
    const socket = connect(Number(port), hostname);
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk)).end(text);
    await once(socket, "close");
    this.#keep("no HTTP", Buffer.concat(chunks).toString());
  }

  /** @returns the code of the error of a call that fails */
  codeOf = async (call: Promise<unknown>): Promise<string> => {
    const error = await call.then(
      () => new Error("the call should have been refused"),
      (reason: unknown) => reason,
    );
    if (error instanceof TRPCClientError && error.data?.code !== undefined) return String(error.data.code);
    throw error;
  };

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    const response = await fetch(url, init);
    const text = await response.clone().text();
    const { pathname } = new URL(url);
    this.#keep(pathname.slice(0, 60), `${response.status} ${JSON.stringify([...response.headers])}\n${text}`);
    return response;
  }

  #keep(name: string, text: string): void {
    this.answers.push({ place: `answer ${this.answers.length + 1}, ${name}`, text });
  }
}

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";

/** The byte before an Ed25519 key, which names its algorithm (C2SP signed-note, "Signatures"). */
const ed25519 = 1;

/** The DER of an Ed25519 private key in PKCS #8, up to its 32 bytes (RFC 8410, 7), and of a public one (RFC 8410, 4). */
const privatePrefix = Buffer.from("302e020100300506032b657004220420", "hex");
const publicPrefix = Buffer.from("302a300506032b6570032100", "hex");

/** A public key with the name of its owner (C2SP signed-note). */
export interface NoteVerifier {
  readonly name: string;
  /** Four bytes, as an unsigned number. */
  readonly id: number;
  readonly key: KeyObject;
  /** `<name>+<id>+<key>`, as Go's `golang.org/x/mod/sumdb/note` writes it. */
  readonly text: string;
}

export interface NoteSigner {
  readonly verifier: NoteVerifier;
  readonly key: KeyObject;
  /** `PRIVATE+KEY+<name>+<id>+<key>`, as Go's `golang.org/x/mod/sumdb/note` writes it. A secret. */
  readonly text: string;
}

/** A text with its signatures. */
export interface SignedNote {
  /** Ends with a newline. */
  readonly text: string;
  readonly signatures: readonly { readonly name: string; readonly id: number; readonly signature: Buffer }[];
}

/** What is not a key or a note, with what it should be. The message does not contain the text. */
export class SignedNoteError extends Error {
  override readonly name = "SignedNoteError";
}

/** @throws {SignedNoteError} for a name that is empty, or contains whitespace or a plus sign */
export function createNoteSigner(name: string): NoteSigner {
  requireName(name);
  const { privateKey } = generateKeyPairSync("ed25519");
  const seed = privateKey.export({ format: "der", type: "pkcs8" }).subarray(privatePrefix.length);
  return signerOf(name, seed);
}

/** @throws {SignedNoteError} */
export function parseNoteSigner(text: string): NoteSigner {
  const match = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim());
  const bytes = keyBytesOf(match?.[3]);
  if (match?.[1] === undefined || bytes === undefined)
    throw new SignedNoteError(
      "is not a signing key: it begins with PRIVATE+KEY+. `aeturnis-data audit key new` prints one.",
    );
  const key = signerOf(match[1], bytes);
  if (key.verifier.id !== Number.parseInt(match[2] ?? "", 16))
    throw new SignedNoteError("is not a signing key as it was printed: its id is that of another key.");
  return key;
}

/** @throws {SignedNoteError} */
export function parseNoteVerifier(text: string): NoteVerifier {
  const match = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim());
  const bytes = keyBytesOf(match?.[3]);
  if (match?.[1] === undefined || bytes === undefined)
    throw new SignedNoteError(
      "is not a public key of the form <name>+<id>+<key>, which `aeturnis-data audit key list` prints.",
    );
  const verifier = verifierOf(
    match[1],
    createPublicKey({ key: Buffer.concat([publicPrefix, bytes]), format: "der", type: "spki" }),
  );
  if (verifier.id !== Number.parseInt(match[2] ?? "", 16))
    throw new SignedNoteError("is not a public key as it was printed: its id is that of another key.");
  return verifier;
}

/** Signs a text that ends with a newline (C2SP signed-note). */
export function signNote(text: string, keys: readonly NoteSigner[]): string {
  if (!text.endsWith("\n") || text.includes("\n\n"))
    throw new SignedNoteError("A note ends with a newline and has no empty line.");
  const lines = keys.map(({ verifier: { name, id }, key }) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(id);
    return `— ${name} ${Buffer.concat([bytes, sign(null, Buffer.from(text), key)]).toString("base64")}\n`;
  });
  return `${text}\n${lines.join("")}`;
}

/** Takes a note apart. Its signatures are not checked. @throws {SignedNoteError} */
export function parseNote(note: string): SignedNote {
  const end = note.lastIndexOf("\n\n");
  const lines = note.slice(end + 2).split("\n");
  if (end < 0 || lines.length < 2 || lines.pop() !== "")
    throw new SignedNoteError("is not a signed note: a text, an empty line and signatures.");
  const signatures = lines.map((line) => {
    const match = /^— (\S+) ([A-Za-z0-9+/]+={0,2})$/.exec(line);
    const bytes = Buffer.from(match?.[2] ?? "", "base64");
    if (match?.[1] === undefined || bytes.length < 5)
      throw new SignedNoteError("is not a signed note: a signature is malformed.");
    return { name: match[1], id: bytes.readUInt32BE(0), signature: bytes.subarray(4) };
  });
  return { text: note.slice(0, end + 1), signatures };
}

/**
 * The keys among `keys` whose signature on the note is valid.
 *
 * @throws {SignedNoteError} if a signature of one of them is not valid
 */
export function verifiersOf({ text, signatures }: SignedNote, keys: readonly NoteVerifier[]): NoteVerifier[] {
  return keys.filter((key) => {
    const own = signatures.filter(({ name, id }) => name === key.name && id === key.id);
    if (!own.every(({ signature }) => verify(null, Buffer.from(text), key.key, signature)))
      throw new SignedNoteError(`has a signature of ${key.name} that is not valid.`);
    return own.length > 0;
  });
}

/** The names and ids of the keys that signatures claim, as public keys begin. */
export const keyNamesOf = ({ signatures }: SignedNote): string[] =>
  signatures.map(({ name, id }) => `${name}+${hexOf(id)}`);

function signerOf(name: string, seed: Buffer): NoteSigner {
  const key = createPrivateKey({ key: Buffer.concat([privatePrefix, seed]), format: "der", type: "pkcs8" });
  const verifier = verifierOf(name, createPublicKey(key));
  return { verifier, key, text: `PRIVATE+KEY+${name}+${hexOf(verifier.id)}+${encode(seed)}` };
}

function verifierOf(name: string, key: KeyObject): NoteVerifier {
  requireName(name);
  const bytes = key.export({ format: "der", type: "spki" }).subarray(publicPrefix.length);
  // C2SP signed-note, "Signatures": SHA-256 of the name, a newline, the algorithm and the key.
  const hash = createHash("sha256").update(`${name}\n`).update(Uint8Array.of(ed25519)).update(bytes).digest();
  const id = hash.readUInt32BE(0);
  return { name, id, key, text: `${name}+${hexOf(id)}+${encode(bytes)}` };
}

const hexOf = (id: number): string => id.toString(16).padStart(8, "0");

const encode = (bytes: Buffer): string => Buffer.concat([Uint8Array.of(ed25519), bytes]).toString("base64");

/** The 32 bytes of an Ed25519 key; undefined for anything else. */
function keyBytesOf(text: string | undefined): Buffer | undefined {
  const bytes = Buffer.from(text ?? "", "base64");
  return bytes.length === 33 && bytes[0] === ed25519 && bytes.toString("base64") === text
    ? bytes.subarray(1)
    : undefined;
}

function requireName(name: string): void {
  if (name === "" || /[\s+]/u.test(name))
    throw new SignedNoteError("has a name that is empty, or contains whitespace or a plus sign.");
}

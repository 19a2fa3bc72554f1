/** What a proof proves: a row of the audit trail, and where it is in which log. */
export interface ProvenRow {
  /** The name of the log. */
  readonly origin: string;
  /** The number of rows that the signed checkpoint covers. */
  readonly size: number;
  readonly index: number;
  readonly id: string;
  /** In UTC with microseconds: `2026-11-28T05:00:00.123456Z`. */
  readonly createdAt: string;
  readonly action: string;
  readonly actor: string;
  readonly actingId: string | null;
  readonly subjectId: string | null;
  readonly resourceType: string | null;
  readonly resourceId: string | null;
  readonly requestId: string | null;
  /** JSON as PostgreSQL prints it: its numbers may be more exact than those of JavaScript. Undefined if it was erased. */
  readonly changes: string | null | undefined;
  /** Undefined if it was erased, with the user agent. */
  readonly ipAddress: string | null | undefined;
  readonly userAgent: string | null | undefined;
}

/** A proof that proves nothing, with the reason. */
export class ProofError extends Error {
  override readonly name = "ProofError";
}

/**
 * Checks a proof of `audit.prove` or `aeturnis-data audit prove` (C2SP tlog-proof): that a log with one of these keys
 * contains the row. It needs no service and no network, only WebCrypto with Ed25519, which browsers have in pages over HTTPS
 * and from localhost.
 *
 * The proof shows the row in clear, with the address and user agent of the client and the changes.
 *
 * @param proof the text of the proof, with or without the newline at its end
 * @param publicKeys public keys of the log, as `aeturnis-data audit key list` prints them
 * @throws {ProofError} if the proof is not valid
 */
export async function verifyProof(proof: string, publicKeys: string | readonly string[]): Promise<ProvenRow> {
  const { extra, index, path, checkpoint } = parseProof(proof);
  const { origin, size, root } = await verifyCheckpoint(checkpoint, [publicKeys].flat());
  ensure(index < size, "the log has fewer rows than the index of the entry");
  const { entry, changes, client } = parseExtra(extra);
  const found = await rootOf(await sha256(Uint8Array.of(0), utf8(entry)), { index, size, path });
  ensure(found !== undefined && isEqual(found, root), "the entry is not the one that is in the log at this index");
  const row = parseEntry(entry);
  const [openedChanges, openedClient] = [await open(row["changes"], changes), await open(row["client"], client)];
  const clientValues = typeof openedClient === "string" ? parseObject(openedClient) : undefined;
  const ofClient = (name: string) => (openedClient === undefined ? undefined : textOf(clientValues?.[name]));
  return {
    origin,
    size,
    index,
    id: String(row["id"]),
    createdAt: String(row["created_at"]),
    action: String(row["action"]),
    actor: String(row["actor"]),
    actingId: textOf(row["acting_id"]),
    subjectId: textOf(row["subject_id"]),
    resourceType: textOf(row["resource_type"]),
    resourceId: textOf(row["resource_id"]),
    requestId: textOf(row["request_id"]),
    changes: openedChanges,
    ipAddress: ofClient("ip_address"),
    userAgent: ofClient("user_agent"),
  };
}

interface Proof {
  readonly extra: string;
  readonly index: number;
  readonly path: readonly Uint8Array[];
  readonly checkpoint: string;
}

function parseProof(proof: string): Proof {
  ensure(typeof proof === "string", "it is not a text");
  const end = proof.indexOf("\n\n");
  const [header, extraLine = "", indexLine = "", ...hashes] = proof.slice(0, Math.max(end, 0)).split("\n");
  ensure(header === "c2sp.org/tlog-proof@v1", "it is not a tlog-proof of version 1");
  const extra = /^extra (\S+)$/.exec(extraLine)?.[1];
  const index = /^index (0|[1-9]\d{0,15})$/.exec(indexLine)?.[1];
  ensure(extra !== undefined && index !== undefined, "its second line has no entry, or its third line has no index");
  const path = hashes.map(decode);
  ensure(
    path.every(({ length }) => length === 32),
    "a hash does not have 32 bytes",
  );
  // A shell's `$(…)` removes the newline at the end.
  const checkpoint = proof.slice(end + 2).replace(/([^\n])$/, "$1\n");
  return { extra, index: Number(index), path, checkpoint };
}

interface Opening {
  readonly salt: string;
  readonly value: string;
}

function parseExtra(extra: string): { entry: string; changes: Opening | undefined; client: Opening | undefined } {
  const { entry, changes, client } = parseObject(textFrom(decode(extra)));
  ensure(typeof entry === "string", "it contains no entry");
  return { entry, changes: openingOf(changes), client: openingOf(client) };
}

function openingOf(value: unknown): Opening | undefined {
  if (value === null || typeof value !== "object") return undefined;
  const { salt, value: opened } = value as Record<string, unknown>;
  return typeof salt === "string" && typeof opened === "string" ? { salt, value: opened } : undefined;
}

/** The members of an entry of version 1, in the order of RFC 8785, 3.2.3. */
const entryNames = [
  "acting_id",
  "action",
  "actor",
  "changes",
  "client",
  "created_at",
  "id",
  "request_id",
  "resource_id",
  "resource_type",
  "subject_id",
  "version",
];

function parseEntry(entry: string): Record<string, unknown> {
  const row = parseObject(entry);
  ensure(row["version"] === "1", "the entry has another version than 1");
  const isEntry =
    Object.keys(row).join() === entryNames.join() &&
    Object.values(row).every((value) => value === null || typeof value === "string") &&
    JSON.stringify(row) === entry;
  ensure(isEntry, "the entry is not in the form of RFC 8785");
  return row;
}

/** The value of a commitment. Null without a commitment, undefined if nothing opens it. */
async function open(commitment: unknown, opening: Opening | undefined): Promise<string | null | undefined> {
  if (commitment === null) return null;
  if (opening === undefined) return undefined;
  const hash = await sha256(decode(opening.salt), utf8(opening.value));
  const hex = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  ensure(hex === commitment, "a value is not the one that the entry commits to");
  return opening.value;
}

/** RFC 9162, 2.1.3.2. Undefined for a path of another length. */
async function rootOf(
  leaf: Uint8Array,
  { index, size, path }: { index: number; size: number; path: readonly Uint8Array[] },
): Promise<Uint8Array | undefined> {
  let [node, last, hash] = [index, size - 1, leaf];
  const up = () => {
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  };
  for (const sibling of path) {
    if (last === 0) return undefined;
    if (node % 2 === 1 || node === last) {
      hash = await sha256(Uint8Array.of(1), sibling, hash);
      while (node % 2 === 0 && node !== 0) up();
    } else {
      hash = await sha256(Uint8Array.of(1), hash, sibling);
    }
    up();
  }
  return last === 0 ? hash : undefined;
}

interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** Checks a signed checkpoint (C2SP tlog-checkpoint, signed-note). */
async function verifyCheckpoint(note: string, publicKeys: readonly string[]): Promise<Checkpoint> {
  const end = note.lastIndexOf("\n\n");
  const text = note.slice(0, end + 1);
  const [origin = "", size = "", root = ""] = text.split("\n");
  ensure(end > 0 && /^(0|[1-9]\d{0,15})$/.test(size), "it ends with no checkpoint");
  const signatures = note.slice(end + 2).split("\n");
  ensure(
    signatures.pop() === "" && signatures.every((line) => /^— \S+ [A-Za-z0-9+/]+={0,2}$/.test(line)),
    "a signature of its checkpoint is malformed",
  );
  for (const publicKey of publicKeys) {
    const key = await parseKey(publicKey);
    if (key.name !== origin) continue;
    const results = await Promise.all(signatures.map((line) => isSignedBy(key, line, text)));
    ensure(!results.includes(false), `a signature of ${origin} is not valid`);
    if (results.includes(true)) return { origin, size: Number(size), root: decode(root) };
  }
  throw new ProofError("The proof is not valid: its checkpoint is signed by none of the keys.");
}

interface PublicKey {
  readonly name: string;
  readonly id: Uint8Array;
  readonly bytes: Uint8Array;
}

/** Reads `<name>+<id>+<key>`, and checks the id (C2SP signed-note). */
async function parseKey(text: string): Promise<PublicKey> {
  const [, name = "", id = "", key = ""] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim()) ?? [];
  const bytes = decode(key);
  const expected = (await sha256(utf8(`${name}\n`), bytes)).slice(0, 4);
  const given = Uint8Array.from(id.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  if (bytes.length !== 33 || bytes[0] !== 1 || !isEqual(expected, given))
    throw new ProofError("A public key is not as it was printed: <name>+<id>+<key>.");
  return { name, id: expected, bytes: bytes.slice(1) };
}

/** Whether a signature of a key is valid; undefined for one of another key. */
async function isSignedBy({ name, id, bytes }: PublicKey, line: string, text: string): Promise<boolean | undefined> {
  const prefix = `— ${name} `;
  if (!line.startsWith(prefix)) return undefined;
  const signature = decode(line.slice(prefix.length));
  if (!isEqual(signature.slice(0, 4), id)) return undefined;
  const key = await crypto.subtle.importKey("raw", bytes, { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, key, signature.slice(4), utf8(text));
}

async function sha256(...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const input = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    input.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", input));
}

/** @throws {ProofError} for half of a surrogate pair, which has no form in UTF-8 */
function utf8(text: string): Uint8Array<ArrayBuffer> {
  ensure(!/\p{Surrogate}/u.test(text), "a text of it is not Unicode");
  return new TextEncoder().encode(text);
}

function textFrom(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ProofError("The proof is not valid: a text of it is not UTF-8.");
  }
}

/** Bytes from base64 in its canonical form. */
function decode(text: string): Uint8Array<ArrayBuffer> {
  try {
    const binary = atob(text);
    if (btoa(binary) === text) return Uint8Array.from(binary, (char) => char.charCodeAt(0));
  } catch {
    // Not base64.
  }
  throw new ProofError("The proof is not valid: a part of it is not base64.");
}

const isEqual = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON.
  }
  ensure(typeof value === "object" && value !== null, "a part of it is not JSON");
  return value as Record<string, unknown>;
}

const textOf = (value: unknown): string | null => (typeof value === "string" ? value : null);

function ensure(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new ProofError(`The proof is not valid: ${reason}.`);
}

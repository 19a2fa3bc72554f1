import { describe, expect, it } from "vitest";
import { checkpointText, parseCheckpoint } from "../../src/audit/checkpoint.ts";
import {
  createNoteSigner,
  parseNote,
  parseNoteSigner,
  parseNoteVerifier,
  SignedNoteError,
  signNote,
  verifiersOf,
} from "../../src/audit/signed-note.ts";

/** The keys, text and signature of the documentation of Go's golang.org/x/mod/sumdb/note. */
const goVerifier = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const goSigner = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const goText = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const goNote = `${goText}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`;

it("notes and keys are those of Go's package", () => {
  const signer = parseNoteSigner(goSigner);
  expect([signer.text, signer.verifier.text]).toEqual([goSigner, goVerifier]);
  expect(signNote(goText, [signer])).toBe(goNote);
  const verifier = parseNoteVerifier(goVerifier);
  expect(verifiersOf(parseNote(goNote), [verifier])).toEqual([verifier]);
  expect(parseNote(goNote).text).toBe(goText);
});

it("a new key signs notes that its verifier accepts, and no altered text or signature", () => {
  const signer = createNoteSigner("game.example/log");
  const other = createNoteSigner("game.example/log");
  const { verifier } = parseNoteSigner(signer.text);
  const note = signNote("a\nb\n", [signer, other]);
  expect(verifiersOf(parseNote(note), [verifier, other.verifier])).toEqual([verifier, other.verifier]);
  expect(verifiersOf(parseNote(note), [createNoteSigner("game.example/log").verifier])).toEqual([]);
  expect(() => verifiersOf(parseNote(note.replace("b", "c")), [verifier])).toThrow("is not valid");
  const { signatures } = parseNote(note);
  const damaged = Buffer.from(signatures[0]?.signature ?? []);
  damaged[10] = (damaged[10] ?? 0) ^ 1;
  expect(() =>
    verifiersOf({ text: "a\nb\n", signatures: [{ ...verifier, signature: damaged }] }, [verifier]),
  ).toThrow();
});

it.each([
  ["nothing", ""],
  ["another text", "secret"],
  ["a verifier", goVerifier],
  ["an id of another key", goSigner.replace("c74f20a3", "c74f20a4")],
  ["another algorithm", goSigner.replace("+AY", "+BY")],
  ["a short key", "PRIVATE+KEY+x+00000000+AQ=="],
])("%s is no signing key, and the message does not contain it", (_, text) => {
  expect(() => parseNoteSigner(text)).toThrow(SignedNoteError);
  expect(() => parseNoteSigner(text)).not.toThrow(text || "undefined");
  expect(() => parseNoteVerifier(goVerifier.replace("c74f20a3", "c74f20a4"))).toThrow(SignedNoteError);
});

it.each([
  "",
  "text\n",
  "text\n\n",
  "text\n\n— name\n",
  "text\n\n— name AAAA\n",
  "text\n\n— name AAAAAAAA",
  "a\n\n- n AAAAAAAAAA==\n",
])("%j is no note", (text) => expect(() => parseNote(text)).toThrow(SignedNoteError));

it.each(["", "a b", "a+b", "a\n"])("%j is no name of a key", (name) =>
  expect(() => createNoteSigner(name)).toThrow(SignedNoteError),
);

it("a text without a newline at its end, or with an empty line, is not signed", () => {
  const signer = createNoteSigner("x");
  for (const text of ["a", "a\n\nb\n"]) expect(() => signNote(text, [signer])).toThrow(SignedNoteError);
});

describe("a checkpoint", () => {
  const root = Buffer.alloc(32, 7);

  it("is read as it was written, with extensions after it", () => {
    const text = checkpointText({ origin: "game.example/log", size: 2 ** 40, root });
    expect(text).toBe("game.example/log\n1099511627776\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n");
    expect(parseCheckpoint(`${text}extension\n`)).toEqual({ origin: "game.example/log", size: 2 ** 40, root });
  });

  it.each([
    "",
    "x\n",
    "x\n01\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n",
    "x\n1\nBwc=\n",
    "x\n-1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n",
  ])("%j is none", (text) => expect(() => parseCheckpoint(text)).toThrow(SignedNoteError));
});

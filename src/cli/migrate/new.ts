import { type GenerateOptions, generate } from "../../migrator/index.ts";
import { printJson } from "../json.ts";

/** `aeturnis-data migrate new` */
export async function migrateNew(flags: GenerateOptions & { json?: boolean }): Promise<void> {
  const made = await generate(flags);
  if (flags.json) printJson({ tag: made.tag ?? null, files: made.files });
  else if (made.tag === undefined)
    console.log("No migration was generated: the schema has not changed. To create an empty migration, use --custom.");
  else console.log(["Created:", ...made.files.map((file) => `  ${file}`), "Write the down migration."].join("\n"));
}

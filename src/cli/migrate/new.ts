import { type GenerateOptions, generate } from "../../migrator/index.ts";
import { printJson } from "../json.ts";

/** `aeturnis-data migrate new` */
export async function migrateNew(flags: GenerateOptions & { json?: boolean }): Promise<void> {
  const made = await generate(flags);
  if (flags.json) printJson({ tag: made.tag ?? null, files: made.files });
  else if (made.tag === undefined)
    console.log("No migration was made: the schema has not changed. For an empty one: --custom.");
  else console.log(["Made:", ...made.files.map((file) => `  ${file}`), "Now write the way back."].join("\n"));
}

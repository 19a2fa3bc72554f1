/**
 * What PostgreSQL's programs get of our environment: enough to run. Our secrets are none of theirs, and a
 * locale of the machine's none of our data's.
 */
export const serverEnvironment: NodeJS.ProcessEnv = {
  PATH: process.env["PATH"],
  // Windows starts no program without.
  SystemRoot: process.env["SystemRoot"],
  LC_ALL: "C",
};

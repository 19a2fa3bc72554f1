// The build puts the driver itself in place of this file (rolldown.driver.config.ts): an installed package must not
// get the one from the registry, which lacks the patch.
export { default } from "postgres";

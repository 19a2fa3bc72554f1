// The build replaces this file with the patched driver itself (bundle.mjs): an installed package would
// otherwise load the unpatched driver of the registry.
export { default } from "postgres";

import { auth0 } from "./auth0.ts";
import { cognito } from "./cognito.ts";
import { django } from "./django.ts";
import { createFirebasePreset } from "./firebase.ts";
import type { FirebaseHashParameters } from "./firebase-hash.ts";
import { keycloak } from "./keycloak.ts";
import type { Preset } from "./preset.ts";
import { supabase } from "./supabase.ts";
import { wordpress } from "./wordpress.ts";

/** Systems whose exports can be imported without a mapping. */
export type PresetName = "auth0" | "firebase" | "cognito" | "keycloak" | "supabase" | "django" | "wordpress";

/**
 * Returns the preset of a system.
 *
 * @param options.firebaseHash the hash parameters of a Firebase project; without them, Firebase accounts with a password
 *   are rejected
 */
export function presetOf(
  name: PresetName,
  { firebaseHash }: { firebaseHash?: FirebaseHashParameters | undefined } = {},
): Preset {
  const firebase = createFirebasePreset(firebaseHash);
  return { auth0, cognito, keycloak, supabase, django, wordpress, firebase }[name];
}

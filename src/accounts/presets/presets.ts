import { auth0 } from "./auth0.ts";
import { cognito } from "./cognito.ts";
import { django } from "./django.ts";
import { type FirebaseHash, firebase } from "./firebase.ts";
import { keycloak } from "./keycloak.ts";
import type { Preset } from "./preset.ts";
import { supabase } from "./supabase.ts";
import { wordpress } from "./wordpress.ts";

export { readFirebaseHash } from "./firebase.ts";
export type { Preset } from "./preset.ts";

/** Systems whose exports are read as they are. */
export type PresetName = "auth0" | "firebase" | "cognito" | "keycloak" | "supabase" | "django" | "wordpress";

/** @param options.firebaseHash without it accounts of Firebase that have a password are refused */
export function presetOf(name: PresetName, { firebaseHash }: { firebaseHash?: FirebaseHash | undefined } = {}): Preset {
  const presets = { auth0, cognito, keycloak, supabase, django, wordpress, firebase: firebase(firebaseHash) };
  return presets[name];
}

import { useSyncExternalStore } from "react";
import { session } from "./api.ts";
import { Players } from "./Players.tsx";
import { SignIn } from "./SignIn.tsx";

/** Shows the players to a moderator who is signed in. */
export function Page() {
  const state = useSyncExternalStore(session.subscribe, () => session.state);
  if (state.status === "restoring") return <p>Connecting…</p>;
  if (state.status === "signedOut") return <SignIn />;
  if (state.stage !== "full") return <p>This account must first complete: {state.stage}.</p>;
  return (
    <>
      <button type="button" onClick={() => session.signOut("this")}>
        Sign out
      </button>
      <Players />
    </>
  );
}

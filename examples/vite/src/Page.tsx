import { useSyncExternalStore } from "react";
import { Devices } from "./Devices.tsx";
import { Players } from "./Players.tsx";
import { SecondFactor } from "./SecondFactor.tsx";
import { SignIn } from "./SignIn.tsx";
import { session } from "./session.ts";
import { useMe } from "./useMe.ts";

/** The page of a player, and for moderators the players. */
export function Page() {
  const state = useSyncExternalStore(session.subscribe, () => session.state);
  if (state.status === "restoring") return <p>Connecting…</p>;
  if (state.status === "signedOut") return <SignIn />;
  if (state.stage === "password_change") return <p>This account needs a new password first.</p>;
  if (state.stage === "enrolment") return <SecondFactor />;
  return <Account />;
}

function Account() {
  const me = useMe();
  return (
    <>
      <h1>{me.data?.username ?? "…"}</h1>
      <button type="button" onClick={() => session.signOut("this").catch(() => {})}>
        Sign out
      </button>
      <Devices />
      <SecondFactor />
      {me.data !== undefined && me.data.role !== "user" && <Players />}
    </>
  );
}

import { useMutation } from "@tanstack/react-query";
import { api } from "./api.ts";
import { Problem } from "./Problem.tsx";

/** Sets up an authenticator, and shows the recovery codes once. */
export function SecondFactor() {
  const enrol = useMutation(api.account.twoFactor.enrol.mutationOptions());
  const confirm = useMutation(api.account.twoFactor.confirm.mutationOptions());

  return (
    <section>
      <h2>Second factor</h2>
      <button type="button" onClick={() => enrol.mutate()}>
        Set up an authenticator
      </button>
      {enrol.data && !confirm.data && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            confirm.mutate({ code: String(new FormData(event.currentTarget).get("code")) });
          }}
        >
          <p>
            <a href={enrol.data.otpauthUri}>Open the authenticator</a>, or type this secret there:{" "}
            <code>{enrol.data.secret}</code>
          </p>
          <label>
            Code <input name="code" inputMode="numeric" autoComplete="one-time-code" required />
          </label>
          <button type="submit">Confirm</button>
        </form>
      )}
      <Problem error={enrol.error ?? confirm.error} />
      {confirm.data && (
        <>
          <p>Keep these recovery codes. Each signs in once, in place of a code:</p>
          <ul aria-label="Recovery codes">
            {confirm.data.recoveryCodes.map((code) => (
              <li key={code}>{code}</li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

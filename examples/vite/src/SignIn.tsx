import { useMutation } from "@tanstack/react-query";
import { Problem } from "./Problem.tsx";
import { session } from "./session.ts";

/** Asks for the name or email and the password, and then for the code of accounts with a second factor. */
export function SignIn() {
  const signIn = useMutation({
    mutationFn: (form: FormData) =>
      session.signIn({ login: String(form.get("login")), password: String(form.get("password")) }),
  });
  const complete = useMutation({ mutationFn: session.completeSignIn });
  const challenge = signIn.data && "challenge" in signIn.data ? signIn.data.challenge : undefined;
  const error = signIn.error ?? complete.error;

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        if (challenge === undefined) signIn.mutate(form);
        else complete.mutate({ challenge, code: String(form.get("code")) });
      }}
    >
      <label>
        Name or email <input name="login" autoComplete="username" required />
      </label>
      <label>
        Password <input name="password" type="password" autoComplete="current-password" required />
      </label>
      {challenge !== undefined && (
        <label>
          Code <input name="code" inputMode="numeric" autoComplete="one-time-code" required />
        </label>
      )}
      <button type="submit" disabled={signIn.isPending || complete.isPending}>
        Sign in
      </button>
      <Problem error={error} />
    </form>
  );
}

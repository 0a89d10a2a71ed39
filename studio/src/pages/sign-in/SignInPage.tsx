// Signing in with a token of Kubernetes. The token is sent once, and this page does not keep it.
import { useEffect, useId, useRef, useState, type FormEvent } from "react";
import { problem, problemOf } from "../../api/client";
import { signIn } from "../../api/session";
import { CopyableCommand } from "../../parts/CopyableCommand";
import { ProblemBox } from "../../parts/ProblemBox";
import { useTitle } from "../../parts/useTitle";
import type { Problem } from "../../wire";

const COMMAND = "kubectl create token NAME --namespace NAMESPACE --duration 8h";
/** As in the back end. */
const MAX_TOKEN = 16_384;

interface Props {
  previousUser: string | undefined;
  hasExpired: boolean;
}

/** Returns why a text cannot be a token; undefined if it can. */
export function tokenProblem(token: string): Problem | undefined {
  if (token === "") return problem("NoToken", "The token is empty.", "Paste the output of the command below.");
  if (token.length > MAX_TOKEN) {
    return problem("LongToken", `The token has ${token.length} characters; Studio accepts at most ${MAX_TOKEN}.`, "Paste a token alone, without a kubeconfig around it.");
  }
  if (/\s/u.test(token) || !/^[\x21-\x7e]+$/u.test(token)) {
    return problem("NotAToken", "The text has spaces or letters that no token has.", "Paste the token alone: for a kubeconfig, the value of `token`.");
  }
  return undefined;
}

export function SignInPage({ previousUser, hasExpired }: Props) {
  useTitle("Sign in");
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [token, setToken] = useState("");
  const [refusal, setRefusal] = useState<Problem>();
  const [isBusy, setBusy] = useState(false);

  useEffect(() => input.current?.focus(), []);

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    const trimmed = token.trim();
    const found = tokenProblem(trimmed);
    setRefusal(found);
    if (found) {
      input.current?.focus();
      return;
    }
    setBusy(true);
    try {
      await signIn(trimmed);
    } catch (error) {
      setRefusal(problemOf(error));
      setBusy(false);
      input.current?.focus();
    }
  }

  return (
    <main className="sign-in">
      <div className="card">
        <div className="brand">
          <img src="/icon.svg" alt="" width="28" height="28" />
          <span>Studio</span>
        </div>
        <h1>{hasExpired ? "Sign in again" : "Sign in to the cluster"}</h1>
        {hasExpired && (
          <p role="status">
            Your session has ended. Your inputs are kept: sign in as {previousUser ? <strong>{previousUser}</strong> : "the same user"} to
            go on.
          </p>
        )}
        <form onSubmit={(event) => void submit(event)} noValidate>
          <div className="field">
            <label htmlFor={id}>Token of Kubernetes</label>
            <input
              ref={input}
              id={id}
              type="password"
              autoComplete="off"
              value={token}
              onChange={(event) => setToken(event.target.value)}
              aria-invalid={refusal !== undefined}
              aria-describedby={`${id}-hint${refusal ? ` ${id}-refusal` : ""}`}
            />
            <p id={`${id}-hint`} className="hint">
              Studio acts with the rights of this token, and has no rights of its own. It stays in an encrypted cookie until you sign out.
            </p>
          </div>
          {refusal && (
            <div id={`${id}-refusal`}>
              <ProblemBox problem={refusal} />
            </div>
          )}
          <button type="submit" className="button primary wide" disabled={isBusy}>
            {isBusy ? "Signing in…" : "Sign in"}
          </button>
        </form>
        <section className="how-to" aria-labelledby={`${id}-how`}>
          <h2 id={`${id}-how`}>Where do I get a token?</h2>
          <p>For a ServiceAccount that may use TrainingJobs, for example with the role <code>edit</code>:</p>
          <CopyableCommand command={COMMAND} />
          <p>Or use the value of <code>token</code> in your kubeconfig.</p>
        </section>
      </div>
    </main>
  );
}

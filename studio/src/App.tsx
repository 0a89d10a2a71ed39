// Decides between signing in and the pages. After the end of a session the pages stay mounted under the form for
// signing in, so that their drafts are kept; another user begins with new pages.
import { loadSession, useSession } from "./api/session";
import { ErrorBoundary } from "./parts/ErrorBoundary";
import { ProblemBox } from "./parts/ProblemBox";
import { SignInPage } from "./pages/sign-in/SignInPage";
import { Workspace } from "./Workspace";

export function App() {
  const session = useSession();
  if (session.status === "unknown") return <p className="splash">Loading Studio…</p>;
  if (session.status === "unreachable") {
    return (
      <main className="splash">
        <h1>Studio</h1>
        <ProblemBox problem={session.problem} />
        <button type="button" className="button primary" onClick={() => void loadSession()}>
          Try again
        </button>
      </main>
    );
  }
  const isSignedIn = session.status === "signed-in";
  return (
    <ErrorBoundary>
      {session.session && (
        <div hidden={!isSignedIn}>
          <Workspace key={session.session.user} session={session.session} isActive={isSignedIn} />
        </div>
      )}
      {!isSignedIn && <SignInPage previousUser={session.session?.user} hasExpired={session.hasExpired} />}
    </ErrorBoundary>
  );
}

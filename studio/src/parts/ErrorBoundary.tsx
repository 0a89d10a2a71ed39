// Shows a message in place of a page whose code fails, or whose part is not on the server any more.
import { Component, type ReactNode } from "react";
import { ProblemBox } from "./ProblemBox";
import { problem } from "../api/client";

interface State {
  error: Error | undefined;
}

export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: undefined };

  static getDerivedStateFromError(error: unknown): State {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <div className="page">
        <h1>This page has failed</h1>
        <ProblemBox
          problem={problem("PageError", error.message, "Load Studio again. After an update of Studio this is necessary once.")}
        />
        <p>
          <button type="button" className="button primary" onClick={() => window.location.reload()}>
            Load again
          </button>
        </p>
      </div>
    );
  }
}

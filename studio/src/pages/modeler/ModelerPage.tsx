// The modeler: its start page, or a network in the editor.
import { lazy, useMemo, useRef } from "react";
import { DraftStore } from "../../modeler/drafts";
import { ALL } from "../../namespaces";
import { modelerAddress, navigate, type ModelerTarget } from "../../navigation";
import { useTitle } from "../../parts/useTitle";
import type { Session } from "../../wire";
import { Opener } from "./Opener";
import "./modeler.css";

// An address of a network needs no start page.
const StartPage = lazy(() => import("./start/StartPage"));

interface Props {
  open: ModelerTarget;
  namespace: string | null;
  session: Session;
}

export default function ModelerPage({ open, namespace, session }: Props) {
  useTitle("Modeler");
  const drafts = useMemo(() => new DraftStore(session.user), [session.user]);
  /** The address of the same editor after it was saved: its undo and its selection stay. */
  const renamed = useRef<{ from: string; to: string }>(undefined);
  const target = JSON.stringify(open);
  const chosen = namespace === ALL ? null : namespace;
  if (open.kind === "start") return <StartPage namespace={namespace} drafts={drafts} />;
  // Another document is another editor, with nothing of the last one.
  const key = renamed.current?.to === target ? renamed.current.from : target;
  return (
    <Opener
      key={key}
      open={open}
      namespace={chosen}
      session={session}
      drafts={drafts}
      onSaved={(run) => {
        const saved: ModelerTarget = { kind: "run", run };
        renamed.current = { from: key, to: JSON.stringify(saved) };
        navigate(modelerAddress(saved, namespace), { replace: true });
      }}
    />
  );
}

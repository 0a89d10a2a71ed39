// The actions of a run: a menu at a button, and the dialogs behind it. Mounted while it is open.
import { useCallback, useEffect, useState } from "react";
import { isAbort, problemOf } from "../../api/client";
import type { Problem, RunDetail, RunKey } from "../../wire";
import { notify } from "../announcements";
import { ProblemBox } from "../ProblemBox";
import { applicableActions, type Action, type MenuAction } from "./applicable";
import { CloneDialog } from "./CloneDialog";
import { ConflictDialog } from "./ConflictDialog";
import { DeleteDialog } from "./DeleteDialog";
import { Menu } from "./Menu";
import { act, loadDetail, storedVersion, versionOf } from "./requests";

interface Props {
  run: RunKey;
  anchor: HTMLElement;
  onClose: () => void;
  /** Called after a deletion. */
  onDeleted?: () => void;
}

type Step =
  | { name: "menu" }
  | { name: "clone" | "delete" }
  | { name: "conflict"; action: Action; stored: Record<string, unknown> };

export const LABELS: Record<MenuAction, string> = {
  suspend: "Suspend", resume: "Resume", finish: "Finish early", clone: "Clone…", delete: "Delete…",
};
const DONE: Record<Action, string> = {
  suspend: "stops and keeps its place", resume: "goes on", finish: "finishes after this epoch",
};

export function RunActions({ run, anchor, onClose, onDeleted }: Props) {
  const { kind, namespace, name } = run;
  const [detail, setDetail] = useState<RunDetail>();
  const [refusal, setRefusal] = useState<Problem>();
  const [step, setStep] = useState<Step>({ name: "menu" });
  const [isBusy, setBusy] = useState(false);

  useEffect(() => {
    const abort = new AbortController();
    loadDetail({ kind, namespace, name }, abort.signal).then(setDetail, (error: unknown) => {
      if (!isAbort(error)) setRefusal(problemOf(error));
    });
    return () => abort.abort();
  }, [kind, namespace, name]);

  const close = useCallback(() => {
    onClose();
    // The dialog of a menu's item returns the focus to that item, which is gone.
    anchor.focus();
  }, [onClose, anchor]);

  async function change(action: Action, seen: Parameters<typeof act>[2]): Promise<void> {
    setBusy(true);
    setRefusal(undefined);
    try {
      await act(run, action, seen);
      notify(`${name} ${DONE[action]}.`);
      close();
    } catch (error) {
      const stored = storedVersion(error);
      setBusy(false);
      if (stored) setStep({ name: "conflict", action, stored });
      else setRefusal(problemOf(error));
    }
  }

  if (step.name === "conflict" && detail) {
    return (
      <ConflictDialog
        name={name}
        label={LABELS[step.action]}
        seen={detail.object}
        stored={step.stored}
        refusal={refusal}
        isBusy={isBusy}
        onConfirm={() => void change(step.action, versionOf(step.stored))}
        onClose={close}
      />
    );
  }
  if (step.name === "clone" && detail) return <CloneDialog run={detail.summary} onClose={close} />;
  if (step.name === "delete" && detail) return <DeleteDialog detail={detail} onClose={close} onDeleted={onDeleted} />;
  const actions = detail ? applicableActions(detail) : [];
  return (
    <Menu anchor={anchor} label={`Actions for ${name}`} isReady={actions.length > 0} onClose={onClose}>
      {refusal && <ProblemBox problem={refusal} />}
      {!detail && !refusal && <p role="status">Loading…</p>}
      {detail && actions.length === 0 && <p>You may read this object, but not change it.</p>}
      {detail &&
        actions.map((action) => (
          <button
            key={action}
            type="button"
            disabled={isBusy}
            className={action === "delete" ? "danger" : undefined}
            onClick={() => {
              if (action === "clone" || action === "delete") setStep({ name: action });
              else void change(action, detail.summary);
            }}
          >
            {LABELS[action]}
          </button>
        ))}
    </Menu>
  );
}

// A sentence that the user has to know, with the buttons that answer it.
import type { ReactNode } from "react";
import { StateIcon } from "./icons";

export function Note({ text, children }: { text: string; children?: ReactNode }) {
  return (
    <div className="problem warning" role="note">
      <StateIcon shape="warning" />
      <p>{text}</p>
      {children && <div className="buttons">{children}</div>}
    </div>
  );
}

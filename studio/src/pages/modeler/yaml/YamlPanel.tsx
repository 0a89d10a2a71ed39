// Loads the YAML editor when it is first shown.
import { onDemand } from "../../../parts/onDemand";

export const YamlPanel = onDemand(() => import("./YamlEditor"), {
  name: "the YAML editor",
  waiting: <p className="page-wait" role="status">Loading the YAML editor…</p>,
  frame: (failure) => <div className="form-body">{failure}</div>,
});

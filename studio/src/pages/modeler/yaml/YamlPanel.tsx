// Loads the YAML editor when it is first shown.
import { lazy, Suspense } from "react";
import type { YamlEditorProps } from "./YamlEditor";

const YamlEditor = lazy(() => import("./YamlEditor"));

export function YamlPanel(props: YamlEditorProps) {
  return (
    <Suspense
      fallback={
        <p className="page-wait" role="status">
          Loading the YAML editor…
        </p>
      }
    >
      <YamlEditor {...props} />
    </Suspense>
  );
}

/** A link to the page of a run. */

import { runAddress, useQuery, withNamespace } from "../../navigation";
import { Link } from "../../parts/Link";
import type { RunKey } from "../../wire";

export function RunLink({ run, children }: { run: RunKey; children?: React.ReactNode }) {
  const namespace = useQuery("namespace");
  return <Link href={withNamespace(runAddress(run), namespace)}>{children ?? run.name}</Link>;
}

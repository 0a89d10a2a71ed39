import { StateIcon } from "./icons";
import { lookOf } from "./state";

/** A state, with its shape and colour. */
export function StateBadge({ state }: { state: string }) {
  const { tone, shape } = lookOf(state);
  return (
    <span className={`badge tone-${tone}`}>
      <StateIcon shape={shape} />
      {state}
    </span>
  );
}

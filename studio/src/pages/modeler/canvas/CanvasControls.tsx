// The buttons that move the picture, for users without a wheel.
import { StateIcon } from "../../../parts/icons";

export function CanvasControls({ onFit, onZoom }: { onFit: () => void; onZoom: (factor: number) => void }) {
  return (
    <div className="canvas-controls" role="group" aria-label="View">
      <button type="button" className="button icon-button" aria-label="Zoom in" title="Zoom in" onClick={() => onZoom(1.25)}>
        <StateIcon shape="plus" />
      </button>
      <button type="button" className="button icon-button" aria-label="Zoom out" title="Zoom out" onClick={() => onZoom(0.8)}>
        <StateIcon shape="minus" />
      </button>
      <button type="button" className="button icon-button" aria-label="Show the whole network" title="Show the whole network" onClick={onFit}>
        <StateIcon shape="fit" />
      </button>
    </div>
  );
}

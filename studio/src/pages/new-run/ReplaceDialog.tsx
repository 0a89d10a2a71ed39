// Asks before a template replaces a draft that the user has changed.
import { Dialog } from "../../parts/Dialog";

interface Props {
  title: string;
  onNetwork: () => void;
  onAll: () => void;
  onClose: () => void;
}

export function ReplaceDialog({ title, onNetwork, onAll, onClose }: Props) {
  return (
    <Dialog title={`Use the template ${title}`} onClose={onClose}>
      <div className="dialog-body">
        <p>You have changed this draft. The template can replace all of it, or its network alone: then your data, training, resources and results stay.</p>
        <div className="buttons end">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="button" className="button" onClick={onAll}>
            Replace everything
          </button>
          <button type="button" className="button primary" onClick={onNetwork}>
            Take only the network
          </button>
        </div>
      </div>
    </Dialog>
  );
}

// The inputs of a layer, with the buttons that change them.
import { disconnect } from "../../../modeler/edits/connections";
import type { Graph, GraphNode } from "../../../modeler/graph/types";
import { StateIcon } from "../../../parts/icons";
import type { EditorRim } from "../editor/rim";

interface Props {
  rim: EditorRim;
  graph: Graph;
  node: GraphNode;
}

export function Connections({ rim, graph, node }: Props) {
  const edges = graph.edges.filter((edge) => edge.target === node.id).sort((a, b) => a.input - b.input);
  const dangling = graph.dangling.filter((each) => each.node === node.id);
  const problems = rim.problems.at([...node.path, "inputs"]);
  return (
    <div className="field argument" role="group" aria-label="Inputs">
      <div className="argument-head">
        <span className="field-title">Inputs</span>
        <button type="button" className="link-button" onClick={rim.onConnect} aria-keyshortcuts="c">
          Connect…
        </button>
      </div>
      <ul className="connections">
        {edges.map((edge) => {
          const title = graph.byId.get(edge.source)?.title ?? edge.source;
          return (
            <li key={edge.id}>
              <span className="connection-name">
                {title}
                {edge.output !== null && <span className="hint"> output {edge.output}</span>}
                {edge.isImplicit && <span className="hint"> the layer above</span>}
              </span>
              {!edge.isImplicit && !edge.isFixed && (
                <button type="button" className="button icon-button" aria-label={`Disconnect ${title}`} title="Disconnect" onClick={() => void rim.apply(disconnect(edge.id))}>
                  <StateIcon shape="close" />
                </button>
              )}
            </li>
          );
        })}
        {dangling.map(({ text, input }) => (
          <li key={`${text}-${input}`} className="field-error">
            {text}: no layer has this name
          </li>
        ))}
        {edges.length === 0 && dangling.length === 0 && <li className="hint">none</li>}
      </ul>
      {problems.map((problem) => (
        <p key={problem} className="field-error">
          {problem}
        </p>
      ))}
    </div>
  );
}

/** The network of a run: a table of its layers. */

export interface LayersProps {
  /** Name, class and arguments of each layer. */
  layers: readonly (readonly string[])[];
  /** Size of the network, once the trainer has built it. */
  parameters: number | null;
}

export function Layers({ layers, parameters }: LayersProps) {
  if (layers.length === 0) {
    return <p className="hint">The spec lists no layers: the network comes from a saved model or from code.</p>;
  }
  return (
    <>
      <p>
        {layers.length} layers{parameters !== null && `, ${parameters.toLocaleString()} parameters`}
      </p>
      <div className="table-wrap is-tall" tabIndex={0} role="group" aria-label="Layers">
        <table className="data-table">
          <caption className="visually-hidden">Layers</caption>
          <thead>
            <tr>
              <th scope="col" className="figure">
                #
              </th>
              <th scope="col">Name</th>
              <th scope="col">Layer</th>
              <th scope="col">Arguments</th>
            </tr>
          </thead>
          <tbody>
            {layers.map(([name, layer, ...rest], index) => (
              <tr key={index}>
                <td className="figure">{index + 1}</td>
                <th scope="row">{name || "–"}</th>
                <td>{layer}</td>
                <td className="arguments">{rest.join(", ")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** The files of the results, to download. */

import type { Files } from "../../wire";
import { readableBytes } from "./sizes";

export interface FilesViewProps {
  files: Files;
  /** Returns the address of a file. */
  address: (path: string) => string;
}

export function FilesView({ files, address }: FilesViewProps) {
  return (
    <>
      <p className="hint">
        <code>{files.uri}</code>
      </p>
      {!files.isComplete && <p className="hint">There are more files. The list has the first {files.files.length}.</p>}
      {files.files.length === 0 ? (
        <p className="hint">No files are stored yet.</p>
      ) : (
        <div className="table-wrap is-tall" tabIndex={0} role="group" aria-label="Files">
          <table className="data-table">
            <caption className="visually-hidden">Files of the results</caption>
            <thead>
              <tr>
                <th scope="col">File</th>
                <th scope="col">Content</th>
                <th scope="col" className="figure">
                  Size
                </th>
              </tr>
            </thead>
            <tbody>
              {files.files.map((file) => (
                <tr key={file.path}>
                  <th scope="row">
                    <a href={address(file.path)} download={file.path.split("/").at(-1) ?? file.path}>
                      {file.path}
                    </a>
                  </th>
                  <td>{file.description || "–"}</td>
                  <td className="figure nowrap">{readableBytes(file.size)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

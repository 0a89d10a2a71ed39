/** Addresses of the results of a run. */

import { runPath } from "../../api/paths";
import type { RunKey } from "../../wire";

/** Returns the address of a file of the results, such as checkpoints/7.keras. */
export function fileAddress(run: RunKey, path: string): string {
  return `${runPath(run)}/files/${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** Returns the address of a picture of the results, such as mistakes.png.
 *
 * @param version - Another version requests the picture again: an image of the same address is not.
 */
export function pictureAddress(run: RunKey, file: string, version = ""): string {
  const query = version ? `?${new URLSearchParams({ version })}` : "";
  return `${runPath(run)}/pictures/${encodeURIComponent(file)}${query}`;
}

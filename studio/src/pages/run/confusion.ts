/** Figures of an evaluation in the form of its tables. */

/** Number of steps of the heat of a cell; 0 is a cell without samples. */
export const HEAT_STEPS = 5;

/**
 * Returns the heat of each cell of a confusion matrix: the share of the samples of its row.
 *
 * Shares and not counts, because a frequent class would else hide the mistakes of a rare one.
 */
export function heat(matrix: readonly (readonly number[])[]): number[][] {
  return matrix.map((row) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count) => (count === 0 ? 0 : Math.max(1, Math.ceil((count / total) * HEAT_STEPS))));
  });
}

/** Returns the name of a class, or its index without one. */
export function className(index: number, names: ReadonlyMap<number, string>): string {
  return names.get(index) ?? String(index);
}

/** Returns a share as a percentage, such as 97.6 %. */
export function percentage(share: number | null | undefined): string {
  return share === null || share === undefined ? "–" : `${(share * 100).toFixed(1)} %`;
}

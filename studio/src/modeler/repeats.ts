// Repeated patterns in a list, such as Conv2D, BatchNormalization, ReLU, Conv2D, BatchNormalization, ReLU.

/** Longest pattern. */
const MAX_PERIOD = 40;
/** A single entry is a pattern from this number of repeats on. */
const MIN_SINGLE = 4;

export interface Repeat {
  begin: number;
  period: number;
  repeats: number;
}

/** Returns the repeated patterns of a list in their order, without overlaps. At each place the longest one is taken. */
export function findRepeats(keys: readonly string[]): Repeat[] {
  const found: Repeat[] = [];
  let begin = 0;
  while (begin < keys.length) {
    const best = longestAt(keys, begin);
    if (best) found.push(best);
    begin += best ? best.period * best.repeats : 1;
  }
  return found;
}

function longestAt(keys: readonly string[], begin: number): Repeat | undefined {
  let best: Repeat | undefined;
  for (let period = 1; period <= Math.min(MAX_PERIOD, (keys.length - begin) / 2); period++) {
    let end = begin + period;
    while (end < keys.length && keys[end] === keys[end - period]) end++;
    const repeats = Math.floor((end - begin) / period);
    const isEnough = repeats >= (period === 1 ? MIN_SINGLE : 2);
    if (isEnough && (!best || period * repeats > best.period * best.repeats)) best = { begin, period, repeats };
  }
  return best;
}

// Medians, and how sure they are.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// A 95 % interval of the median: resampled with replacement, with a seed, so that the same
// rounds always give the same interval.
export function interval(values, samples = 4000) {
  let state = 12345;
  const roll = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
  if (values.length === 0) return [NaN, NaN];
  const medians = Array.from({ length: samples }, () =>
    median(values.map(() => values[Math.floor(roll() * values.length)])),
  ).sort((a, b) => a - b);
  return [medians[Math.floor(samples * 0.025)], medians[Math.floor(samples * 0.975)]];
}

// Compares two peers round by round: what they share of a noisy machine cancels out.
export function ratioOf(rounds, peer, base, key) {
  const ratios = rounds
    .map((round) => round[peer]?.[key] / round[base]?.[key])
    .filter((ratio) => Number.isFinite(ratio));
  return { ratio: median(ratios), interval: interval(ratios), rounds: ratios.length };
}

export function medianOf(rounds, peer, key) {
  return median(rounds.map((round) => round[peer]?.[key]).filter(Number.isFinite));
}

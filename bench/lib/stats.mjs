// Medians, and how sure they are.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// A 95 % interval of `of(sample)`: rounds are drawn again with replacement, from a seed, so that
// the same rounds always give the same interval.
export function interval(rounds, of = median, samples = 4000) {
  let state = 12345;
  const roll = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
  if (rounds.length === 0) return [NaN, NaN];
  const found = Array.from({ length: samples }, () =>
    of(rounds.map(() => rounds[Math.floor(roll() * rounds.length)])),
  ).sort((a, b) => a - b);
  return [found[Math.floor(samples * 0.025)], found[Math.floor(samples * 0.975)]];
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

// What a peer adds to the direct way. Single rounds' high quantiles are too rough to subtract, so
// medians over the rounds are.
export const addedBy = (rounds, peer, key) => medianOf(rounds, peer, key) - medianOf(rounds, 'direct', key);

export function addedRatio(rounds, peer, base, key) {
  const of = (sample) => addedBy(sample, peer, key) / Math.max(addedBy(sample, base, key), 0.1);
  return { ratio: of(rounds), interval: interval(rounds, of, 1000), rounds: rounds.length };
}

// Millionths of a dollar for people. What is not known is a dash, never $0; a cost below what is shown says so.
export function formatCost(usd_micro: number | null | undefined): string {
  if (usd_micro === null || usd_micro === undefined || !Number.isFinite(usd_micro)) return '–';
  const usd = usd_micro / 1e6;
  if (usd === 0) return '$0';
  if (usd < 0.0001) return '<$0.0001';
  if (usd < 0.01) return `$${usd.toFixed(4)}`;
  if (usd < 10) return `$${usd.toFixed(usd < 1 ? 3 : 2)}`;
  return `$${usd.toLocaleString('en-US', { minimumFractionDigits: usd < 1000 ? 2 : 0, maximumFractionDigits: usd < 1000 ? 2 : 0 })}`;
}

/** A sum of costs from which some are missing says that it is at least so much. */
export const formatCostSum = (usd_micro: number | null | undefined, unknown_count: number | null | undefined) =>
  unknown_count && usd_micro ? `≥ ${formatCost(usd_micro)}` : unknown_count ? '?' : formatCost(usd_micro);

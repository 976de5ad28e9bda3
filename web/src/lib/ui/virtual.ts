// Which rows of a long list are on the screen. Pure; VirtualList.svelte draws them.
export type Range = { from: number; to: number };

export function rangeOf(scroll_px: number, height_px: number, row_px: number, count: number, spare: number): Range {
  const first = Math.floor(scroll_px / row_px) - spare;
  const last = Math.ceil((scroll_px + height_px) / row_px) + spare;
  return { from: Math.max(0, Math.min(first, count)), to: Math.max(0, Math.min(last, count)) };
}

/** Where to scroll so that a row is seen whole; the same place when it is already. */
export function scrollToShow(index: number, scroll_px: number, height_px: number, row_px: number): number {
  const top = index * row_px;
  if (top < scroll_px) return top;
  if (top + row_px > scroll_px + height_px) return top + row_px - height_px;
  return scroll_px;
}

/** Gives each id a slot: the one it had, else one that has become free, else a new one. */
export function placeInSlots(before: ReadonlyMap<string, number>, ids: string[]): Map<string, number> {
  const staying = new Set(ids);
  const free: number[] = [];
  for (const [id, slot] of before) if (!staying.has(id)) free.push(slot);
  let next = Math.max(-1, ...before.values()) + 1;
  const after = new Map<string, number>();
  for (const id of ids) after.set(id, before.get(id) ?? -1);
  for (const [id, slot] of after) if (slot < 0) after.set(id, free.pop() ?? next++);
  return after;
}

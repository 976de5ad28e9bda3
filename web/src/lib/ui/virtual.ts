// Which rows of a long list are on the screen. Pure; VirtualList.svelte draws them.
export type Range = { from: number; to: number };

export function rangeOf(scroll_px: number, height_px: number, row_px: number, count: number, spare = 8): Range {
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

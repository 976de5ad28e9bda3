// Long names made short for a column; the whole name is always shown somewhere else.

/** claude-opus-4-1-20250805 → opus-4-1; a name that is not Claude's stays as it is. */
export function shortModel(model: string | null | undefined): string {
  if (!model) return '–';
  const name = model.replace(/^(?:[a-z]+[./])?(?:anthropic[./])?claude-/, '');
  return name.replace(/-(?:20\d{6}|latest)$/, '') || model;
}

/** The last eight characters of an id: the first ones of a UUIDv7 are the time, alike for neighbours. */
export function shortId(id: string | null | undefined): string {
  if (!id) return '–';
  return id.length <= 12 ? id : id.slice(-8);
}

/** upstream_truncated → upstream truncated */
export const words = (name: string) => name.replaceAll('_', ' ');

/** /home/me/code/shop → shop: the last part of a path says which project it is. */
export function shortPath(path: string | null | undefined): string {
  if (!path) return '–';
  return path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
}

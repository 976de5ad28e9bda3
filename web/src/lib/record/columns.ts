// The list's columns: what they are called, how wide they are, and which give way first where space is short.
export type ColumnName =
  | 'time' | 'state' | 'title' | 'model' | 'provider' | 'agent' | 'class' | 'project' | 'msgs' | 'tools' | 'status' | 'in' | 'cached' | 'written'
  | 'out' | 'cost' | 'speed' | 'size' | 'first' | 'took' | 'bar';
export type Column = { name: ColumnName; label: string; long: string; px: number; right?: boolean; usual: boolean; rank: number };

const title_px = 190; // the least a title is given before a column gives way
const gap_px = 12;

/** In the order in which they stand. A lower rank stays longer. */
export const columns: Column[] = [
  { name: 'time', label: 'Time', long: 'Started', px: 62, usual: true, rank: 1 },
  { name: 'state', label: '', long: 'State', px: 12, usual: true, rank: 0 },
  { name: 'title', label: 'Request', long: 'Request', px: 0, usual: true, rank: 0 },
  { name: 'model', label: 'Model', long: 'Model asked, and used where it is another', px: 128, usual: true, rank: 4 },
  { name: 'provider', label: 'Route', long: 'Where it went, and whether a rule took it', px: 84, usual: true, rank: 13 },
  { name: 'agent', label: 'Agent', long: 'Who asked: an agent, or what a side request is for', px: 92, usual: true, rank: 9 },
  { name: 'class', label: 'Class', long: 'What kind of request it is', px: 84, usual: false, rank: 19 },
  { name: 'project', label: 'Project', long: 'Project (working directory)', px: 110, usual: false, rank: 14 },
  { name: 'msgs', label: 'Msgs', long: 'Messages in the request', px: 36, right: true, usual: false, rank: 15 },
  { name: 'tools', label: 'Calls', long: 'Tools called by the answer', px: 110, usual: true, rank: 12 },
  { name: 'status', label: 'Status', long: 'HTTP status', px: 42, right: true, usual: true, rank: 11 },
  { name: 'in', label: 'In', long: 'Input tokens, not from the cache', px: 44, right: true, usual: true, rank: 7 },
  { name: 'cached', label: 'Cached', long: 'Tokens read from the cache', px: 50, right: true, usual: true, rank: 10 },
  { name: 'written', label: 'Written', long: 'Tokens written to the cache', px: 50, right: true, usual: false, rank: 16 },
  { name: 'out', label: 'Out', long: 'Output tokens', px: 50, right: true, usual: true, rank: 3 },
  { name: 'cost', label: 'Cost', long: 'Cost in US dollars', px: 54, right: true, usual: true, rank: 5 },
  { name: 'speed', label: 'Tok/s', long: 'Output tokens a second, from the first token on', px: 42, right: true, usual: false, rank: 17 },
  { name: 'size', label: 'Size', long: 'Bytes of the request', px: 56, right: true, usual: false, rank: 18 },
  { name: 'first', label: 'First', long: 'Time to first token', px: 58, right: true, usual: true, rank: 8 },
  { name: 'took', label: 'Took', long: 'Duration', px: 58, right: true, usual: true, rank: 2 },
  { name: 'bar', label: 'Stream', long: 'Waiting pale, streaming full', px: 100, usual: true, rank: 6 }
];

export const usualColumns = columns.filter((column) => column.usual).map((column) => column.name);

/** A list of names from the URL or the browser's memory; what it does not know is left out. */
export function readColumns(text: string): ColumnName[] {
  const names = text.split(',');
  const chosen = columns.filter((column) => names.includes(column.name)).map((column) => column.name);
  return chosen.length ? chosen : usualColumns;
}

/** Those of the chosen columns that have room, the state and the title always among them. */
export function fitColumns(chosen: ColumnName[], width_px: number): Column[] {
  const wanted = columns.filter((column) => column.rank === 0 || chosen.includes(column.name));
  let free_px = width_px - title_px;
  const kept = new Set<ColumnName>();
  for (const column of wanted.toSorted((a, b) => a.rank - b.rank)) {
    if (column.rank > 0 && free_px < column.px + gap_px) break;
    kept.add(column.name);
    free_px -= column.px + gap_px;
  }
  return wanted.filter((column) => kept.has(column.name));
}

export const tracksOf = (shown: Column[]) => shown.map((column) => (column.name === 'title' ? 'minmax(0, 1fr)' : `${column.px}px`)).join(' ');

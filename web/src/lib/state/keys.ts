// Which key means what, in one table: the help page and the handlers read the same rows.
export const keys = [
  { keys: ['j', '↓'], what: 'next request' },
  { keys: ['k', '↑'], what: 'previous request' },
  { keys: ['g', 'G'], what: 'newest, oldest request' },
  { keys: ['Enter'], what: 'open the request' },
  { keys: ['Esc'], what: 'close the request, or this help' },
  { keys: ['1', '…', '8'], what: 'tab of an open request' },
  { keys: ['/'], what: 'search' },
  { keys: ['[', ']'], what: 'previous, next page' },
  { keys: ['t'], what: 'theme: system, light, dark' },
  { keys: ['?'], what: 'this help' }
];

/** A key typed into a field, or with a modifier, is not a command. */
export function isCommand(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false;
  const target = event.target as HTMLElement | null;
  return !target?.closest('input, textarea, select, [contenteditable], dialog');
}

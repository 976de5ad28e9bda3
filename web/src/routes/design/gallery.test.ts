// The gallery shows every component there is: what is neither on it nor part of what is on it is named here, with why.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const source = resolve(import.meta.dirname, '../..');
const elsewhere = new Set([
  'frame/TopBar', 'frame/HelpDialog', // around every page
  'record/RequestDetail', 'record/Overview', 'record/PartView', 'record/RawView', 'record/RawRequest', 'record/RawAnswer', // of an opened request
  'diff/ChangesView', 'diff/TurnChanges', 'sessions/ChatView', 'sessions/LastTurn', 'transcript/TranscriptView', // read what they show by themselves
  'stats/TimeCharts' // charts, as on the gallery
]);

function reach(path: string, seen: Set<string>) {
  if (seen.has(path)) return;
  seen.add(path);
  for (const [, to] of readFileSync(path, 'utf8').matchAll(/from '([^']+\.svelte)'/g)) reach(to!.startsWith('#lib/') ? join(source, 'lib', to!.slice(5)) : resolve(dirname(path), to!), seen);
}

it('shows every component', () => {
  const seen = new Set<string>();
  reach(join(source, 'routes/design/Gallery.svelte'), seen);
  const all = readdirSync(join(source, 'lib'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.svelte'));
  expect(all.map((name) => name.replace('.svelte', '')).filter((name) => !seen.has(join(source, 'lib', `${name}.svelte`)) && !elsewhere.has(name))).toEqual([]);
});

// Cuts a text into what it is made of: prose, fenced code, and the reminders that Claude Code puts between.
export type Segment =
  | { kind: 'prose'; text: string }
  | { kind: 'code'; text: string; language: string }
  | { kind: 'reminder'; text: string; name: string };

const tags = 'system-reminder|local-command-stdout|local-command-stderr|local-command-caveat|command-name|command-message|command-args|task-notification';
const tagged = new RegExp(`<(${tags})>([\\s\\S]*?)</\\1>`, 'g');
const fence = /^(`{3,}|~{3,})([^\n`]*)\n([\s\S]*?)(?:\n\1[ \t]*$|$(?![\s\S]))/gm;
const most_fenced_characters = 200_000;

export function segmentsOf(text: string): Segment[] {
  const out: Segment[] = [];
  let from = 0;
  for (const match of text.matchAll(tagged)) {
    pushProse(out, text.slice(from, match.index));
    out.push({ kind: 'reminder', name: match[1]!, text: match[2]!.trim() });
    from = match.index + match[0].length;
  }
  pushProse(out, text.slice(from));
  return out;
}

/** Blank lines at both ends go; the indent of the first line stays. */
const withoutBlankEdges = (text: string) => text.replace(/^(?:[ \t]*\r?\n)+/, '').trimEnd();

function pushProse(out: Segment[], text: string) {
  if (!text.trim()) return;
  if (text.length > most_fenced_characters) {
    out.push({ kind: 'prose', text });
    return;
  }
  let from = 0;
  for (const match of text.matchAll(fence)) {
    const before = withoutBlankEdges(text.slice(from, match.index));
    if (before) out.push({ kind: 'prose', text: before });
    out.push({ kind: 'code', language: match[2]!.trim(), text: match[3]! });
    from = match.index + match[0].length;
  }
  const rest = withoutBlankEdges(text.slice(from));
  if (rest) out.push({ kind: 'prose', text: rest });
}

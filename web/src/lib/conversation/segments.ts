// Cuts a text into prose and the insertions that Claude Code puts between (reminders, command output).
export type Segment = { kind: 'prose'; text: string } | { kind: 'reminder'; text: string; name: string };

const tags = 'system-reminder|local-command-stdout|local-command-stderr|local-command-caveat|command-name|command-message|command-args|command-contents|task-notification|bash-input|bash-stdout|bash-stderr|user-prompt-submit-hook|ide_opened_file|ide_selection';
const tagged = new RegExp(`<(${tags})>([\\s\\S]*?)</\\1>`, 'g');

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
  const prose = withoutBlankEdges(text);
  if (prose) out.push({ kind: 'prose', text: prose });
}

// The kinds of text that can be found, as they are called here, and the tab of a request that shows them.
import type { Hit, TextKind } from '../api/types.ts';
import { requestLink } from '../format/links.ts';

export const kindNames: Record<TextKind, { label: string; tone: string; is_code: boolean }> = {
  user: { label: 'user', tone: 'user', is_code: false },
  assistant: { label: 'assistant', tone: 'assistant', is_code: false },
  thinking: { label: 'thinking', tone: 'thinking', is_code: false },
  tool_input: { label: 'tool input', tone: 'tool', is_code: true },
  tool_result: { label: 'tool result', tone: 'tool', is_code: true },
  system: { label: 'system', tone: 'system', is_code: false },
  tool: { label: 'tool description', tone: 'system', is_code: false }
};

const longest_find = 80;

/** Where a hit is read: the request, the right tab, and the words to go to. */
export function hitLink(hit: Hit): string {
  const tab = hit.kind === 'system' ? 'system' : hit.kind === 'tool' ? 'tools' : 'conversation';
  const [first] = hit.highlights;
  const words = first ? hit.snippet.slice(first[0], first[0] + first[1]).toWellFormed().slice(0, longest_find) : '';
  return `${requestLink(hit.request_id)}?${new URLSearchParams({ tab, ...(words ? { find: words } : {}) })}`;
}

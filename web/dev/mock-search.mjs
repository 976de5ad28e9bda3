// GET /api/search of the mock: looks through the made-up bodies, each text once. Words must all occur; no more of
// the language than that.
const most = 500;

function* textsOf(made, bodyOf, messageOf) {
  const body = bodyOf(made);
  for (const block of body.system ?? []) yield ['system', null, block.text];
  const named = new Map();
  for (const message of [...(body.messages ?? []), ...(made.row.status === 200 ? [messageOf(made)] : [])]) {
    for (const block of Array.isArray(message.content) ? message.content : [{ type: 'text', text: message.content }]) {
      if (block.type === 'text') yield [message.role, null, block.text];
      else if (block.type === 'thinking') yield ['thinking', null, block.thinking];
      else if (block.type === 'tool_use') {
        named.set(block.id, block.name);
        yield ['tool_input', block.name, Object.values(block.input ?? {}).filter((value) => typeof value === 'string').join('\n')];
      } else if (block.type === 'tool_result') yield ['tool_result', named.get(block.tool_use_id) ?? null, block.content?.[0]?.text];
    }
  }
}

function snippetOf(text, words) {
  const at = text.toLowerCase().indexOf(words[0]);
  const from = Math.max(0, at - 60);
  const snippet = (from ? '…' : '') + text.slice(from, at + 180) + (text.length > at + 180 ? '…' : '');
  const lower = snippet.toLowerCase();
  const highlights = words.flatMap((word) => (lower.includes(word) ? [[lower.indexOf(word), word.length]] : [])).sort((a, b) => a[0] - b[0]);
  return { snippet, highlights };
}

export function searchIn(all, params, bodyOf, messageOf) {
  const words = (params.get('q') ?? '').toLowerCase().replace(/["*]/g, '').split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  const wanted = (name, value) => !params.get(name) || params.get(name) === value;
  const seen = new Set();
  const results = [];
  for (const made of all) {
    const { row } = made;
    if (!wanted('session', row.session_id) || !wanted('model', row.model) || row.path.endsWith('count_tokens')) continue;
    for (const [kind, tool, text] of textsOf(made, bodyOf, messageOf)) {
      if (typeof text !== 'string' || !wanted('role', kind) || !wanted('tool', tool)) continue;
      if (!words.every((word) => text.toLowerCase().includes(word)) || seen.has(`${row.session_id} ${text}`)) continue;
      seen.add(`${row.session_id} ${text}`);
      results.push({ request_id: row.id, session_id: row.session_id, agent_id: row.agent_id, started_at: row.started_at, model: row.model, title: row.title, kind, tool, ...snippetOf(text, words) });
      if (results.length === most) return results;
    }
  }
  return results;
}

// GET /api/sessions/{id}, /api/conversations/{id} and /api/transcripts of the mock: a session's agents, a conversation
// as one chat, what the client wrote down of a session.
export function treeOf(session, rows, line) {
  const agents = [...Map.groupBy(rows.toReversed(), (row) => row.agent_id)].map(([agent_id, of]) => {
    const sums = { first_at: of[0].started_at, last_at: of.at(-1).started_at, request_count: of.length, error_count: 0, tool_use_count: of.length, busy_ms: of.reduce((sum, row) => sum + (row.duration_ms ?? 0), 0), usage: line(null, of).usage };
    return { agent_id, parent: agent_id ? 0 : null, depth: agent_id ? 1 : 0, agent_type: of[0].agent_type, description: agent_id ? 'Review the date fix' : null, is_fork: false, models: [of[0].model], ...sums, total: sums, requests: [] };
  });
  return { session, is_cut: false, agents: agents.sort((a, b) => a.depth - b.depth) };
}

export function conversationOf(made, body, answer, params) {
  const all = [...body.messages.map((message) => ({ message, is_answer: message.role === 'assistant' })), ...(answer ? [{ message: answer, is_answer: true }] : [])];
  const limit = Number(params.get('limit') ?? 50);
  const from = params.has('from') ? Number(params.get('from')) : Math.max(0, all.length - limit);
  const { row } = made;
  return {
    conversation: { id: '40437dd784c62cd6', session_id: row.session_id, title: row.title }, is_cut: false, leaf: row.id, branch_count: 1, branches: [], forked_from: null,
    total: all.length, from, next_from: from + limit < all.length ? from + limit : null,
    parts: [{ from: 0, message_count: all.length, request_id: row.id, has_answer: Boolean(answer), missing: null }],
    messages: all.slice(from, from + limit).map((one, index) => ({ index: from + index, request_id: row.id, ...one })),
    requests: [row]
  };
}

const key = (session, agent) => `${session}+${agent ?? ''}`;

export function transcriptsOf(session, rows) {
  const of = rows.filter((row) => row.session_id === session);
  return [...Map.groupBy(of.toReversed(), (row) => row.agent_id)].map(([agent_id, turns]) => ({
    id: key(session, agent_id), session_id: session, agent_id, agent_type: turns[0].agent_type, description: null, tool_use_id: null, project: '-home-me-shop', path: `-home-me-shop/${session}.jsonl`,
    cwd: turns[0].project, branch: 'main', title: turns[0].title, first_at: turns[0].started_at, last_at: turns.at(-1).started_at, line_count: 12, bad_line_count: 0, long_line_count: 0, read_bytes: 4096
  }));
}

export function transcriptLinesOf(id, rows, known, bodyOf) {
  const newest = rows.find((row) => key(row.session_id, row.agent_id) === id && row.state !== 'running');
  const messages = newest ? bodyOf(known.get(newest.id)).messages : [];
  const lines = messages.map((message, index) => ({
    position: index * 1000, kind: message.role === 'assistant' ? 'assistant' : 'user', uuid: null, parent_uuid: null, is_sidechain: newest.agent_id !== null, is_meta: false, is_error: false, is_compacted: false,
    at: newest.started_at, cwd: newest.project, branch: 'main', message_id: null, upstream_request_id: message.role === 'assistant' ? `req_${index}` : null, request_id: message.role === 'assistant' && index > 1 ? newest.id : null, line: { type: message.role, message }
  }));
  lines.unshift({ ...lines[0], position: -1, kind: 'other', upstream_request_id: null, request_id: null, line: { type: 'queue-operation', operation: 'enqueue' } });
  return { transcript: { id }, is_cut: false, missing: null, lines, next_from: null };
}

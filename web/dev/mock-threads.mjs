// GET /api/sessions/{id} and /api/conversations/{id} of the mock: a session's agents, and a conversation as one chat.
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

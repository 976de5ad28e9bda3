// Made-up but lifelike traffic for the mock API: Claude Code sessions with tools, thinking, sub-agents and
// errors. The same seed gives the same data. `hostile` puts markup and odd characters into every text.

import { hostileTexts } from './hostile.mjs';
import { routeRow } from './mock-routing.mjs';

export const states = ['complete', 'client_disconnected', 'upstream_truncated', 'upstream_reset', 'upstream_timeout', 'upstream_error', 'rejected', 'proxy_shutdown', 'proxy_crash'];

export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const hex = (random, digits) => Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');

export function uuid7(ms, random) {
  const time = Math.floor(ms).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(random, 3)}-8${hex(random, 3)}-${hex(random, 12)}`;
}

const titles = [
  ['Fix the failing date test in the invoice parser', 'src/invoice/parse.ts'],
  ['Add a retry with backoff to the S3 uploader', 'internal/upload/s3.go'],
  ['Why does the checkout page flash on load?', 'web/src/routes/checkout/+page.svelte'],
  ['Rename Account to Workspace everywhere', 'app/models/workspace.rb'],
  ['Write a migration for the audit log', 'db/migrations/0042_audit.sql'],
  ['Review my branch for race conditions', 'src/io/loop.c'],
  ['Make the CI cache work on macOS', '.github/workflows/ci.yml'],
  ['Explain how the scheduler picks a worker', 'scheduler/pick.rs']
];
const projects = ['ledger', 'uploader', 'shop', 'workspace'];
const models = ['claude-opus-5-20260915', 'claude-sonnet-5-20260915', 'claude-haiku-4-5-20251001'];
const toolNames = ['Bash', 'Read', 'Edit', 'Write', 'Grep', 'Glob', 'Agent', 'TodoWrite', 'WebFetch', 'WebSearch', 'NotebookEdit', 'mcp__github__list_issues', 'mcp__github__create_pull_request', 'mcp__linear__search', 'AskUserQuestion', 'Skill'];

function tools() {
  return toolNames.map((name, index) => ({
    name,
    description: `${name.replace(/^mcp__/, '')} does one thing well.\n\nUse it when the work at hand asks for it, and prefer it to guessing. Paths are absolute.`,
    input_schema: { type: 'object', properties: { file_path: { type: 'string', description: 'The absolute path' }, limit: { type: 'number' } }, required: ['file_path'], additionalProperties: false },
    ...(index === toolNames.length - 1 ? { cache_control: { type: 'ephemeral' } } : {})
  }));
}

function system(is_agent) {
  return [
    { type: 'text', text: `x-anthropic-billing-header: cc_version=2.1.329.a3f; cc_entrypoint=cli;${is_agent ? ' cc_is_subagent=true;' : ''}` },
    { type: 'text', text: "You are Claude Code, Anthropic's official CLI for Claude.", cache_control: { type: 'ephemeral' } },
    { type: 'text', text: `You help with software engineering tasks. Keep answers short, and say what you changed.\n\n# Tone\nBe concise and direct.\n\n# Environment\nWorking directory: /home/ada/code/ledger\nPlatform: linux\n\n${'Follow the conventions of the code around you. '.repeat(60)}`, cache_control: { type: 'ephemeral' } }
  ];
}

const output = 'PASS  src/invoice/lines.test.ts (14 tests)\nFAIL  src/invoice/parse.test.ts\n  ✕ reads a date without a time zone (4 ms)\n\n    Expected: 2026-03-01T00:00:00.000Z\n    Received: 2026-02-28T23:00:00.000Z\n\n      at Object.<anonymous> (src/invoice/parse.test.ts:31:20)\n\nTests: 1 failed, 27 passed, 28 total';
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAYAAAAf8/9hAAAAIklEQVR4nGP4TyFgGDVgNAxGw2A0DEbDYDQMRsNgNAxoYgAA0P/9A3Fqj0IAAAAASUVORK5CYII=';

/** A turn of a conversation: what the assistant says and does, and what comes back. */
function turn(n, file, random) {
  const id = `toolu_01${hex(random, 20)}`;
  const kinds = [
    ['Bash', { command: 'npm test -- --run src/invoice', description: 'Run the invoice tests' }, output, true],
    ['Read', { file_path: `/home/ada/code/ledger/${file}`, limit: 80 }, `     1→import { parseISO } from './dates';\n     2→\n     3→export function parseDate(text: string): Date {\n     4→  return new Date(text);\n     5→}\n\n<system-reminder>\nWhenever you read a file, consider whether it is safe to run.\n</system-reminder>`, false],
    ['Edit', { file_path: `/home/ada/code/ledger/${file}`, old_string: 'export function parseDate(text: string): Date {\n  return new Date(text);\n}', new_string: 'export function parseDate(text: string): Date {\n  // A date without a zone means midnight in UTC, not here.\n  return parseISO(text, { zone: "utc" });\n}' }, `The file /home/ada/code/ledger/${file} has been updated.`, false],
    ['Grep', { pattern: 'parseDate\\(', path: 'src', output_mode: 'files_with_matches' }, 'src/invoice/parse.ts\nsrc/invoice/lines.ts\nsrc/report/monthly.ts', false],
    ['TodoWrite', { todos: [{ content: 'Find where the date loses its zone', status: 'completed', activeForm: 'Finding' }, { content: 'Fix parseDate', status: 'in_progress', activeForm: 'Fixing' }, { content: 'Run all tests', status: 'pending', activeForm: 'Running' }] }, 'Todos have been modified successfully.', false],
    ['Agent', { subagent_type: 'code-reviewer', description: 'Review the date fix', prompt: 'Look at the last commit and say what could break. Be short.' }, 'One caller passes local times: src/report/monthly.ts:44. The rest is safe.', false],
    ['mcp__github__list_issues', { owner: 'ada', repo: 'ledger', state: 'open', labels: ['bug'] }, '[{"number":12,"title":"Dates off by one"}]', false]
  ];
  const [name, input, result, is_error] = kinds[n % kinds.length];
  const says = ['I will run the tests first to see what fails.', 'The parser treats a bare date as local time. Let me look at it.', 'That is the cause: `new Date(text)` takes the zone of the machine. I will parse it as UTC:\n\n```ts\nreturn parseISO(text, { zone: "utc" });\n```\n\nThis changes nothing for texts that name a zone.', 'Let me see who else calls it.', 'I will keep a list of what is left.', 'A second pair of eyes on this one.', 'Is there an issue for it already?'];
  return [
    { role: 'assistant', content: [
      ...(n % 2 === 0 ? [{ type: 'thinking', thinking: 'The failure is off by one hour, which smells of a time zone. The test passes in CI because the machines there run in UTC. I should read parseDate before I touch anything, then check every caller: one of them may rely on local time.', signature: 'EqQBCkYIBxgCKkD' }] : []),
      { type: 'text', text: says[n % says.length] },
      { type: 'tool_use', id, name, input }
    ] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: [{ type: 'text', text: result }], ...(is_error ? { is_error: true } : {}) }] }
  ];
}

export function makeBody(row, extra) {
  // The same words every turn, so that a turn's body begins with the one before it.
  const random = randomFrom([...extra.title].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) >>> 0, 7));
  const messages = [
    { role: 'user', content: [
      { type: 'text', text: '<system-reminder>\nThe date is 2026-11-21. Files in the working directory: package.json, src, tests.\n</system-reminder>' },
      { type: 'text', text: extra.title },
      ...(extra.seed % 3 === 0 ? [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } }] : [])
    ] }
  ];
  for (let n = 0; n < extra.turn; n++) messages.push(...turn(n, extra.file, random));
  return { model: row.model, messages, system: system(Boolean(row.agent_id)), tools: tools(), metadata: { user_id: JSON.stringify({ device_id: 'd3v1ce0000c0ffee', session_id: row.session_id }) }, max_tokens: 32000, thinking: { type: 'adaptive' }, output_config: { effort: 'high' }, stream: true };
}

export function makeMessage(row, extra) {
  const [assistant] = turn(extra.turn, extra.file, randomFrom(extra.seed + 1));
  return { id: `msg_01${hex(randomFrom(extra.seed), 20)}`, type: 'message', role: 'assistant', model: row.response_model, content: assistant.content, stop_reason: row.stop_reason, stop_sequence: null, usage: row.usage };
}

export function makeStream(message) {
  const event = (data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
  let text = event({ type: 'message_start', message: { ...message, content: [], stop_reason: null } }) + event({ type: 'ping' });
  message.content.forEach((block, index) => {
    const whole = block.type === 'text' ? block.text : block.type === 'thinking' ? block.thinking : JSON.stringify(block.input);
    const kind = { text: ['text_delta', 'text'], thinking: ['thinking_delta', 'thinking'], tool_use: ['input_json_delta', 'partial_json'] }[block.type];
    text += event({ type: 'content_block_start', index, content_block: { ...block, ...(block.type === 'tool_use' ? { input: {} } : { [kind[1]]: '' }) } });
    for (let at = 0; at < whole.length; at += 14) text += event({ type: 'content_block_delta', index, delta: { type: kind[0], [kind[1]]: whole.slice(at, at + 14) } });
    text += event({ type: 'content_block_stop', index });
  });
  return text + event({ type: 'message_delta', delta: { stop_reason: message.stop_reason, stop_sequence: null }, usage: message.usage }) + event({ type: 'message_stop' });
}

const errors = { 429: ['rate_limit_error', 'This request would exceed your account’s rate limit.'], 529: ['overloaded_error', 'Overloaded'], 500: ['api_error', 'Internal server error'], 400: ['invalid_request_error', 'prompt is too long: 204812 tokens > 200000 maximum'], 401: ['authentication_error', 'invalid x-api-key'] };

/** Forty of the texts for one body; ten bodies hold them all. */
const batchOf = (n) => hostileTexts.slice(((n >> 1) % 10) * 40, ((n >> 1) % 10) * 40 + 40);

/** What a translation reports, in the proxy's own shape. */
const lossesOf = (bad) => [
  { what: 'renamed', path: 'tools[].name', detail: 'mcp__github__list_issues', why: 'that provider takes shorter names', count: 1 },
  { what: 'dropped', path: 'messages[].content[].cache_control', why: 'that provider caches by itself', count: 4 },
  { what: 'dropped', path: 'top_k', detail: '40', why: 'that provider has no such setting', count: 1 },
  { what: 'approximated', path: 'thinking', why: 'told as an effort', count: 1 },
  ...(bad ? [{ what: bad, path: bad, detail: bad, why: bad, count: 2 }] : [])
];

export function makeRow(ms, n, random, session, hostile) {
  // Each text stands in two rows: one in a session of its own name, one in a session that they all share.
  const bad = hostile ? hostileTexts[(n >> 1) % hostileTexts.length] : null;
  const is_agent = random() < 0.18;
  const is_count = !is_agent && random() < 0.05;
  const luck = random();
  const status = luck > 0.94 ? Number(Object.keys(errors)[Math.floor(random() * 5)]) : 200;
  const state = status >= 400 ? 'upstream_error' : luck < 0.025 ? 'client_disconnected' : luck < 0.035 ? 'upstream_truncated' : luck < 0.04 ? 'proxy_crash' : 'complete';
  const model = is_agent || is_count ? models[2] : session.model;
  const turn_number = session.turns++;
  const ttfb = 380 + random() ** 3 * 6000;
  const first = ttfb + 20 + random() * 900;
  const out = status >= 400 ? 0 : Math.floor(20 + random() ** 2 * 2400);
  const duration = status >= 400 ? ttfb + 3 : first + out * (9 + random() * 8);
  const fault = errors[status];
  const row = {
    id: uuid7(ms, random), started_at: new Date(ms).toISOString(), state, status, stream: !is_count,
    method: 'POST', path: is_count ? '/v1/messages/count_tokens' : '/v1/messages', query: 'beta=true',
    provider: 'anthropic', model: bad ?? model, response_model: status === 200 ? (bad ?? model) : null,
    session_id: bad ? (n % 2 ? 'shared' : `${bad}${n}`) : session.id, agent_id: bad ? `${bad}${n}` : is_agent ? session.agent : null, parent_agent_id: bad ? `${bad}${n - 8}` : null,
    client: bad ?? 'claude-cli/2.1.329 (external, cli)', client_addr: '127.0.0.1:53124',
    upstream_request_id: bad ?? `req_011C${hex(random, 20)}`, stop_reason: status === 200 ? (bad ?? (random() < 0.7 ? 'tool_use' : 'end_turn')) : null,
    error: fault ? { type: bad ?? fault[0], message: bad ?? fault[1] } : state === 'upstream_truncated' ? { type: 'stream_ended', message: 'the stream ended before message_stop' } : null,
    title: is_count ? null : bad ?? (is_agent ? 'Look at the last commit and say what could break' : session.title),
    connect_ms: random() < 0.2 ? 18 + random() * 30 : 0.1, ttfb_ms: ttfb, first_token_ms: status === 200 ? first : null, duration_ms: duration,
    usage: status === 200 ? { input_tokens: Math.floor(3 + random() * 900), output_tokens: out, cache_read_input_tokens: 14000 + turn_number * 1800, cache_creation_input_tokens: Math.floor(random() * 2400), cache_creation_5m_tokens: 0, cache_creation_1h_tokens: 0, web_search_requests: null } : null,
    request_bytes: 51000 + turn_number * 6200, response_bytes: 900 + out * 92, client_bytes: 900 + out * 92, chunk_count: Math.max(1, Math.floor(out / 2.2)),
    message_count: 1 + turn_number * 2, tool_count: toolNames.length, tool_use_count: 1, max_tokens: 32000, flags: status === 200 && n % 23 === 0 ? ['cost_unknown'] : [],
    project: bad ?? session.project, agent_type: bad ?? (is_agent ? 'code-reviewer' : null), tools: status === 200 && !is_count && random() < 0.7 ? [{ name: bad ?? toolNames[Math.floor(random() * toolNames.length)], count: 1 + Math.floor(random() * 2) }] : [], tool_errors: random() < 0.05 ? [{ name: 'Bash', count: 1 }] : []
  };
  const { usage } = row;
  const price = { 'claude-opus-5-20260915': 5, 'claude-sonnet-5-20260915': 3, 'claude-haiku-4-5-20251001': 1 }[model];
  row.cost_usd_micro = usage && !row.flags.length ? Math.round(price * (usage.input_tokens + 5 * usage.output_tokens + 0.1 * usage.cache_read_input_tokens + 1.25 * usage.cache_creation_input_tokens)) : null;
  if (bad || n % 29 === 7) {
    row.flags.push('translated');
    row.losses = lossesOf(bad);
    if (!bad) Object.assign(row, { provider: 'openrouter', response_model: row.response_model && 'deepseek/deepseek-v4' });
  }
  routeRow(row, n, bad);
  return { row, extra: { seed: n, turn: turn_number, title: bad ?? session.title, file: bad ?? session.file, hostile: bad, batch: bad ? batchOf(n) : null } };
}

export function makeSession(index, random, ms) {
  const [title, file] = titles[index % titles.length];
  return { id: uuid7(ms, random), agent: `a${hex(random, 16)}`, title, file, project: `/home/ada/code/${projects[index % projects.length]}`, model: models[index % 2], turns: 0 };
}

/** Every string within a value replaced by a hostile one; what holds it together stays, and where wanted the names. */
export function poison(value, text, names = false) {
  if (typeof value === 'string') return text;
  if (Array.isArray(value)) return value.map((item) => poison(item, text, names));
  if (value && typeof value === 'object') {
    const keep = new Set(['type', 'role', 'id', 'tool_use_id', 'data', 'media_type', 'subagent_type', ...(names ? ['name'] : [])]);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, keep.has(key) && typeof item === 'string' ? item : poison(item, text, names)]));
  }
  return value;
}

const calls = (id) => [
  ['WebSearch', { query: 'q' }], ['WebFetch', { url: 'u', prompt: 'p' }], ['MultiEdit', { file_path: 'f', edits: [{ old_string: 'a', new_string: 'b' }] }],
  ['NotebookEdit', { notebook_path: 'n', new_source: 's', cell_id: 'c', edit_mode: 'insert' }], ['Write', { file_path: 'f', content: 'c' }], ['Glob', { pattern: 'g' }],
  ['AskUserQuestion', { questions: [{ question: 'q', options: ['o'] }] }], ['Skill', { skill: 's' }], ['ExitPlanMode', { plan: 'p'.repeat(90) }]
].map(([name, input], index) => ({ type: 'tool_use', id: `${id}-${index}`, name, input }));

/** Blocks of every kind there is, and some there are not. */
const oddBlocks = () => [
  { type: 'image', source: { type: 'url', url: 'u' } }, { type: 'document', title: 't', source: { type: 'text', data: 'd', media_type: 'text/plain' } },
  { type: 'document', title: 't', context: 'c', source: { type: 'url', url: 'u' } }, { type: 'search_result', title: 't', source: 's', content: [{ type: 'text', text: 'x' }] },
  { type: 'web_search_result', title: 't', url: 'u', page_age: 'a' }, { type: 'redacted_thinking', data: 'd' }, { type: 'no_such_block', value: 'v', deep: { list: ['l'] } },
  { type: 'text', text: 't', citations: [{ type: 'char_location', cited_text: 'c', document_title: 't' }] }
];

/** A body in which each text of a batch stands in every kind of place. */
export function makeHostileBody(row, extra) {
  const messages = extra.batch.flatMap((text, index) => {
    const made = makeBody(row, { ...extra, title: `${index}`, turn: 7 });
    const own = calls(`toolu_odd_${index}`);
    return [
      ...made.messages.map((message) => poison(message, text, true)),
      poison({ role: 'user', content: oddBlocks() }, text, true),
      poison({ role: 'assistant', content: [...own, { type: 'tool_use', id: `toolu_named_${index}`, name: 'n', input: { a: 'b' } }, { type: 'mcp_tool_use', id: `m_${index}`, name: 'n', server_name: 's', input: {} }] }, text, false),
      { role: 'assistant', content: poison(calls(`toolu_kept_${index}`), text, true) },
      { role: 'user', content: own.map((call) => ({ type: 'tool_result', tool_use_id: call.id.replace('odd', 'kept'), content: text })) },
      { role: 'system', content: text },
      { role: text, content: text }
    ];
  });
  const body = makeBody(row, { ...extra, turn: 0 });
  return {
    ...body, model: extra.batch[0], messages, system: extra.batch.map((text) => ({ type: 'text', text, cache_control: { type: 'ephemeral' } })),
    tools: extra.batch.map((text) => poison(body.tools[0], text)), metadata: Object.fromEntries(extra.batch.map((text) => [text, text]))
  };
}

export const makeHostileMessage = (row, extra) => ({ ...poison(makeMessage(row, extra), extra.hostile, true), content: extra.batch.flatMap((text) => poison([{ type: 'thinking', thinking: 't', signature: 's' }, { type: 'text', text: 't' }, { type: 'tool_use', id: 'i', name: 'Bash', input: { command: 'c' } }], text, true)) });

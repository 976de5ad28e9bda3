// Made-up things for the gallery: one of each kind that a component shows.
import { type Bucket, type Hit, type Loss, type Provider, type RequestRow, type Routing, type Session, type Stats, type StatsLine, type StorageState, type Timeline, type ToolLine, type TranscriptLine, states } from '#lib/api/types.ts';
import { type Comparison, compareBodies } from '#lib/diff/compare.ts';
import { placeEvents } from '#lib/conversation/sse.ts';
import { type Message, readConversation } from '#lib/conversation/conversation.ts';

const now = Date.now();
const ago = (ms: number) => new Date(now - ms).toISOString();
const usage = { input_tokens: 12, output_tokens: 340, cache_read_input_tokens: 48000, cache_creation_input_tokens: 1200 };

export const rows = [...states, 'complete' as const].map((state, index) => ({
  id: `r${index}`, state, status: index % 3 ? 200 : 529, method: 'POST', path: '/v1/messages', query: null, title: `A request that is ${state.replaceAll('_', ' ')}`,
  model: 'claude-opus-5', response_model: index === 1 ? 'deepseek/deepseek-v4' : 'claude-opus-5', provider: index === 1 ? 'openrouter' : 'anthropic', usage, cost_usd_micro: 41_250, flags: index === 1 ? ['translated'] : [],
  started_at: ago(index * 4000), connect_ms: 32, ttfb_ms: 800, first_token_ms: 1203, duration_ms: state === 'running' ? null : 3000 * (index + 1),
  agent_id: index % 4 === 1 ? 'a0f7efa92cf827d25' : null, agent_type: index % 4 === 1 ? 'code-reviewer' : null, class: index % 4 === 1 ? 'agent' : index === 10 ? 'title' : 'main', class_by: 'header', agent_by: 'spawn',
  route: index % 4 === 1 ? 'subagents.mappings.code-reviewer' : null, route_target: 'openrouter:deepseek/deepseek-v4', shadow: index === 5, shadow_cost_usd_micro: 1830,
  tools: [{ name: 'Bash', count: 2 }], tool_errors: [], message_count: 31, chunk_count: 212, request_bytes: 151_234, response_bytes: 20_111, client_bytes: 20_111, session_id: 's1', parent_agent_id: null, error: null, stop_reason: 'tool_use',
  losses: index === 1 ? [{ what: 'dropped', path: 'top_k', detail: '40', why: 'that provider has no such setting', count: 1 }, { what: 'renamed', path: 'tools[].name', why: 'that provider takes shorter names', count: 3 }] : null
})) as unknown as RequestRow[];

const asked = (more: unknown[]) => ({ model: 'claude-opus-5', max_tokens: 32000, system: [{ type: 'text', text: 'You write short answers.', cache_control: { type: 'ephemeral' } }], tools: [{ name: 'Bash', description: 'Runs a command.', input_schema: { type: 'object', properties: { command: { type: 'string' } } } }, { name: 'mcp__github__list_issues', description: 'Lists issues.' }], messages: [
  { role: 'user', content: [{ type: 'text', text: 'Make the test pass.<system-reminder>Be kind.</system-reminder>' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAYAAAAf8/9hAAAAIklEQVR4nGP4TyFgGDVgNAxGw2A0DEbDYDQMRsNgNAxoYgAA0P/9A3Fqj0IAAAAASUVORK5CYII=' } }, { type: 'document', title: 'Notes', source: { type: 'text', media_type: 'text/plain', data: 'Dates are in UTC.' } }] },
  { role: 'assistant', content: [
    { type: 'thinking', thinking: 'The test expects a list.', signature: 's' }, { type: 'text', text: 'I will look. **Two** things:\n\n| what | where |\n|---|---|\n| `parse` | src/a.ts |\n\n```ts\nexpect(list).toEqual([])\n```', citations: [{ type: 'char_location', cited_text: 'Dates are in UTC.', document_title: 'Notes' }] },
    { type: 'tool_use', id: 'a', name: 'Bash', input: { command: 'npm test' } }, { type: 'tool_use', id: 'b', name: 'Edit', input: { file_path: 'src/a.ts', old_string: 'let a = 1;\nuse(a);', new_string: 'const a = 1;\nuse(a);' } },
    { type: 'tool_use', id: 'c', name: 'TodoWrite', input: { todos: [{ content: 'Find it', status: 'completed', activeForm: 'Finding' }, { content: 'Mend it', status: 'in_progress', activeForm: 'Mending' }, { content: 'Test', status: 'pending', activeForm: 'Testing' }] } },
    { type: 'tool_use', id: 'd', name: 'Grep', input: { pattern: 'parse', output_mode: 'content' } }, { type: 'tool_use', id: 'e', name: 'Agent', input: { description: 'Review it', subagent_type: 'code-reviewer', prompt: 'Say what could break.' } }, { type: 'tool_use', id: 'f', name: 'mcp__github__list_issues', input: { state: 'open', labels: ['bug'] } }] },
  { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', is_error: true, content: '1 failed' }, { type: 'tool_result', tool_use_id: 'd', content: 'src/a.ts:12:const a = parse(text);\nsrc/b.ts:3:import { parse } from "./a";' }] }, ...more
] });
export const conversation = readConversation(asked([]));
export const messages: Message[] = conversation.messages;
export const answer = { message: { content: [{ type: 'text', text: 'Done.' }], stop_reason: 'end_turn' }, complete: true, error: null, events: { message_start: 1 } };
export const comparison: Comparison = { ...compareBodies(asked([]), { ...asked([{ role: 'user', content: 'Go on.' }]), max_tokens: 64000 }), bytes: { before: 1200, after: 1290 }, problem: null };

const spread = { count: 812, avg: 5120, p50: 4100, p95: 9800, p99: 12_400 };
export const line = (key: string | null, request_count: number): StatsLine => ({ key, request_count, error_count: request_count >> 6, usage, cost_usd_micro: request_count * 12_000, unknown_cost_count: key === 'two' ? 3 : 0, estimated_cost_count: 0, request_bytes: 1, response_bytes: 1, tool_call_count: 700, tool_error_count: 12, duration_ms: spread, first_token_ms: { ...spread, p50: 903, p95: 1800, p99: 2900 }, ttfb_ms: { count: 812, avg: 812 }, cache_hit_rate: 0.93, tokens_per_second: 61 });
export const hours = Array.from({ length: 24 }, (_, index) => ({ time_s: Math.floor(now / 3_600_000) * 3600 - (23 - index) * 3600, value: index % 7 === 3 ? null : 20 + ((index * 37) % 60) }));
export const buckets: Bucket[] = Array.from({ length: 18 }, (_, index) => [2 ** (index / 3) * 300, 2 ** ((index + 1) / 3) * 300, Math.round(60 * Math.exp(-(((index - 8) / 4) ** 2)))]);
export const spread_of = spread;
export const tools: ToolLine[] = [{ ...line('Bash', 120), key: 'Bash', call_count: 151, error_count: 12 }, { ...line('', 12), key: 'mcp__github__list_issues', call_count: 12, error_count: 0 }];
export const stats = { total: line(null, 812), models: [line('claude-opus-5', 640), line('two', 172)], providers: [line('anthropic', 812)], states: [line('complete', 800)], agents: [line('main', 700)], projects: [line('/home/me/shop', 812)], tools, storage: null, recorder: null, losses: [] } as Stats;
export const losses: Loss[] = [{ reason: 'journal_write', effect: 'lost', unit: 'frames', text: 'the journal cannot be written: the disk is full or broken', since_start: 3, all_time: 12, last_at: ago(40_000) }, { reason: 'store_busy', effect: 'late', unit: 'commits', text: 'the store did not take a batch; it is tried again', since_start: 0, all_time: 2, last_at: ago(90_000_000) }];
export const storage = { engine: 'sqlite', requests: 812, sessions: 12, pieces: 9120, blocks: 700, raw_bytes: 136_421_120, stored_bytes: 1_048_576, file_bytes: 9_900_000_000, ratio: 130, oldest_request_at: ago(9e8), oldest_body_at: ago(8e8), wiping_chains: 0, lag_bytes: 0, disk_free_bytes: 81_604_378_624, retention: { max_age_ms: null, rows_max_age_ms: null, max_bytes: 21_474_836_480, runs: 3, last_run_at: ago(1e6), dropped_bytes: 0, deleted_requests: 0, held: false } } as StorageState;
export const sessions: Session[] = [{ session_id: '01a1fd7c-16eb-7d08-823e-b7412ae709ff', first_at: ago(4e6), last_at: ago(30_000), request_count: 41, error_count: 2, agent_count: 3, title: 'Fix the failing date test', model: 'claude-opus-5', client: 'claude-cli/2.1.329', usage, cost_usd_micro: 876_000, unknown_cost_count: 1 }];
export const hit: Hit = { request_id: 'r1', session_id: 's1', agent_id: null, started_at: ago(60_000), model: 'claude-opus-5', title: 'Fix it', kind: 'tool_result', tool: 'Bash', snippet: '…at src/a.ts:12: const count = 3;…', highlights: [[4, 8]] };
export const timeline: Timeline = { ttfb_us: 800_000, first_token_us: 903_000, duration_us: 5_120_000, chunks: Array.from({ length: 120 }, (_, index) => [800_000 + index * 30_000 + (index > 60 ? 700_000 : 0), 80 + ((index * 53) % 160)]) };
export const events = placeEvents(['message_start', 'content_block_delta', 'message_stop'].map((type) => `event: ${type}\ndata: {"type":"${type}"}\n\n`).join(''));
export const written: TranscriptLine = { position: 1, kind: 'other', is_sidechain: false, is_meta: true, is_error: false, is_compacted: false, at: ago(50_000), branch: 'main', upstream_request_id: null, request_id: null, line: { type: 'queue-operation', operation: 'enqueue' } };

const provider = (name: string, more: Partial<Provider>): Provider => ({ name, format: 'openai', base_url: `https://api.${name}.example/v1`, has_key: true, preset: name, fallback_provider: 'anthropic', breaker: { enabled: true, state: 'closed', failures: 0, max_failures: 5, opens_until: null }, requests: 42, failures: 0, last_error: null, ...more });
export const providers = [provider('openai', {}), provider('openrouter', { failures: 6, breaker: { enabled: true, state: 'open', failures: 5, max_failures: 5, opens_until: new Date(now + 22_000).toISOString() }, last_error: { at: ago(8000), message: 'connection refused' } }), provider('gemini', { breaker: { enabled: true, state: 'half_open', failures: 5, max_failures: 5, opens_until: null } })];
export const routing: Routing = { mode: 'shadow', loaded_at: ago(60_000), reload_error: null, agents: [{ name: 'code-reviewer', scope: 'project', file: '/home/me/shop/.claude/agents/code-reviewer.md', model: 'haiku' }, { name: 'code-reviewer', scope: 'user', file: '/home/me/.claude/agents/code-reviewer.md', model: null }], rules: [
  { label: 'subagents.mappings.code-reviewer', source: 'config.yaml:12', conditions: { agent: 'code-reviewer' }, target: { provider: 'openrouter', model: 'deepseek/deepseek-v4' }, hits: 84, last_hit_at: ago(9000) }, { label: 'routing.rules[0]', source: 'config.yaml:20', conditions: { model: '*haiku*', min_tokens: 60_000 }, target: { provider: 'openai', model: 'gpt-5' }, hits: 0, last_hit_at: null }] };

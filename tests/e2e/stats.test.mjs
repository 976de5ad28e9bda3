/*
 * stats.test.mjs: the figures of every address of the statistics are those of the requests that the
 * list has under the same filter, worked out here from the list alone.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { ask } from '../lib/client.mjs';
import { ask_body, error_body, headers_for, session_id, stream_events } from '../lib/messages.mjs';
import { with_proxy } from '../lib/suite.mjs';
import { until } from '../lib/wait.mjs';

const t = with_proxy();
const COUNT = 80;
const sessions = [session_id(), session_id(), session_id()];
let seed = 7;
const roll = (sides) => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return (seed >>> 8) % sides;
};
const pick = (list) => list[roll(list.length)];

function answer() {
  const calls = pick([[], [], ['Bash'], ['Read', 'Read'], ['Bash', 'Edit']]);
  const blocks = [{ type: 'text', text: 'So be it.' }, ...calls.map((name, i) => ({ type: 'tool_use', id: `t${i}`, name, input: { a: 1 } }))];
  const usage = { input_tokens: roll(5000), cache_creation_input_tokens: roll(3) ? 0 : roll(9000), cache_read_input_tokens: roll(90000), output_tokens: 1 };
  return (x, model) => x.events(stream_events(blocks, { model, usage, output_tokens: 1 + roll(900) }));
}

async function one(number) {
  const model = pick(['claude-opus-5', 'claude-opus-5', 'claude-haiku-4-5', 'nobody-knows']);
  const project = pick(['/home/me/shop', '/home/me/blog', null]);
  const headers = [['x-case', String(number)]];
  if (!roll(3)) headers.push(['x-claude-code-agent-id', `agent-${roll(2)}`]);
  const body = ask_body(`question ${number}`, { model, ...(project && { system: `Primary working directory: ${project}\n` }) });
  const reply = roll(6) ? answer() : (x) => x.json(529, error_body('overloaded_error', 'Overloaded'));
  const session = pick(sessions);
  t.up.on(session, async (x) => {
    await x.received();
    await reply(x, model);
  });
  await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(session, headers), body });
}

async function send_all() {
  for (let i = 0; i < COUNT; i += 1) await one(i);
  await until(async () => (await t.proxy.api('/api/stats')).total.request_count === COUNT, 'all requests to be summed up');
}

let sent;
const all_sent = () => (sent ??= send_all());

/* --- by hand --- */

const KINDS = ['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens', 'cache_creation_5m_tokens', 'cache_creation_1h_tokens', 'web_search_requests'];
const sum = (rows, of) => rows.reduce((n, r) => n + (of(r) ?? 0), 0);
const calls = (list) => sum(list, (c) => c.count);

const by_hand = (rows) => ({
  request_count: rows.length,
  error_count: rows.filter((r) => r.state !== 'complete').length,
  usage: Object.fromEntries(KINDS.map((kind) => [kind, sum(rows, (r) => r.usage[kind])])),
  cost_usd_micro: sum(rows, (r) => r.cost_usd_micro),
  unknown_cost_count: rows.filter((r) => r.flags.includes('cost_unknown')).length,
  estimated_cost_count: rows.filter((r) => r.flags.includes('cost_estimated')).length,
  request_bytes: sum(rows, (r) => r.request_bytes),
  response_bytes: sum(rows, (r) => r.response_bytes),
  tool_call_count: sum(rows, (r) => calls(r.tools)),
  tool_error_count: sum(rows, (r) => calls(r.tool_errors)),
});

/* A bucket's middle is off by 4.5 % at most, and never above the longest; and the list's times are rounded. */
function check_times(told, times, what) {
  assert.equal(told.count, times.length, what);
  times.sort((a, b) => a - b);
  for (const [name, share] of [['p50', 0.5], ['p95', 0.95], ['p99', 0.99]]) {
    const real = times[Math.max(Math.ceil(times.length * share), 1) - 1];
    if (real === undefined) assert.equal(told[name], null, what);
    else assert.ok(Math.abs(told[name] - real) <= real * 0.0453 + 0.1, `${what}: ${name} ${told[name]}, not ${real}`);
    if (real !== undefined) assert.ok(told[name] <= times.at(-1) + 0.11, `${what}: ${name} ${told[name]} is above the longest, ${times.at(-1)}`);
  }
}
const check_all_times = (told, rows, what) => {
  check_times(told.duration_ms, rows.map((r) => r.duration_ms).filter((ms) => ms !== null), `${what}: duration`);
  check_times(told.first_token_ms, rows.map((r) => r.first_token_ms).filter((ms) => ms !== null), `${what}: first token`);
};
function check_hit_rate(told, usage, what) {
  const { input_tokens: fresh, cache_read_input_tokens: read, cache_creation_input_tokens: written } = usage;
  if (fresh + read + written) assert.ok(Math.abs(told - read / (fresh + read + written)) <= 0.0001, `${what}: cache hit rate`);
  else assert.equal(told, null, what);
}

function check(told, rows, what) {
  const want = by_hand(rows);
  for (const [key, value] of Object.entries(want)) assert.deepEqual(told[key], value, `${what}: ${key}`);
  check_all_times(told, rows, what);
  check_hit_rate(told.cache_hit_rate, want.usage, what);
}

const DIVISIONS = [
  ['models', 'models', (r) => r.model],
  ['providers', 'providers', (r) => r.provider],
  ['states', 'states', (r) => r.state],
  ['projects', 'projects', (r) => r.project],
  ['subagents', 'agents', (r) => (r.agent_id === null ? 'main' : r.agent_type ?? 'unknown')],
  ['hourly', 'hours', (r) => `${r.started_at.slice(0, 13)}:00:00Z`],
  ['daily', 'days', (r) => r.started_at.slice(0, 10)],
];

async function check_all(query) {
  const rows = await t.proxy.rows(query);
  const { total, ...all } = await t.proxy.api(`/api/stats?${query}`);
  check(total, rows, `${query}: total`);
  for (const [address, member, key_of] of DIVISIONS) {
    const told = (await t.proxy.api(`/api/stats/${address}?${query}`))[member];
    assert.deepEqual(told.map((line) => line.key).sort(), [...new Set(rows.map(key_of))].sort(), `${query}: ${address}`);
    for (const line of told) check(line, rows.filter((r) => key_of(r) === line.key), `${query}: ${address} ${line.key}`);
    if (all[member]) assert.deepEqual(all[member], told, `${query}: ${address} twice`);
  }
  const { tools } = await t.proxy.api(`/api/stats/tools?${query}`);
  const names = new Set(rows.flatMap((r) => r.tools.map((c) => c.name)));
  assert.deepEqual(tools.map((line) => line.key).sort(), [...names].sort(), `${query}: tools`);
  for (const line of tools) {
    const mine = rows.filter((r) => r.tools.some((c) => c.name === line.key));
    const want = by_hand(mine);
    for (const key of ['request_count', 'usage', 'cost_usd_micro', 'unknown_cost_count']) assert.deepEqual(line[key], want[key], `${query}: ${line.key} ${key}`);
    assert.equal(line.call_count, sum(mine, (r) => calls(r.tools.filter((c) => c.name === line.key))), `${query}: ${line.key}`);
    check_all_times(line, mine, `${query}: ${line.key}`);
    check_hit_rate(line.cache_hit_rate, want.usage, `${query}: ${line.key}`);
  }
  const speed = await t.proxy.api(`/api/stats/performance?${query}`);
  assert.deepEqual(speed.total, total, `${query}: performance`);
  assert.equal(sum(speed.duration_histogram, (bar) => bar[2]), total.duration_ms.count);
  assert.equal(sum(speed.first_token_histogram, (bar) => bar[2]), total.first_token_ms.count);
  return rows.length;
}

const filters = ['', 'model=claude-opus-5', 'provider=anthropic', 'status=5xx', 'status=200', 'state=upstream_error', 'agent=main', 'agent=sub',
  'agent=agent-1', 'agent_type=unknown', 'project=/home/me/shop', 'tool=Read', 'q=nobody', `session=${sessions[0]}`,
  `session=${sessions[1]}&agent=sub&model=claude-haiku-4-5`, 'model=claude-opus-5&project=/home/me/blog&status=2xx', 'tool=Bash&state=complete'];

for (const query of filters)
  test(`the figures are the rows': ${query || 'all'}`, async () => {
    await all_sent();
    const count = await check_all(query);
    assert.ok(count > 0, 'the filter lets something through');
    assert.ok(query === '' || query === 'provider=anthropic' || count < COUNT, 'the filter keeps something out');
  });

test('a range without requests: nothing, and null where nothing can be told', async () => {
  await all_sent();
  const { total, models } = await t.proxy.api('/api/stats?start=2001-01-01T00:00:00Z&end=2001-01-02T00:00:00Z');
  assert.equal(total.request_count, 0);
  assert.equal(total.cache_hit_rate, null);
  assert.equal(total.duration_ms.p50, null);
  assert.deepEqual(models, []);
});

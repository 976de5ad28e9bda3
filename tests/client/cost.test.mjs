/*
 * cost.test.mjs: what the real Claude Code says that a run cost is what the proxy says it cost.
 *
 * The provider tells usages of every kind; the client adds up by its own prices, the proxy by its
 * table. Where they know a model both, they agree.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import path from 'node:path';
import { run_claude, skip } from '../lib/claude.mjs';
import { stream_events } from '../lib/messages.mjs';
import { temp_dir } from '../lib/proxy.mjs';
import { with_proxy } from '../lib/suite.mjs';
import { until } from '../lib/wait.mjs';

const t = skip ? {} : with_proxy();
let home;
if (!skip) {
  before(async () => {
    home = await temp_dir('cost');
  });
  after(() => fs.rm(home, { recursive: true, force: true }));
}

const usage = (more = {}) => ({
  input_tokens: 1234, cache_creation_input_tokens: 7000, cache_read_input_tokens: 45678,
  cache_creation: { ephemeral_5m_input_tokens: 7000, ephemeral_1h_input_tokens: 0 }, output_tokens: 1, ...more,
});

const has_tool = (request, name) => (request.tools ?? []).some((tool) => tool.name === name);
const has_result = (request) => request.messages.some((m) => Array.isArray(m.content) && m.content.some((b) => b.type === 'tool_result'));

/* Calls a tool once, then says that it is done: two requests at least, each with this usage. */
function provider(told, call) {
  let number = 0;
  return async (x) => {
    const body = await x.received();
    if (x.path !== '/v1/messages') {
      await x.respond(x.method === 'HEAD' ? 200 : 404, [['Content-Type', 'application/json']], x.method === 'HEAD' ? '' : '{}');
      return;
    }
    number += 1;
    const request = JSON.parse(body);
    const is_calling = has_tool(request, call.name) && !has_result(request) && !x.header('x-claude-code-agent-id');
    const blocks = is_calling ? [{ type: 'tool_use', id: `toolu_${number}`, ...call }] : [{ type: 'text', text: 'Done.' }];
    await x.events(stream_events(blocks, { id: `msg_${number}`, model: request.model, output_tokens: 321, usage: told }), [['request-id', `req_${number}`]]);
  };
}

const bash = { name: 'Bash', input: { command: 'echo done', description: 'Say done' } };

/* What the client says, and the proxy's sums over the client's session. */
async function ask(model, told, { call = bash, folder } = {}) {
  const where = folder ?? await fs.mkdtemp(path.join(home, 'run-'));
  t.up.fallback = provider(told, call);
  const { out, exchanges } = await run_claude(t, home, where, ['do it', '--model', model, '--allowedTools', call.name, '--output-format', 'json']);
  const said = JSON.parse(out);
  const asked = exchanges.filter((x) => x.path === '/v1/messages').length;
  const stats = await until(async () => {
    const s = await t.proxy.api(`/api/stats?session=${said.session_id}`);
    return s.total.request_count >= asked && s;
  }, 'all requests to be summed up');
  return { said, stats };
}

/* The proxy rounds each request to the millionth of a dollar, the client never does. */
const check_cost = (mine, usd, what) => assert.ok(
  Math.abs(mine.cost_usd_micro - usd * 1e6) <= 0.5 * mine.request_count + 1e-3,
  `${what}: ${mine.cost_usd_micro} millionths, the client says ${usd}`);

/* Of each model, and of all. */
function check({ said, stats }) {
  assert.equal(stats.total.unknown_cost_count, 0);
  assert.ok(said.total_cost_usd > 0);
  check_cost(stats.total, said.total_cost_usd, 'in all');
  for (const [model, told] of Object.entries(said.modelUsage)) {
    const mine = stats.models.find((m) => m.key === model);
    assert.ok(mine, model);
    check_cost(mine, told.costUSD, model);
    assert.deepEqual(
      [mine.usage.input_tokens, mine.usage.output_tokens, mine.usage.cache_read_input_tokens, mine.usage.cache_creation_input_tokens, mine.usage.web_search_requests],
      [told.inputTokens, told.outputTokens, told.cacheReadInputTokens, told.cacheCreationInputTokens, told.webSearchRequests], model);
  }
}

/* Models that this client knows; it takes those that came after it for their forerunners. */
const cases = [
  ['claude-opus-5', usage()],
  ['claude-opus-4-8', usage()],
  ['claude-fable-5', usage()],
  ['claude-sonnet-4-6', usage()],
  ['claude-haiku-4-5', usage()],
  ['claude-opus-4-5', usage({ cache_creation: { ephemeral_5m_input_tokens: 1000, ephemeral_1h_input_tokens: 6000 } }), 'an hour in the cache'],
  ['claude-opus-4-6', usage({ server_tool_use: { web_search_requests: 3 } }), 'searches'],
  ['claude-opus-4-6', usage({ speed: 'fast' }), 'fast mode'],
];

for (const [model, told, what = 'all kinds of tokens'] of cases)
  test(`${model}: ${what}`, { skip, timeout: 180000 }, async () => check(await ask(model, told)));

test('a sub-agent of another model', { skip, timeout: 180000 }, async () => {
  const folder = await fs.mkdtemp(path.join(home, 'agent-'));
  await fs.mkdir(path.join(folder, '.claude/agents'), { recursive: true });
  await fs.writeFile(path.join(folder, '.claude/agents/finder.md'),
    '---\nname: word-finder\ndescription: Finds words.\nmodel: claude-haiku-4-5\n---\nYou are the word finder of this test.\n');
  const call = { name: 'Agent', input: { subagent_type: 'word-finder', description: 'Find a word', prompt: 'Find me a word.' } };
  const told = await ask('claude-opus-5', usage({ web_search_requests: 0, server_tool_use: { web_search_requests: 0 } }), { call, folder });
  check(told);
  const { agents, projects } = told.stats;
  assert.deepEqual(agents.map((a) => a.key).sort(), ['main', 'word-finder']);
  assert.deepEqual(projects.map((p) => p.key), [folder]);
});

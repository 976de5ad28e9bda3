/*
 * claude_agents.test.mjs: the real Claude Code, of today and older, begins agents: of its project,
 * nested, in the background, its own. Each of its requests is stored with the right class and name,
 * with nothing configured.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import path from 'node:path';
import { older, run_claude, skip as skip_present } from '../lib/claude.mjs';
import { stream_events } from '../lib/messages.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

const skip = skip_present && older.skip;
let home, up, proxy;

if (!skip) {
  before(async () => {
    home = await temp_dir('who');
    up = await Upstream.start();
    proxy = await Proxy.start({ upstream: up, config: { agents: { claude_dir: path.join(home, '.claude') }, transcripts: { enabled: false } } });
  });
  after(async () => {
    assert.deepEqual(await proxy.stop(), { code: 0, signal: null }, proxy.log.slice(-2000));
    await up.stop();
    await fs.rm(home, { recursive: true, force: true });
  });
}

async function define(folder, name, prompt, eol = '\n') {
  const dir = path.join(folder, '.claude/agents');
  await fs.mkdir(dir, { recursive: true });
  await fs.writeFile(path.join(dir, `the-${name}.md`), `---\nname: ${name}\ndescription: Finds${eol === '\n' ? ':' : ''} things.\n---\n\n${prompt}\n`.replaceAll('\n', eol));
}

const text = (s) => [{ type: 'text', text: s }];
const prompt_of = (request) => (typeof request.system === 'string' ? request.system : (request.system ?? []).map((b) => b.text).join('\n'));
const spawn_tool = (request) => ['Agent', 'Task'].find((name) => (request.tools ?? []).some((tool) => tool.name === name));
const has_begun = (request) => request.messages.some((m) => m.role === 'assistant');
const is_fork = (request) => JSON.stringify(request.messages).includes('<fork-boilerplate>');
let calls = 0;
const call = (request, subagent_type, prompt, more = {}) => {
  calls += 1;
  return { type: 'tool_use', id: `toolu_${calls}`, name: spawn_tool(request), input: { subagent_type, description: 'Find it', prompt, ...more } };
};

/* Anthropic: the main conversation begins what `begin` says, an agent what `agents` says of the words in its prompt. */
function provider(begin, agents = {}) {
  return async (x) => {
    const bytes = await x.received();
    if (x.path !== '/v1/messages') {
      await x.respond(x.method === 'HEAD' ? 200 : 404, [['Content-Type', 'application/json']], x.method === 'HEAD' ? '' : '{}');
      return;
    }
    const request = JSON.parse(bytes);
    const agent = Object.keys(agents).find((words) => prompt_of(request).includes(words));
    const is_agent = agent || x.header('x-claude-code-agent-id');
    const may = spawn_tool(request) && !has_begun(request) && !is_fork(request);
    const blocks = (may && (is_agent ? agents[agent]?.(request) : begin(request))) || text(is_agent ? 'An agent has spoken.' : 'The end.');
    if (request.stream) await x.events(stream_events(blocks, { model: request.model }));
    else {
      await x.json(200, { id: 'msg_1', type: 'message', role: 'assistant', model: request.model, content: blocks,
        stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } });
    }
  };
}

async function run(client, folder) {
  const { out } = await run_claude({ proxy, up }, home, folder, ['go', '--output-format', 'json', '--allowedTools', 'Agent', 'Task'], client);
  const session = JSON.parse(out).session_id;
  return until(async () => {
    const rows = await proxy.rows(`session=${session}`);
    return rows.length && rows.every((r) => r.state !== 'running') && rows.some((r) => r.agent_name) && rows.reverse();
  }, 'all rows to have ended');
}

const of_agents = (rows) => rows.filter((r) => ['agent', 'fork'].includes(r.class));
const mains = (rows) => rows.filter((r) => r.class === 'main');

for (const [release, client] of [['of today', undefined], ['older', older]]) {
  const options = { skip: client ? client.skip : skip_present, timeout: 180000 };

  test(`Claude Code ${release}: an agent of the project, and nested where it may`, options, async () => {
    const folder = await fs.mkdtemp(path.join(home, 'nested-'));
    await define(folder, 'boss', 'You are the boss of this test.\n\n---\n\nLead others.', '\r\n');
    await define(folder, 'word-finder', 'You are the word finder of this test.');
    await define(home, 'word-finder', 'You are another one.');
    up.fallback = provider((q) => [call(q, 'boss', 'Lead, please.')], { 'the boss of this test': (q) => [call(q, 'word-finder', 'Find me a word.')] });
    const rows = await run(client, folder);
    assert.ok(mains(rows).length >= 2);
    assert.ok(mains(rows).every((r) => r.agent_name === null && r.class_by === 'marker'), JSON.stringify(mains(rows).map((r) => r.class_by)));
    const boss = of_agents(rows).filter((r) => r.agent_name === 'boss');
    assert.ok(boss.length >= 1);
    assert.ok(of_agents(rows).every((r) => r.agent_by === 'spawn'), JSON.stringify(of_agents(rows).map((r) => [r.agent_name, r.agent_by])));
    if (client === older) return; /* its agents begin none */
    const finder = of_agents(rows).filter((r) => r.agent_name === 'word-finder');
    assert.ok(finder.length >= 1);
    for (const r of finder) assert.equal(r.parent_agent_id, boss[0].agent_id);
  });

  test(`Claude Code ${release}: two agents side by side, one of its own`, options, async () => {
    const folder = await fs.mkdtemp(path.join(home, 'two-'));
    await define(folder, 'word-finder', 'You are the word finder of this test.');
    up.fallback = provider((q) => [call(q, 'word-finder', 'Find a word.'), call(q, 'general-purpose', 'Find a number.')]);
    const rows = await run(client, folder);
    assert.deepEqual([...new Set(of_agents(rows).map((r) => r.agent_name))].sort(), ['general-purpose', 'word-finder']);
  });
}

test('in the background', { skip: skip_present, timeout: 180000 }, async () => {
  const folder = await fs.mkdtemp(path.join(home, 'background-'));
  await define(folder, 'word-finder', 'You are the word finder of this test.');
  up.fallback = provider((q) => [call(q, 'word-finder', 'Find it later.', { run_in_background: true })]);
  const rows = await run(undefined, folder);
  const found = of_agents(rows);
  assert.ok(found.length >= 1);
  for (const r of found) assert.deepEqual([r.class, r.agent_name, r.flags.includes('background')], ['agent', 'word-finder', true]);
});

test('known by its file, where no call was seen', { skip: skip_present, timeout: 180000 }, async () => {
  const folder = await fs.mkdtemp(path.join(home, 'file-'));
  await define(folder, 'word-finder', 'You are the word finder of this test.');
  up.fallback = provider((q) => [call(q, 'word-finder', 'Find it.')]);
  const asked = up.ledger.length;
  await run(undefined, folder);
  /* the same request once more, in a session that began before this proxy did */
  const x = up.ledger.slice(asked).find((e) => e.header('x-claude-code-agent-id'));
  const headers = Object.fromEntries(['content-type', 'user-agent', 'x-claude-code-agent-id', 'anthropic-version'].map((n) => [n, x.header(n)]));
  await fetch(`${proxy.url}/v1/messages?again=1`, { method: 'POST', body: x.body, headers: { ...headers, 'x-claude-code-session-id': 'another' } }).then((r) => r.text());
  const row = await until(async () => (await proxy.rows('session=another')).find((r) => r.state !== 'running'), 'its row');
  assert.deepEqual([row.class, row.agent_name, row.agent_by], ['agent', 'word-finder', 'definition']);
});

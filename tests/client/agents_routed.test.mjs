/*
 * agents_routed.test.mjs: the real Claude Code, of today and older, whose agents are mapped to
 * another provider's models: their requests, and only those, go there; the parent's stay on
 * Anthropic, untouched.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import path from 'node:path';
import { older, present, run_claude } from '../lib/claude.mjs';
import { Provider } from '../lib/matrix.mjs';
import { stream_events } from '../lib/messages.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { same_bytes } from '../lib/suite.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

const MODELS = { 'word-finder': 'chat-words', 'number-finder': 'chat-numbers' };
let home, up, provider, proxy;
const skip = present.skip && older.skip;

if (!skip) {
  before(async () => {
    home = await temp_dir('agents');
    up = await Upstream.start();
    provider = await Provider.start();
    proxy = await Proxy.start({
      upstream: up, env: { HOME: home },
      config: {
        providers: { local: { format: 'openai', base_url: `${provider.url}/v1`, api_key: 'sk-local-1' } },
        subagents: { enable: true, mappings: Object.fromEntries(Object.entries(MODELS).map(([name, model]) => [name, `local:${model}`])) },
      },
    });
  });
  after(async () => {
    assert.deepEqual(await proxy.stop(), { code: 0, signal: null }, proxy.log.slice(-2000));
    await provider.stop();
    await up.stop();
    await fs.rm(home, { recursive: true, force: true });
  });
}

/* --- agents and what is said --- */

const body_of = (name, more = '') => `You are the ${name} of this test.${more}\n\n---\n\nAnswer in one word.`;

async function define(folder, name, { body = body_of(name), front = '' } = {}) {
  const dir = path.join(folder, '.claude/agents');
  await fs.mkdir(dir, { recursive: true });
  await fs.writeFile(path.join(dir, `${name}.md`), `---\nname: ${name}\ndescription: Finds things.\n${front}---\n\n${body}\n`);
}

const spawn_tool = (request) => ['Agent', 'Task'].find((name) => (request.tools ?? []).some((tool) => tool.name === name));
const has_begun = (request) => request.messages.some((m) => m.role === 'assistant');
const everything = (request) => JSON.stringify(request.messages);
const system_text = (request) => (typeof request.system === 'string' ? request.system : (request.system ?? []).map((b) => b.text).join('\n'));

let calls = 0;
const spawn = (tool, name, more = {}) => ({
  type: 'tool_use', id: `toolu_${calls += 1}`, name: tool,
  input: { subagent_type: name, description: 'Find it', prompt: `Find what ${name} finds.`, ...more },
});

/* Anthropic's half: `answer(request)` gives blocks for what has tools that begin agents or is told to an agent. */
function anthropic(answer) {
  let number = 0;
  return async (x) => {
    const bytes = await x.received();
    if (x.path !== '/v1/messages') {
      await x.respond(x.method === 'HEAD' ? 200 : 404, [['Content-Type', 'application/json']], x.method === 'HEAD' ? '' : '{}');
      return;
    }
    number += 1;
    const request = JSON.parse(bytes);
    const blocks = answer(request) ?? [{ type: 'text', text: 'Title' }];
    if (request.stream) await x.events(stream_events(blocks, { id: `msg_${number}`, model: request.model }), [['request-id', `req_${number}`]]);
    else {
      await x.json(200, { id: `msg_${number}`, type: 'message', role: 'assistant', model: request.model, content: blocks,
        stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } });
    }
  };
}

const text = (s) => [{ type: 'text', text: s }];

/* The parent begins `agents`, waits until all have said what they found, and says that it has heard. */
function parent({ agents, found, more }) {
  return anthropic((request) => {
    if (!spawn_tool(request)) return null;
    if (!has_begun(request)) return agents.map((name) => spawn(spawn_tool(request), name, more));
    return text(found.every((word) => everything(request).includes(word)) ? `heard ${found.join(' ')}` : 'waiting');
  });
}

/* Today's client tells a parent when an agent has ended; the older one's parents call a tool for it. */
function wait_for(request) {
  const id = /agentId: (\w+)/.exec(everything(request))?.[1];
  const has_tool = request.tools.some((tool) => tool.name === 'TaskOutput');
  return id && has_tool ? [{ type: 'tool_use', id: `toolu_${calls += 1}`, name: 'TaskOutput', input: { task_id: id, block: true } }] : text('waiting');
}

/* An agent runs one command and says what it found. */
function finds(model, word) {
  const seen = [];
  provider.on(model, async (x, s) => {
    const request = provider.asked(model).at(-1);
    seen.push(request);
    return x.events(s.events(request.results.length ? [{ text: `found ${word}` }]
      : [{ call: { id: `call_${model}_${seen.length}`, name: 'Bash', input: { command: `echo ${word}`, description: 'Look' } } }]));
  });
  return seen;
}

async function run(client, folder, prompt) {
  const { out, exchanges } = await run_claude({ proxy, up }, home, folder,
    [prompt, '--output-format', 'json', '--allowedTools', 'Agent', 'Task', 'TaskOutput', 'Bash'], client);
  return { told: JSON.parse(out), exchanges: exchanges.filter((x) => x.path === '/v1/messages') };
}

/* --- what must hold --- */

/* Nothing of an agent's own is among what Anthropic saw; what it saw is what the client sent. */
async function check_parent(exchanges, session, names) {
  const rows = await until(async () => {
    const all = await proxy.rows(`session=${session}`);
    return all.every((r) => r.state !== 'running') && all.filter((r) => r.provider === 'anthropic').length >= exchanges.length && all;
  }, 'all rows to have ended');
  for (const x of exchanges) {
    for (const name of names) assert.ok(!system_text(JSON.parse(x.body)).includes(body_of(name).split('\n')[0]), `${name} asked Anthropic`);
    assert.equal(x.header('x-api-key'), 'sk-ant-test-0');
  }
  const left = exchanges.map((x) => x.body);
  for (const row of rows.filter((r) => r.provider === 'anthropic' && r.path === '/v1/messages')) {
    const body = await proxy.body(row.id, 'request');
    const at = left.findIndex((b) => b.equals(body));
    assert.ok(at >= 0, 'Anthropic saw the bytes that the client sent');
    left.splice(at, 1);
    assert.equal(row.route, null);
  }
  return rows;
}

function check_routed(rows, name) {
  const mine = rows.filter((r) => r.agent_name === name);
  assert.ok(mine.length >= 2, `rows of ${name}: ${JSON.stringify(rows.map((r) => [r.class, r.agent_name, r.provider]))}`);
  for (const row of mine) {
    assert.equal(row.provider, 'local');
    assert.equal(row.state, 'complete');
    assert.equal(row.class, 'agent');
    assert.equal(row.route, `subagents.mappings.${name}`);
    assert.equal(row.route_target, `local:${MODELS[name]}`);
    assert.ok(['spawn', 'definition'].includes(row.agent_by), row.agent_by);
    assert.ok(row.flags.includes('translated'));
  }
}

function check_asked(seen, name, body = body_of(name)) {
  assert.ok(seen.length >= 2, `${name}: its command and its answer`);
  for (const { json, x } of seen) {
    assert.match(JSON.stringify(json.messages), new RegExp(JSON.stringify(body.split('\n')[0]).slice(1, -1)));
    assert.equal(x.header('x-api-key'), undefined);
    assert.equal(x.header('authorization'), 'Bearer sk-local-1');
  }
}

for (const client of [present, older]) {
  const options = { skip: client.skip, timeout: 180000 };
  const where = (name) => fs.mkdtemp(path.join(home, `${name}-`));

  test(`${client.name}: an agent of the project, with a tool of its own`, options, async () => {
    const folder = await where('one');
    await define(folder, 'word-finder');
    const seen = finds('chat-words', 'xylophone');
    up.fallback = parent({ agents: ['word-finder'], found: ['found xylophone'] });
    const { told, exchanges } = await run(client, folder, 'ask the word finder');
    assert.equal(told.result, 'heard found xylophone');
    check_asked(seen, 'word-finder');
    check_routed(await check_parent(exchanges, told.session_id, ['word-finder']), 'word-finder');
  });

  test(`${client.name}: two agents at once`, options, async () => {
    const folder = await where('two');
    for (const name of Object.keys(MODELS)) await define(folder, name);
    const words = finds('chat-words', 'marimba'), numbers = finds('chat-numbers', 'fortytwo');
    up.fallback = parent({ agents: Object.keys(MODELS), found: ['found marimba', 'found fortytwo'] });
    const { told, exchanges } = await run(client, folder, 'ask both');
    assert.equal(told.result, 'heard found marimba found fortytwo');
    check_asked(words, 'word-finder');
    check_asked(numbers, 'number-finder');
    const rows = await check_parent(exchanges, told.session_id, Object.keys(MODELS));
    for (const name of Object.keys(MODELS)) check_routed(rows, name);
  });

  test(`${client.name}: an agent that is nobody's stays, beside one that is mapped`, options, async () => {
    const folder = await where('stays');
    await define(folder, 'word-finder');
    await define(folder, 'stay-here');
    finds('chat-words', 'viola');
    const with_parent = parent({ agents: ['word-finder', 'stay-here'], found: ['found viola', 'found nothing'] });
    const stays = anthropic(() => text('found nothing'));
    up.fallback = async (x) => {
      const request = x.path === '/v1/messages' ? JSON.parse(await x.received()) : {};
      return (system_text(request).includes(body_of('stay-here').split('\n')[0]) ? stays : with_parent)(x);
    };
    const { told, exchanges } = await run(client, folder, 'ask both');
    assert.equal(told.result, 'heard found viola found nothing');
    const rows = await check_parent(exchanges, told.session_id, ['word-finder']);
    check_routed(rows, 'word-finder');
    const stayed = rows.filter((r) => r.agent_name === 'stay-here');
    assert.ok(stayed.length >= 1);
    for (const row of stayed) assert.deepEqual([row.provider, row.class, row.route], ['anthropic', 'agent', null]);
  });

  test(`${client.name}: one in the background`, options, async () => {
    const folder = await where('background');
    await define(folder, 'word-finder');
    const seen = finds('chat-words', 'bassoon');
    up.fallback = anthropic((request) => {
      if (!spawn_tool(request)) return null;
      if (!has_begun(request)) return [spawn(spawn_tool(request), 'word-finder', { run_in_background: true })];
      return everything(request).includes('found bassoon') ? text('heard it') : wait_for(request);
    });
    const { told, exchanges } = await run(client, folder, 'ask in the background');
    assert.equal(told.result, 'heard it');
    check_asked(seen, 'word-finder');
    check_routed(await check_parent(exchanges, told.session_id, ['word-finder']), 'word-finder');
  });

  test(`${client.name}: the project's agent hides the user's of the same name; one that is edited is found again`, options, async () => {
    const folder = await where('shadow');
    await define(home, 'word-finder', { body: body_of('word-finder', ' I am the user\'s.') });
    await define(folder, 'word-finder', { body: body_of('word-finder', ' I am the project\'s.') });
    up.fallback = parent({ agents: ['word-finder'], found: ['found oboe'] });
    const first = finds('chat-words', 'oboe');
    const { told, exchanges } = await run(client, folder, 'ask the word finder');
    assert.equal(told.result, 'heard found oboe');
    check_asked(first, 'word-finder', body_of('word-finder', ' I am the project\'s.'));
    check_routed(await check_parent(exchanges, told.session_id, ['word-finder']), 'word-finder');
    await define(folder, 'word-finder', { body: body_of('word-finder', ' I was edited.') });
    const second = finds('chat-words', 'oboe');
    up.fallback = parent({ agents: ['word-finder'], found: ['found oboe'] });
    const again = await run(client, folder, 'ask the word finder again');
    assert.equal(again.told.result, 'heard found oboe');
    check_asked(second, 'word-finder', body_of('word-finder', ' I was edited.'));
    check_routed(await check_parent(again.exchanges, again.told.session_id, ['word-finder']), 'word-finder');
    await fs.rm(path.join(home, '.claude/agents'), { recursive: true });
  });
}

/* Agents of agents are a thing of today's client. */
test('an agent that an agent began', { skip: present.skip, timeout: 180000 }, async () => {
  const folder = await fs.mkdtemp(path.join(home, 'nested-'));
  await define(folder, 'outer', { front: 'tools: Agent, Bash\n' });
  await define(folder, 'word-finder');
  const seen = finds('chat-words', 'cello');
  const outer = anthropic((request) => (everything(request).includes('found cello') ? text('outer found cello')
    : has_begun(request) ? text('waiting') : [spawn(spawn_tool(request), 'word-finder', { run_in_background: false })]));
  const first = parent({ agents: ['outer'], found: ['outer found cello'] });
  up.fallback = async (x) => {
    const request = x.path === '/v1/messages' ? JSON.parse(await x.received()) : {};
    return (system_text(request).includes(body_of('outer').split('\n')[0]) ? outer : first)(x);
  };
  const { told, exchanges } = await run(present, folder, 'ask the outer one');
  assert.equal(told.result, 'heard outer found cello');
  check_asked(seen, 'word-finder');
  const rows = await check_parent(exchanges, told.session_id, ['word-finder']);
  check_routed(rows, 'word-finder');
  const [inner] = rows.filter((r) => r.agent_name === 'word-finder');
  const [mine] = rows.filter((r) => r.agent_name === 'outer');
  assert.equal(inner.parent_agent_id, mine.agent_id);
  assert.equal(mine.provider, 'anthropic');
});

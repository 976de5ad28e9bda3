/*
 * agent_files.test.mjs: agents known by their files: the user's, a project's that the request
 * names, a plugin's, configured ones, by fingerprints; edited while the proxy runs. And routed by
 * name, told by the file or by the call in an answer that is still on its way.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { ChatProvider } from '../lib/chat_provider.mjs';
import { ask } from '../lib/client.mjs';
import { headers_for, session_id, stream_events, text_stream } from '../lib/messages.mjs';
import { BINARY, Proxy, temp_dir } from '../lib/proxy.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

const tools = [{ name: 'Bash', input_schema: { type: 'object' } }];
const block = (text) => ({ type: 'text', text });
const user = (text) => ({ role: 'user', content: [block(text)] });
const file = (name, prompt, more = '') => `---\nname: ${name}\ndescription: Does it: well\n${more}---\n\n${prompt}\n`;

let root, up, proxy, provider;
let asked = 0;

async function write(where, text) {
  const to = path.join(root, where);
  await fs.mkdir(path.dirname(to), { recursive: true });
  await fs.writeFile(to, text);
}

before(async () => {
  root = await fs.realpath(await temp_dir('agents'));
  up = await Upstream.start();
  provider = await ChatProvider.start();
  await write('claude/agents/deep/er/mine.md', file('mine', 'You are mine.\n\nTwo lines.'));
  await write('claude/agents/same.md', file('users', 'You are the same.'));
  await write('claude/agents/README.md', 'no agent\n');
  await write('plugin/agents/plugged.md', file('plugged', 'You are plugged in, see ${CLAUDE_PLUGIN_ROOT}/x.'));
  await write('claude/plugins/installed_plugins.json', JSON.stringify({ version: 2, plugins: { 'tidy@market': [{ installPath: path.join(root, 'plugin') }] } }));
  await write('more/configured.md', file('configured', 'You are configured.').replaceAll('\n', '\r\n'));
  await write('app/.claude/agents/project.md', file('projects', 'You are of the project.'));
  await write('app/.claude/agents/same.md', file('own', 'You are the same.'));
  await write('elsewhere/hashed.md', file('hashed', 'You are known by your hash.'));
  await promisify(execFile)(BINARY, ['agents', 'hash', path.join(root, 'elsewhere'), '-o', path.join(root, 'hashes.json')]);
  proxy = await Proxy.start({
    upstream: up,
    config: {
      agents: { claude_dir: path.join(root, 'claude'), dirs: [path.join(root, 'more')], hashes: path.join(root, 'hashes.json') },
      providers: { local: { format: 'openai', base_url: provider.url } },
      subagents: { enable: true, mappings: { 'sent-*': 'local:m1' } },
    },
  });
});
after(async () => {
  assert.deepEqual(await proxy.stop(), { code: 0, signal: null }, proxy.log.slice(-2000));
  await up.stop();
  await provider.stop();
  await fs.rm(root, { recursive: true, force: true });
});

/* An agent's request: its prompt, what the client writes behind it, the folder it works in. */
async function say(prompt, { folder = 'nowhere', session = session_id(), id = 'a1', events, first = 'hi', head = [] } = {}) {
  asked += 1;
  up.fallback = async (x) => {
    await x.received();
    if (events) await x.respond(200, [['Content-Type', 'text/event-stream'], ...head], events);
    else await x.events(text_stream('x'));
  };
  const system = [block('You are Claude Code.'), block(`${prompt}\n\nNotes:\n- x\n<env>\nWorking directory: ${path.join(root, folder)}\n</env>`)];
  const body = JSON.stringify({ model: 'claude-test-1', max_tokens: 100, stream: true, system, messages: [user(first)], tools });
  await ask(proxy.port, 'POST', `/v1/messages?n=${asked}`, { headers: headers_for(session, id ? [['x-claude-code-agent-id', id]] : []), body });
  return until(async () => (await proxy.rows()).find((r) => r.query === `n=${asked}` && r.state !== 'running'), 'its row');
}

const known = (r) => [r.class, r.agent_name, r.agent_by];

test('the user\'s, a plugin\'s, a configured folder\'s, and by fingerprint', async () => {
  assert.deepEqual(known(await say('You are mine.\n\nTwo lines.')), ['agent', 'mine', 'definition']);
  assert.deepEqual(known(await say('You are mine.\r\n\r\nTwo lines.')), ['agent', 'mine', 'definition']);
  assert.deepEqual(known(await say('You are plugged in, see /home/me/x.')), ['agent', 'tidy:plugged', 'definition']);
  assert.deepEqual(known(await say('You are configured.')), ['agent', 'configured', 'definition']);
  assert.deepEqual(known(await say('You are known by your hash.')), ['agent', 'hashed', 'fingerprint']);
  assert.deepEqual(known(await say('You are mine. Or not.')), ['agent', null, null]);
});

test('a project\'s, found by the folder that requests name; it shadows the user\'s', async () => {
  assert.deepEqual(known(await say('You are the same.')), ['agent', 'users', 'definition']);
  const named = async () => {
    const row = await say('You are of the project.', { folder: 'app/src/deep' });
    return row.agent_name && row;
  };
  assert.deepEqual(known(await until(named, 'the project\'s agents to be read')), ['agent', 'projects', 'definition']);
  assert.deepEqual(known(await say('You are the same.', { folder: 'app/src/deep' })), ['agent', 'own', 'definition']);
  assert.deepEqual(known(await say('You are the same.')), ['agent', 'users', 'definition']);
});

test('those that are known are listed', async () => {
  const { agents } = await proxy.api('/api/routing');
  const of = (name) => agents.find((a) => a.name === name);
  assert.deepEqual(of('mine'), { name: 'mine', scope: 'user', file: path.join(root, 'claude/agents/deep/er/mine.md'), model: null });
  assert.deepEqual(['users', 'tidy:plugged', 'configured', 'projects', 'hashed'].map((n) => of(n).scope), ['user', 'plugin', 'configured', 'project', 'fingerprint']);
  assert.equal(of('hashed').file, path.join(root, 'hashes.json'));
  assert.equal(agents.length, 7);
});

test('a project that nobody asked from before: its agent is waited for, and routed', async () => {
  await write('fresh/.claude/agents/first.md', file('sent-first', 'You are the first of this project.'));
  const row = await say('You are the first of this project.', { folder: 'fresh' });
  assert.deepEqual([...known(row), row.provider], ['agent', 'sent-first', 'definition', 'local']);
  const unknown = await say('Nobody knows who this is.', { folder: 'fresh/none' });
  assert.deepEqual([...known(unknown), unknown.provider], ['agent', null, null, 'anthropic']);
});

test('edited, added and removed while the proxy runs', async () => {
  await write('claude/agents/new.md', file('new', 'You are new.'));
  const is = async (prompt, name) => until(async () => (await say(prompt)).agent_name === name, `${prompt} to be ${name}`, 20000);
  await is('You are new.', 'new');
  await write('claude/agents/new.md', file('renamed', 'You are newer.'));
  await is('You are newer.', 'renamed');
  assert.equal((await say('You are new.')).agent_name, null);
  await fs.rm(path.join(root, 'claude/agents/new.md'));
  await is('You are newer.', null);
});

test('a main conversation that runs as an agent is told by its file too', async () => {
  const row = await say('You are mine.\n\nTwo lines.', { id: null });
  assert.equal(row.agent_name, 'mine');
});

for (const [encoding, pack] of [[null, (b) => b], ['gzip', zlib.gzipSync], ['br', zlib.brotliCompressSync]]) {
  test(`routed by the name in a call, seen in an answer on its way: ${encoding ?? 'plain'}`, async () => {
    const session = session_id();
    const call = { type: 'tool_use', id: 'toolu_1', name: 'Agent', input: { description: 'd', subagent_type: 'sent-away', prompt: `Go away, ${encoding}` } };
    const events = pack(Buffer.from(stream_events([block('I begin.'), call], { parts: 9 }).join('')));
    const before_it = provider.seen.length;
    const main = await say('You are an interactive agent', { session, id: null, events, head: encoding ? [['Content-Encoding', encoding]] : [] });
    assert.equal(provider.seen.length, before_it);
    assert.deepEqual(known(main), ['main', null, null]);
    assert.equal(main.route, null);
    const row = await say('Whoever.', { session, first: `Go away, ${encoding}` });
    assert.deepEqual(known(row), ['agent', 'sent-away', 'spawn']);
    assert.equal(provider.seen.length, before_it + 1);
    assert.equal(provider.seen.at(-1).json.model, 'm1');
    assert.equal(row.provider, 'local');
    assert.match(row.route, /sent-/);
    assert.equal(row.route_target, 'local:m1');
    assert.equal(row.shadow, false);
  });
}

/*
 * agents.test.mjs: who asks is stored with every request, with how it was told: sub-agents by the
 * call that began them, forks, nested and background agents, side traffic, other clients.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { ask } from '../lib/client.mjs';
import { headers_for, session_id, stream_events, text_stream } from '../lib/messages.mjs';
import { with_proxy } from '../lib/suite.mjs';
import { until } from '../lib/wait.mjs';

const t = with_proxy();
const tools = [{ name: 'Bash', input_schema: { type: 'object' } }];
const block = (text) => ({ type: 'text', text });
const user = (text) => ({ role: 'user', content: [block(text)] });
let asked = 0;

async function say(request, { session = session_id(), more = [], events = text_stream('x'), path = '/v1/messages', method = 'POST', headers } = {}) {
  asked += 1;
  t.up.fallback = async (x) => {
    await x.received();
    await x.events(events);
  };
  const body = request && JSON.stringify({ model: 'claude-test-1', max_tokens: 100, stream: true, ...request });
  await ask(t.proxy.port, method, `${path}?n=${asked}`, { headers: headers ?? headers_for(session, more), ...(body ? { body } : {}) });
  return until(async () => (await t.proxy.rows()).find((r) => r.query === `n=${asked}` && r.state !== 'running'), 'its row');
}

const who = (r) => [r.class, r.class_by, r.agent_name, r.agent_by];
const agent = (id, parent) => [['x-claude-code-agent-id', id], ...(parent ? [['x-claude-code-parent-agent-id', parent]] : [])];
const call = (input) => stream_events([{ type: 'tool_use', id: 'toolu_1', name: 'Agent', input: { description: 'd', ...input } }]);
const main = [block('You are Claude Code.'), block('\nYou are an interactive agent that helps users.')];

test('the main conversation, and the agents it begins', async () => {
  const session = session_id();
  const spawn = call({ subagent_type: 'finder', prompt: 'Find it', run_in_background: true });
  assert.deepEqual(who(await say({ system: main, messages: [user('go')], tools }, { session, events: spawn })), ['main', 'marker', null, null]);
  const first = await say({ system: 'You find.', messages: [user('Find it')], tools }, { session, more: agent('a1'), events: call({ subagent_type: 'deeper', prompt: 'Dig' }) });
  assert.deepEqual(who(first), ['agent', 'header', 'finder', 'spawn']);
  assert.ok(first.flags.includes('background'));
  const nested = await say({ system: 'You dig.', messages: [user('Dig')], tools }, { session, more: agent('a2', 'a1') });
  assert.deepEqual(who(nested), ['agent', 'header', 'deeper', 'spawn']);
  assert.equal(nested.parent_agent_id, 'a1');
  assert.ok(!nested.flags.includes('background'));
  const fork = await say({ system: main, messages: [user('go'), user('<fork-boilerplate>\nYour directive: x')], tools }, { session, more: agent('a3') });
  assert.deepEqual(who(fork), ['fork', 'marker', 'fork', 'marker']);
  const unknown = await say({ system: 'Whoever.', messages: [user('Nobody said so')], tools }, { session, more: agent('a4') });
  assert.deepEqual(who(unknown), ['agent', 'header', null, null]);
});

test('a client that sends no ids: its agents are known by the calls', async () => {
  const headers = [['User-Agent', 'claude-cli/1.0.128 (external, cli)'], ['content-type', 'application/json']];
  const metadata = { user_id: 'user_1_account__session_old-session' };
  await say({ metadata, system: 'You are an interactive CLI tool', messages: [user('go')], tools }, { headers, events: call({ subagent_type: 'old-finder', prompt: 'Find the old' }) });
  const row = await say({ metadata, system: 'You find.', messages: [user('Find the old')], tools }, { headers });
  assert.deepEqual(who(row), ['agent', 'spawn', 'old-finder', 'spawn']);
  assert.equal(row.session_id, 'old-session');
  assert.ok((await t.proxy.rows('agent=sub')).some((r) => r.id === row.id));
  assert.ok(!(await t.proxy.rows('agent=main')).some((r) => r.id === row.id));
});

test('side traffic and other clients', async () => {
  const title = await say({ system: [block('Generate a concise, sentence-case title (3-7 words)')], messages: [user('x')] });
  assert.deepEqual(who(title), ['title', 'marker', null, null]);
  assert.deepEqual(who(await say({ system: main, messages: [user('go'), user('CRITICAL: Respond with TEXT ONLY. No tools.')], tools })), ['compaction', 'marker', null, null]);
  assert.deepEqual(who(await say({ system: 'Is it so?', messages: [user('x')] })), ['classifier', 'shape', null, null]);
  assert.deepEqual(who(await say({ max_tokens: 1, messages: [user('quota')] })), ['probe', 'shape', null, null]);
  assert.deepEqual(who(await say({ messages: [user('x')] }, { path: '/v1/messages/count_tokens' })), ['count_tokens', 'path', null, null]);
  assert.deepEqual(who(await say(null, { method: 'GET', path: '/v1/models' })), ['probe', 'path', null, null]);
  const curl = await say({ system: main, messages: [user('x')], tools }, { headers: [['User-Agent', 'curl/8'], ['content-type', 'application/json']] });
  assert.deepEqual(who(curl), ['other', null, null, null]);
  const titles = await t.proxy.rows('class=title');
  assert.deepEqual(titles.map((r) => r.id), [title.id]);
  assert.equal((await t.proxy.get('/api/requests?class=nonsense')).status, 400);
});

/*
 * threads.test.mjs: sessions as trees of agents, and conversations as one chat, also for clients
 * that send no ids; while they run, and after a restart.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { ask } from '../lib/client.mjs';
import { headers_for, session_id, stream_events, text_stream } from '../lib/messages.mjs';
import { with_proxy } from '../lib/suite.mjs';
import { Signal, until } from '../lib/wait.mjs';

const t = with_proxy();

const user = (text) => ({ role: 'user', content: text });
const assistant = (text) => ({ role: 'assistant', content: [{ type: 'text', text }] });
const body_of = (messages) => JSON.stringify({ model: 'claude-test-1', max_tokens: 100, stream: true, messages });
const no_ids = (headers) => headers.filter(([name]) => name !== 'X-Claude-Code-Session-Id');

let asked = 0;

/* Asks, and gives the row that came of it. `path` keeps apart who has no session. */
async function say(messages, events, { session = null, more = [], path = '/v1/messages', code = (x) => x } = {}) {
  asked += 1;
  const target = `${path}?n=${asked}`;
  const answer = async (x) => {
    await x.received();
    await x.events(events, [['request-id', `req_t${asked}`]]);
  };
  t.up.fallback = answer;
  const headers = headers_for(session ?? 'x', more);
  await ask(t.proxy.port, 'POST', target, { headers: session ? headers : no_ids(headers), body: code(body_of(messages)) });
  return until(async () => (await t.proxy.rows()).find((r) => r.query === `n=${asked}` && r.state !== 'running'), `a row for ${target}`);
}

const conversation = (id, query = '') => t.proxy.api(`/api/conversations/${id}${query}`);
const texts = (chat) => chat.messages.map(({ message }) => (typeof message.content === 'string' ? message.content : message.content[0].text));

test('compressed requests are one chat', async () => {
  const more = [['Content-Encoding', 'gzip']], session = session_id();
  const a = await say([user('packed one')], text_stream('two'), { session, more, code: gzipSync });
  const b = await say([user('packed one'), assistant('two'), user('three')], text_stream('four'), { session, more, code: gzipSync });
  const chat = await conversation(a.id);
  assert.deepEqual(texts(chat), ['packed one', 'two', 'three', 'four']);
  assert.deepEqual(chat.requests.map((r) => r.id), [a.id, b.id]);
});

test('a client without ids: one chat, however its messages are written', async () => {
  const a = await say([user('one')], text_stream('two'));
  const cached = { role: 'user', content: [{ type: 'text', text: 'one', cache_control: { type: 'ephemeral' } }] };
  const b = await say([cached, assistant('two'), user('three')], text_stream('four'));
  const c = await say([user('one'), assistant('two'), user('three'), assistant('four'), user('five')], text_stream('six'));
  const chat = await conversation(a.id);
  assert.deepEqual(texts(chat), ['one', 'two', 'three', 'four', 'five', 'six']);
  assert.deepEqual(chat.messages.map((m) => m.request_id), [a.id, a.id, b.id, b.id, c.id, c.id]);
  assert.deepEqual(chat.messages.map((m) => m.is_answer), [false, true, false, true, false, true]);
  assert.deepEqual(chat.requests.map((r) => r.id), [a.id, b.id, c.id]);
  assert.equal(chat.conversation.request_count, 3);
  assert.equal(chat.conversation.usage.output_tokens, 75);
  const { conversations } = await t.proxy.api('/api/conversations');
  const listed = conversations.find((x) => x.id === chat.conversation.id);
  assert.equal(listed.request_count, 3);
  assert.equal(listed.session_id, null);
  /* a page at a time */
  const page = await conversation(listed.id, '?from=1&limit=2');
  assert.deepEqual(texts(page), ['two', 'three']);
  assert.equal(page.next_from, 3);
  assert.equal(page.total, 6);
});

test('a question asked anew is a branch', async () => {
  const a = await say([user('branch one')], text_stream('b two'));
  const b = await say([user('branch one'), assistant('b two'), user('this way')], text_stream('west'));
  const c = await say([user('branch one'), assistant('b two'), user('that way')], text_stream('east'));
  const chat = await conversation(a.id);
  assert.deepEqual(texts(chat), ['branch one', 'b two', 'that way', 'east']);
  assert.equal(chat.branch_count, 2);
  const other = chat.branches.find((x) => !x.is_shown);
  assert.equal(other.leaf, b.id);
  assert.equal(other.forks_from, a.id);
  assert.deepEqual(texts(await conversation(a.id, `?leaf=${b.id}`)), ['branch one', 'b two', 'this way', 'west']);
  assert.equal(chat.leaf, c.id);
});

test('a session as a tree: agents under agents, with sums', async () => {
  const session = session_id();
  const spawn = { type: 'tool_use', id: 'toolu_1', name: 'Agent', input: { subagent_type: 'finder', description: 'Find it', prompt: 'Look for the word' } };
  const agent = (id, parent) => [['x-claude-code-agent-id', id], ...(parent ? [['x-claude-code-parent-agent-id', parent]] : [])];
  await say([user('do it')], stream_events([spawn]), { session });
  const sub = await say([user('Look for the word')], text_stream('x'), { session, more: agent('a1') });
  await say([user('deeper')], text_stream('y'), { session, more: agent('a2', 'a1') });
  const s = await t.proxy.api(`/api/sessions/${session}`);
  assert.deepEqual(s.agents.map((a) => [a.agent_id, a.parent, a.depth]), [[null, null, 0], ['a1', 0, 1], ['a2', 1, 2]]);
  assert.equal(s.agents[1].agent_type, 'finder');
  assert.equal(s.agents[1].description, 'Find it');
  assert.deepEqual(s.agents.map((a) => a.total.request_count), [3, 2, 1]);
  assert.deepEqual(s.agents.map((a) => a.request_count), [1, 1, 1]);
  assert.equal(s.agents[0].total.usage.output_tokens, 75);
  assert.equal(s.agents[0].tool_use_count, 1);
  assert.equal(s.agents[1].requests[0].id, sub.id);
  assert.deepEqual(s.transcripts, []);
  assert.equal(s.agents[1].requests[0].in_transcript, null);
  assert.equal(s.session.agent_count, 2);
  assert.equal((await t.proxy.get('/api/sessions/nobody')).status, 404);
});

test('what runs is there, and what ended is there after a restart', async () => {
  const session = session_id();
  const first = await say([user('live one')], text_stream('live two'), { session });
  const go = new Signal();
  let may_end = false;
  const begun = new Signal();
  let has_begun = false;
  t.up.fallback = async (x) => {
    await x.received();
    has_begun = true;
    begun.fire();
    await go.when(() => may_end, 'leave to end');
    await x.events(text_stream('live four'));
  };
  const running = ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body: body_of([user('live one'), assistant('live two'), user('live three')]) });
  await begun.when(() => has_begun, 'the request upstream');
  const chat = await until(async () => {
    const c = await conversation(first.id);
    return c.total === 3 && c;
  }, 'the running request in the chat');
  assert.deepEqual(texts(chat), ['live one', 'live two', 'live three']);
  assert.equal(chat.requests.at(-1).state, 'running');
  may_end = true;
  go.fire();
  await running;
  await until(async () => (await conversation(first.id)).total === 4, 'the answer in the chat');
  /* killed and started again, it goes on where it was */
  await t.proxy.kill();
  t.proxy = await t.proxy.restart();
  t.proxy.is_dir_ours = true;
  const last = await say(['one', 'two', 'three', 'four', 'five'].map((n, i) => (i % 2 ? assistant(`live ${n}`) : user(`live ${n}`))), text_stream('live six'), { session });
  const whole = await conversation(last.id);
  assert.equal(whole.total, 6);
  assert.equal(whole.conversation.request_count, 3);
  assert.equal(whole.requests[0].id, first.id);
});

/*
 * sdk.test.mjs: the Anthropic TypeScript SDK through the proxy.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { error_body, session_id, stream_events, text_stream } from '../lib/messages.mjs';
import { same_bytes, with_proxy } from '../lib/suite.mjs';
import { within } from '../lib/wait.mjs';

const sdk = await import('@anthropic-ai/sdk').catch(() => null);
const skip = !sdk && '@anthropic-ai/sdk is not installed: npm ci in tests/';
const t = skip ? {} : with_proxy();

const MESSAGE = { model: 'claude-test-1', max_tokens: 100, messages: [{ role: 'user', content: 'hello from the SDK' }] };
const BLOCKS = [{ type: 'thinking', thinking: 'I think', signature: 'c2ln' }, { type: 'text', text: 'Hello, SDK! ünïcödé' },
  { type: 'tool_use', id: 'toolu_1', name: 'get', input: { a: [1, 2], b: 'c' } }];

function client(session) {
  return new sdk.default({ baseURL: t.proxy.url, apiKey: 'sk-ant-test-0', maxRetries: 0, timeout: 15000,
    defaultHeaders: { 'X-Claude-Code-Session-Id': session } });
}

async function check_record(session, state) {
  const row = await t.proxy.row(session);
  const seen = t.up.seen(session);
  assert.equal(seen.length, 1, 'one upstream request');
  assert.equal(row.state, state);
  assert.equal(row.model, 'claude-test-1');
  same_bytes(await t.proxy.body(row.id, 'request'), seen[0].body, 'request body');
  return { row, x: seen[0] };
}

test('streaming: events as they come, and the whole message', { skip }, async () => {
  const session = session_id();
  t.up.on(session, async (x) => { await x.received(); await x.events(stream_events(BLOCKS)); });
  const stream = client(session).messages.stream({ ...MESSAGE, tools: [{ name: 'get', input_schema: { type: 'object' } }] });
  const types = [];
  stream.on('streamEvent', (e) => types.push(e.type));
  const message = await stream.finalMessage();
  assert.equal(types[0], 'message_start');
  assert.equal(types.at(-1), 'message_stop');
  assert.equal(message.stop_reason, 'tool_use');
  assert.equal(message.content[1].text, BLOCKS[1].text);
  assert.deepEqual(message.content[2].input, BLOCKS[2].input);
  assert.equal(message.usage.output_tokens, 25);
  const { row, x } = await check_record(session, 'complete');
  same_bytes(await t.proxy.body(row.id, 'response'), x.sent_body, 'answer');
  assert.equal(row.usage.output_tokens, 25);
  assert.equal(row.stop_reason, 'tool_use');
  assert.deepEqual((await t.proxy.message(row.id)).message.content, BLOCKS);
});

test('not streaming', { skip }, async () => {
  const session = session_id();
  t.up.on(session, async (x) => {
    await x.received();
    await x.json(200, { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-test-1', content: [{ type: 'text', text: 'plain' }],
      stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: 4, output_tokens: 2 } }, [['request-id', 'req_plain']]);
  });
  const message = await client(session).messages.create(MESSAGE);
  assert.equal(message.content[0].text, 'plain');
  assert.equal(message._request_id, 'req_plain');
  const { row } = await check_record(session, 'complete');
  assert.equal(row.upstream_request_id, 'req_plain');
  assert.deepEqual([row.usage.input_tokens, row.usage.output_tokens], [4, 2]);
});

test('abort in mid-stream', { skip }, async () => {
  const session = session_id();
  const events = text_stream('never heard to the end');
  t.up.on(session, async (x) => {
    await x.received();
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
    for (const e of events.slice(0, 4)) await x.piece(e);
    await x.closed();
  });
  const stream = client(session).messages.stream(MESSAGE);
  await within(new Promise((resolve) => stream.on('text', resolve)), 5000, 'the first text');
  stream.abort();
  await assert.rejects(stream.finalMessage(), (e) => e instanceof sdk.APIUserAbortError);
  await t.up.seen(session)[0].closed();
  const { row, x } = await check_record(session, 'client_disconnected');
  same_bytes(await t.proxy.body(row.id, 'response'), x.sent_body, 'what came');
});

const ERRORS = [
  [400, 'invalid_request_error', 'BadRequestError'],
  [401, 'authentication_error', 'AuthenticationError'],
  [403, 'permission_error', 'PermissionDeniedError'],
  [404, 'not_found_error', 'NotFoundError'],
  [429, 'rate_limit_error', 'RateLimitError'],
  [500, 'api_error', 'InternalServerError'],
  [529, 'overloaded_error', 'InternalServerError'],
];
for (const [status, type, class_name] of ERRORS) {
  for (const stream of [false, true]) {
    test(`${status} ${type}${stream ? ', streaming' : ''}: body and headers arrive`, { skip }, async () => {
      const session = session_id();
      const headers = [['request-id', `req_${status}`], ['retry-after', '7'], ['x-should-retry', 'false'], ['anthropic-ratelimit-requests-remaining', '0']];
      t.up.on(session, async (x) => { await x.received(); await x.json(status, error_body(type, `told ${status}`), headers); });
      const error = await client(session).messages.create({ ...MESSAGE, stream }).then(() => assert.fail('no error'), (e) => e);
      assert.ok(error instanceof sdk[class_name], `${error.constructor.name} instead of ${class_name}`);
      assert.equal(error.status, status);
      assert.deepEqual(error.error, error_body(type, `told ${status}`));
      assert.equal(error.requestID, `req_${status}`);
      for (const [name, value] of headers) assert.equal(error.headers.get(name), value, name);
      const { row } = await check_record(session, 'upstream_error');
      assert.equal(row.status, status);
      assert.equal(row.error.type, type);
    });
  }
}

test('an error event in mid-stream', { skip }, async () => {
  const session = session_id();
  t.up.on(session, (x) => x.events([...text_stream('partly').slice(0, 4),
    `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } })}\n\n`]));
  await assert.rejects(client(session).messages.stream(MESSAGE).finalMessage(), /Overloaded|overloaded/);
  const { row } = await check_record(session, 'upstream_error');
  assert.equal(row.error.type, 'overloaded_error');
});

test('a cut stream is an error for the SDK, not a short answer', { skip }, async () => {
  const session = session_id();
  t.up.on(session, async (x) => {
    await x.received();
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
    for (const e of text_stream('cut').slice(0, 4)) await x.piece(e);
    x.fin();
  });
  await assert.rejects(client(session).messages.stream(MESSAGE).finalMessage());
  await check_record(session, 'upstream_truncated');
});

test('the proxy\'s own 502 is an error of the provider\'s shape', { skip }, async () => {
  const session = session_id();
  t.up.on(session, async (x) => { await x.received(); x.rst(); });
  const error = await client(session).messages.create(MESSAGE).then(() => assert.fail('no error'), (e) => e);
  assert.equal(error.status, 502);
  assert.equal(error.error.error.type, 'api_error');
});

test('models, count_tokens and batches', { skip }, async () => {
  const session = session_id();
  t.up.on('/v1/models', (x) => x.json(200, { data: [{ id: 'claude-test-1', type: 'model', display_name: 'Test' }], has_more: false, first_id: null, last_id: null }));
  t.up.on('/v1/messages/count_tokens', async (x) => { await x.received(); await x.json(200, { input_tokens: 42 }); });
  const c = client(session);
  assert.equal((await c.models.list()).data[0].id, 'claude-test-1');
  assert.equal((await c.messages.countTokens({ model: MESSAGE.model, messages: MESSAGE.messages })).input_tokens, 42);
});

test('20 streams at once', { skip }, async () => {
  await Promise.all(Array.from({ length: 20 }, async (_, i) => {
    const session = session_id();
    t.up.on(session, async (x) => { await x.received(); await x.events(text_stream(`number ${i}`)); });
    const message = await client(session).messages.stream(MESSAGE).finalMessage();
    assert.equal(message.content[0].text, `number ${i}`);
    await check_record(session, 'complete');
  }));
});

/*
 * demote.test.mjs: a client that asks for no stream gets one message, though Anthropic was asked for a
 * stream; what asks for one, and everything else, is untouched.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import zlib from 'node:zlib';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, error_body, event, headers_for, session_id, stream_events, text_stream } from '../lib/messages.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { Upstream } from '../lib/upstream.mjs';

let up, p;
const demote = { ANTHROPIC_DEMOTE_NONSTREAMING: 'true' };
before(async () => {
  up = await Upstream.start();
  p = await Proxy.start({ upstream: up, env: demote });
});
after(async () => {
  Conn.destroy_all();
  assert.deepEqual(await p.stop(), { code: 0, signal: null });
  await up.stop();
});

const STREAM = [['Content-Type', 'text/event-stream; charset=utf-8'], ['Request-Id', 'req_1'], ['anthropic-ratelimit-requests-remaining', '41'], ['Cache-Control', 'no-cache']];
const plain = ask_body('hi', { stream: undefined });
const post = (session, body, { headers = [], port = p.port, target = '/v1/messages?beta=true' } = {}) =>
  ask(port, 'POST', target, { headers: headers_for(session, headers), body });
const lines_of = (x) => x.raw_head.toString('latin1').split('\r\n');
const say = (session, script) => up.on(session, async (x) => {
  await x.received();
  await script(x);
});

test('only the member is changed; the head says what changed; the answer is one message', async () => {
  for (const [body, want] of [
    [plain, plain.replace('{', '{"stream":true,')],
    ['{"model":"m", "stream" : false ,"x":1.50}', '{"model":"m", "stream" : true ,"x":1.50}'],
    ['\n {\n  "stream": null,\n  "nested": {"stream": false, "n": 12345678901234567890}\n}\n', '\n {\n  "stream": true,\n  "nested": {"stream": false, "n": 12345678901234567890}\n}\n'],
    ['{ "messages":[{"role":"user","content":"\\"stream\\":false"}]}', '{"stream":true, "messages":[{"role":"user","content":"\\"stream\\":false"}]}'],
  ]) {
    const session = session_id();
    say(session, (x) => x.events(text_stream('Hello'), STREAM.slice(1)));
    const headers = [['Accept-Encoding', 'gzip, br']];
    const got = await post(session, body, { headers });
    const [x] = up.seen(session);
    assert.equal(x.body.toString(), want);
    assert.deepEqual(lines_of(x), ['POST /v1/messages?beta=true HTTP/1.1', `Host: ${new URL(up.url).host}`,
      ...headers_for(session).map(([n, v]) => `${n}: ${v}`), 'Accept-Encoding: identity', `Content-Length: ${want.length}`]);
    assert.equal(got.status, 200);
    assert.equal(got.header('content-type'), 'application/json');
    assert.equal(got.header('content-length'), String(got.body.length));
    assert.equal(got.header('request-id'), 'req_1');
    assert.equal(got.header('anthropic-ratelimit-requests-remaining'), '41');
    assert.equal(got.header('transfer-encoding'), undefined);
    assert.deepEqual(got.json.content, [{ type: 'text', text: 'Hello' }]);
    assert.equal(got.json.usage.output_tokens, 25);
    assert.equal(got.json.usage.cache_read_input_tokens, 4000);
    const row = await p.row(session);
    assert.equal(row.state, 'complete');
    assert.ok(row.flags.includes('demoted'));
    assert.equal(row.is_stream ?? false, false);
    assert.equal(row.usage.output_tokens, 25);
    assert.deepEqual(await p.body(row.id, 'request'), Buffer.from(body), 'recorded as the client sent it');
    assert.deepEqual(await p.body(row.id, 'response'), got.body, 'and as it got it');
  }
});

test('numbers come as they are spelled', async () => {
  const session = session_id();
  const odd = [event('message_start', { message: { id: 'm', type: 'message', role: 'assistant', model: 'x', content: [], usage: {} } }).replace('"usage":{}', '"usage":{"input_tokens":12345678901234567890,"odd":1.50}'),
    event('content_block_start', { index: 0, content_block: { type: 'tool_use', id: 't', name: 'n', input: {} } }),
    event('content_block_delta', { index: 0, delta: { type: 'input_json_delta', partial_json: '{"a":0.10,"b":1E5}' } }),
    event('message_delta', { delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 7 } }), event('message_stop')];
  say(session, (x) => x.events(odd));
  const { text } = await post(session, plain);
  for (const piece of ['12345678901234567890', '"odd":1.50', '{"a":0.10,"b":1E5}', '"output_tokens":7']) assert.ok(text.includes(piece), `${piece} in ${text}`);
});

test('what asks for a stream, other paths, and what cannot be changed safely pass as they are', async () => {
  for (const [body, target] of [
    [ask_body('hi'), '/v1/messages'],
    [plain, '/v1/messages/count_tokens'],
    ['{"stream":false,"stream":false}', '/v1/messages'],
    ['{"stream":false', '/v1/messages'],
    ['[1]', '/v1/messages'],
    ['', '/v1/messages'],
    ['{"stream":1}', '/v1/messages'],
  ]) {
    const session = session_id();
    say(session, (x) => x.json(200, { ok: true }));
    const got = await post(session, body, { target, headers: [['Accept-Encoding', 'gzip']] });
    assert.equal(up.seen(session)[0].body.toString(), body);
    assert.equal(up.seen(session)[0].header('accept-encoding'), 'gzip');
    assert.deepEqual(got.json, { ok: true });
    assert.ok(!(await p.row(session)).flags.includes('demoted'));
  }
});

test('off: nothing is changed', async () => {
  const q = await Proxy.start({ upstream: up });
  const session = session_id();
  say(session, (x) => x.json(200, { ok: true }));
  await post(session, plain, { port: q.port });
  assert.equal(up.seen(session)[0].body.toString(), plain);
  await q.stop();
});

test('a body in chunks is sent with its length', async () => {
  const session = session_id();
  say(session, (x) => x.events(text_stream('Hello')));
  const c = await Conn.open(p.port);
  await c.write(`POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:${p.port}\r\nX-Claude-Code-Session-Id: ${session}\r\nTransfer-Encoding: chunked\r\n\r\n`
    + `${plain.length.toString(16)}\r\n${plain}\r\n0\r\n\r\n`);
  const got = await c.answer_whole('POST');
  assert.equal(got.json.content[0].text, 'Hello');
  const [x] = up.seen(session);
  assert.equal(x.header('transfer-encoding'), undefined);
  assert.equal(x.header('content-length'), String(plain.length + '"stream":true,'.length));
});

test('an error before the stream keeps its status and its bytes', async () => {
  const session = session_id();
  say(session, (x) => x.json(429, error_body('rate_limit_error', 'Slow down'), [['retry-after', '7'], ['x-should-retry', 'true']]));
  const got = await post(session, plain);
  assert.equal(got.status, 429);
  assert.deepEqual(got.json, error_body('rate_limit_error', 'Slow down'));
  assert.equal(got.header('retry-after'), '7');
  assert.equal((await p.row(session)).state, 'upstream_error');
});

test('an answer that is no stream after all passes as it is', async () => {
  const session = session_id();
  say(session, (x) => x.json(200, { type: 'message', content: [] }, [['request-id', 'r']]));
  assert.deepEqual((await post(session, plain)).json, { type: 'message', content: [] });
});

test('an error in mid-stream becomes an answer with the status that fits', async () => {
  for (const [type, status] of [['overloaded_error', 529], ['api_error', 500], ['rate_limit_error', 429], ['invalid_request_error', 400], ['timeout_error', 504], ['a_new_error', 500]]) {
    const session = session_id();
    const error = { type: 'error', error: { type, message: 'no "more"' }, request_id: 'req_9' };
    say(session, (x) => x.events([...text_stream('Hello').slice(0, 5), `event: error\ndata: ${JSON.stringify(error)}\n\n`], STREAM.slice(1)));
    const got = await post(session, plain);
    assert.equal(got.status, status, type);
    assert.deepEqual(got.json, error);
    assert.equal(got.header('request-id'), 'req_1');
    const row = await p.row(session);
    assert.equal(row.state, 'upstream_error');
    assert.equal(row.status, status);
  }
});

test('a stream that breaks off, however it does, is told as broken, and never as half a message', async () => {
  const events = text_stream('Hello');
  for (const [state, finish] of [['upstream_truncated', (x) => x.finish()], ['upstream_truncated', (x) => x.fin()], ['upstream_reset', (x) => x.rst()]]) {
    const session = session_id();
    say(session, async (x) => {
      await x.head(200, [...STREAM, ['Transfer-Encoding', 'chunked']]);
      for (const e of events.slice(0, -1)) await x.piece(e);
      await finish(x);
    });
    const got = await post(session, plain);
    assert.equal(got.status, 502);
    assert.equal(got.json.type, 'error');
    assert.equal(got.json.error.type, 'api_error');
    const row = await p.row(session);
    assert.ok(row.state === state || row.state === 'upstream_truncated', row.state);
  }
});

test('a coding that was not asked for is undone', async () => {
  for (const [coding, pack] of [['gzip', zlib.gzipSync], ['br', zlib.brotliCompressSync]]) {
    const session = session_id();
    say(session, async (x) => {
      await x.head(200, [...STREAM, ['Content-Encoding', coding], ['Transfer-Encoding', 'chunked']]);
      await x.piece(pack(text_stream('Hello').join('')));
      await x.finish();
    });
    const got = await post(session, plain);
    assert.equal(got.header('content-encoding'), undefined);
    assert.equal(got.json.content[0].text, 'Hello');
  }
  const session = session_id();
  say(session, async (x) => {
    await x.head(200, [...STREAM, ['Content-Encoding', 'odd'], ['Transfer-Encoding', 'chunked']]);
    await x.piece('???');
    await x.finish();
  });
  assert.equal((await post(session, plain)).status, 502);
});

test('as long as the client has heard nothing, another provider can be asked', async () => {
  const other = await Upstream.start();
  other.fallback = async (x) => {
    await x.received();
    assert.equal(JSON.parse(x.body).stream, false, 'as the client asked');
    await x.json(200, { id: 'm', type: 'message', role: 'assistant', model: 'b', content: [{ type: 'text', text: 'from the other' }], stop_reason: 'end_turn', usage: { input_tokens: 1, output_tokens: 1 } });
  };
  const q = await Proxy.start({
    env: demote,
    config: { providers: { anthropic: { base_url: up.url, fallback_provider: 'other' }, other: { format: 'anthropic', base_url: other.url, api_key: 'k' } } },
  });
  const body = ask_body('hi', { stream: false });
  for (const script of [
    (x) => x.events([...text_stream('Hello').slice(0, 4), event('error', { error: { type: 'overloaded_error', message: 'no' } })]),
    async (x) => {
      await x.head(200, [...STREAM, ['Transfer-Encoding', 'chunked']]);
      await x.piece(text_stream('Hello').slice(0, 4).join(''));
      await x.fin();
    },
  ]) {
    const session = session_id();
    say(session, script);
    const got = await post(session, body, { port: q.port });
    assert.equal(got.status, 200);
    assert.equal(got.json.content[0].text, 'from the other');
    assert.equal(up.seen(session).length, 1);
    const row = await q.row(session);
    assert.equal(row.provider, 'other');
    assert.ok(!row.flags.includes('demoted'));
  }
  await q.stop();
  await other.stop();
});

test('a client that leaves ends it at the provider too', async () => {
  const session = session_id();
  let is_closed;
  say(session, async (x) => {
    await x.head(200, [...STREAM, ['Transfer-Encoding', 'chunked']]);
    await x.piece(text_stream('Hello').slice(0, 3).join(''));
    is_closed = x.closed();
    await is_closed;
  });
  const c = await Conn.open(p.port);
  await c.request('POST', '/v1/messages', { headers: headers_for(session), body: plain });
  await up.arrival(session);
  c.destroy();
  const row = await p.row(session);
  assert.equal(row.state, 'client_disconnected');
  await is_closed;
});

test('with every end on the disk first, and with rules beside it', async () => {
  const q = await Proxy.start({
    upstream: up, env: demote,
    config: { storage: { durability: 'sync' }, providers: { local: { format: 'anthropic', base_url: up.url, api_key: 'k' } }, routing: { models: { 'x-*': 'local:' } } },
  });
  const big = 'word '.repeat(100000);
  const session = session_id();
  say(session, (x) => x.events(stream_events([{ type: 'text', text: big }, { type: 'tool_use', id: 't', name: 'n', input: { deep: [big] } }], { parts: 50 })));
  const got = await post(session, plain, { port: q.port });
  assert.equal(got.json.content[0].text, big);
  assert.equal(got.json.content[1].input.deep[0], big);
  assert.deepEqual(await q.stop(), { code: 0, signal: null });
});

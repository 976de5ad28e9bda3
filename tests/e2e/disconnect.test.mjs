/*
 * disconnect.test.mjs: the client leaves. The provider's transfer is aborted within a second (or
 * drained, by config), and the record says what happened and holds what came.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { is_prefix, same_bytes, with_proxy } from '../lib/suite.mjs';
import { Signal, random, settled, until } from '../lib/wait.mjs';

const t = with_proxy();
const d = with_proxy({ config: { server: { on_client_disconnect: 'drain' } } });

const STREAM = Buffer.from(text_stream('lorem ipsum dolor sit amet '.repeat(300)).join('')).subarray(0, 4096);
const SSE = [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']];

/* A stream that reaches `at` bytes and then waits for ever. */
function stream_until(session, at, up) {
  up.on(session, async (x) => {
    await x.received();
    await x.head(200, SSE);
    for (let from = 0; from < at; from += 1000) await x.piece(STREAM.subarray(from, Math.min(at, from + 1000)));
    await x.closed();
  });
}

async function leave(how, at) {
  const session = session_id();
  stream_until(session, at, t.up);
  const conn = await Conn.open(t.proxy.port);
  await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  await conn.head('POST');
  await conn.body_at_least(at);
  const got = conn.answer.body;
  if (how === 'fin') conn.destroy();
  else conn.rst();
  const x = t.up.seen(session)[0];
  await x.closed();
  const row = await t.proxy.row(session);
  assert.equal(row.state, 'client_disconnected');
  assert.equal(row.status, 200);
  const stored = await t.proxy.body(row.id, 'response');
  is_prefix(stored, x.sent_body, 'stored is a prefix of what was sent');
  assert.ok(stored.length >= got.length, 'stored is at least what the client had');
  assert.equal(row.response_bytes, stored.length);
}

/* An upload that the provider does not take; resolves when it has come to a standstill. */
async function start_held_up(bytes) {
  const session = session_id();
  let resume;
  const gate = new Promise((resolve) => { resume = resolve; });
  t.up.on(session, async (x) => {
    x.link.socket.pause();
    await gate;
    x.link.socket.resume();
    await x.received();
    await x.json(200, {});
  });
  const conn = await Conn.open(t.proxy.port);
  const body = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i += 4) body.writeUInt32LE(i, i);
  await conn.request('POST', '/v1/files', { headers: [...headers_for(session), ['Content-Length', String(bytes)]] });
  let taken = 0;
  const writing = (async () => {
    for (; taken < bytes; taken += 65536) await conn.write(body.subarray(taken, taken + 65536));
  })().catch(() => {}); // it leaves
  const x = await t.up.arrival(session);
  return { conn, session, body, x, resume, writing, taken: () => taken };
}

test('client leaves (fin) while its upload is held up by the provider', { timeout: 60000 }, async () => {
  const h = await start_held_up(6 << 20);
  await settled(h.taken, 200);
  h.conn.destroy(); // its FIN stands behind bytes that nobody has asked for
  const row = await t.proxy.row(h.session);
  assert.equal(row.state, 'client_disconnected');
  assert.ok(row.request_bytes < h.body.length, 'it was not all passed on first');
  h.resume();
});

test('an upload that was held up, and read ahead of, arrives whole', { timeout: 60000 }, async () => {
  const h = await start_held_up(16 << 20);
  const read_to = await settled(h.taken, 1200);
  assert.ok(read_to < h.body.length, 'not without a limit');
  h.resume();
  assert.equal((await h.conn.answer_whole('POST')).status, 200);
  same_bytes(h.x.body, h.body, 'what the provider got');
  const row = await t.proxy.row(h.session);
  same_bytes(await t.proxy.body(row.id, 'request'), h.body, 'what was recorded');
  h.conn.destroy();
});

const skip = process.platform !== 'linux' && 'only Linux tells of it while nothing is read';
test('client leaves (rst) while its upload is held up by the provider', { timeout: 60000, skip }, async () => {
  const session = session_id();
  t.up.on(session, async (x) => {
    x.link.socket.pause();
    await x.closed();
  });
  const conn = await Conn.open(t.proxy.port);
  conn.request('POST', '/v1/messages', { headers: headers_for(session), body: Buffer.alloc(30 << 20, 'u') });
  await t.up.arrival(session);
  await settled(() => conn.socket.bytesWritten - conn.socket.writableLength, 500);
  conn.rst(); // a FIN would wait behind the bytes that nobody reads: TCP tells nobody of it
  const row = await t.proxy.row(session);
  assert.equal(row.state, 'client_disconnected');
  t.up.seen(session)[0].link.socket.resume();
});

for (const how of ['fin', 'rst']) {
  test(`client leaves (${how}) at many offsets of a stream`, { timeout: 120000 }, async () => {
    const r = random(how.length);
    const offsets = [0, 1, 2, 999, 1000, 1001, 2047, 4095, 4096];
    for (let i = 0; i < 40; i += 1) offsets.push(r.below(4096));
    for (let i = 0; i < offsets.length; i += 7)
      await Promise.all(offsets.slice(i, i + 7).map((at) => leave(how, at)));
  });

  test(`client leaves (${how}) before the answer has begun`, async () => {
    const session = session_id();
    t.up.on(session, async (x) => { await x.closed(); });
    const conn = await Conn.open(t.proxy.port);
    await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
    const x = await t.up.arrival(session);
    await x.received();
    if (how === 'fin') conn.destroy();
    else conn.rst();
    await x.closed();
    const row = await t.proxy.row(session);
    assert.equal(row.state, 'client_disconnected');
    same_bytes(await t.proxy.body(row.id, 'request'), ask_body(), 'request body');
  });

  test(`client leaves (${how}) in the middle of its request`, async () => {
    const session = session_id();
    const count = t.up.ledger.filter((x) => x.is_received).length;
    const conn = await Conn.open(t.proxy.port);
    await conn.request('POST', '/v1/messages', { headers: [...headers_for(session), ['Content-Length', '100000']] });
    await conn.write('{"half":"');
    if (how === 'fin') conn.destroy();
    else conn.rst();
    const row = await t.proxy.row(session);
    assert.equal(row.state, 'client_disconnected');
    assert.equal(t.up.ledger.filter((x) => x.is_received).length, count, 'no whole request reached the provider');
    is_prefix(await t.proxy.body(row.id, 'request'), Buffer.from('{"half":"'), 'request body');
  });
}

test('client leaves in the middle of a stream of 10 MB', { timeout: 60000 }, async () => {
  const r = random(10);
  for (let i = 0; i < 12; i += 1) {
    const session = session_id();
    t.up.on(session, async (x) => {
      await x.received();
      await x.head(200, SSE);
      for (let n = 0; n < 160; n += 1) await x.piece(Buffer.alloc(65536, 97 + (n % 26)));
      await x.closed();
    });
    const conn = await Conn.open(t.proxy.port);
    await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
    await conn.head('POST');
    await conn.body_at_least(r.below(10000000));
    const had = conn.answer.reader.size;
    conn[i % 2 ? 'rst' : 'destroy']();
    const x = t.up.seen(session)[0];
    await x.closed();
    const row = await t.proxy.row(session);
    assert.equal(row.state, 'client_disconnected');
    const stored = await t.proxy.body(row.id, 'response');
    is_prefix(stored, x.sent_body, 'stored stream');
    assert.ok(stored.length >= had, 'stored is at least what the client had');
  }
});

test('a client that half-closes after its request still gets its answer or counts as gone', async () => {
  const session = session_id();
  t.up.on(session, async (x) => {
    await x.received();
    await x.events(text_stream('half'));
  });
  const conn = await Conn.open(t.proxy.port);
  await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  conn.fin();
  const row = await t.proxy.row(session);
  assert.ok(['complete', 'client_disconnected'].includes(row.state), row.state);
  conn.destroy();
});

test('drain: the provider\'s answer is recorded to its end after the client has left', async () => {
  const session = session_id();
  const go = new Signal();
  let is_gone = false;
  const events = text_stream('drained to the end');
  d.up.on(session, async (x) => {
    await x.received();
    await x.head(200, SSE);
    for (const e of events.slice(0, 3)) await x.piece(e);
    await go.when(() => is_gone, 'the client to leave');
    for (const e of events.slice(3)) await x.piece(e);
    await x.finish();
  });
  const conn = await Conn.open(d.proxy.port);
  await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  await conn.head('POST');
  await conn.body_at_least(1);
  conn.rst();
  /* The proxy has noticed once a later request has come and gone. */
  await ask(d.proxy.port, 'GET', '/v1/after');
  is_gone = true;
  go.fire();
  const row = await d.proxy.row(session);
  assert.equal(row.state, 'client_disconnected');
  same_bytes(await d.proxy.body(row.id, 'response'), events.join(''), 'whole answer');
  const { message } = await d.proxy.message(row.id);
  assert.equal(message.content[0].text, 'drained to the end');
  assert.equal(row.usage.output_tokens, 25);
});

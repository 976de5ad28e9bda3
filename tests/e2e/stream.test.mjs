/*
 * stream.test.mjs: streams pass as they arrive. Lock-step instead of clocks: the upstream sends a
 * piece only when the client has the one before, so a proxy that waits for more never gets it.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import zlib from 'node:zlib';
import { Conn, ask } from '../lib/client.mjs';
import { Signal } from '../lib/wait.mjs';
import { ask_body, event, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { same_bytes, with_proxy } from '../lib/suite.mjs';

const t = with_proxy();

/* Upstream and client take turns; `pieces` are body pieces, sent one after another. */
async function lock_step(pieces, { headers = [], framing = 'chunked', path = '/v1/messages' } = {}) {
  const session = session_id();
  const seen = new Signal();
  let size = 0;
  const frame = { chunked: [['Transfer-Encoding', 'chunked']], close: [['Connection', 'close']],
    length: [['Content-Length', String(pieces.reduce((n, p) => n + p.length, 0))]] }[framing];
  t.up.on(session, async (x) => {
    await x.received();
    await x.head(200, [['Content-Type', 'text/event-stream'], ...headers, ...frame]);
    let sent = 0;
    for (const piece of pieces) {
      await x.piece(piece);
      sent += piece.length;
      const want = sent;
      await seen.when(() => size >= want, `the client to have ${want} bytes`);
    }
    await x.finish();
  });
  const conn = await Conn.open(t.proxy.port);
  await conn.request('POST', path, { headers: headers_for(session), body: ask_body() });
  const answer = await conn.head('POST');
  size = answer.reader.size;
  seen.fire();
  answer.reader.on_piece = () => {
    size = answer.reader.size;
    seen.fire();
  };
  await conn.finish();
  conn.destroy();
  assert.ok(answer.is_clean, 'the stream ended as its framing says');
  same_bytes(answer.body, Buffer.concat(pieces), 'stream');
  return { answer, session };
}

for (const framing of ['chunked', 'length', 'close']) {
  test(`each event is seen before the next is sent (${framing})`, async () => {
    const { session } = await lock_step(text_stream('one two three').map((e) => Buffer.from(e)), { framing });
    const row = await t.proxy.row(session);
    assert.equal(row.state, 'complete');
    assert.equal(row.stream, true);
  });
}

test('each byte is seen before the next is sent', async () => {
  await lock_step([...Buffer.from(text_stream('tiny').join(''))].map((b) => Buffer.from([b])));
});

test('the head is seen before any of the body', async () => {
  const session = session_id();
  const go = new Signal();
  let is_head_seen = false;
  t.up.on(session, async (x) => {
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
    await go.when(() => is_head_seen, 'the client to have the head');
    await x.piece('data: 1\n\n');
    await x.finish();
  });
  const conn = await Conn.open(t.proxy.port);
  await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  await conn.head('POST');
  is_head_seen = true;
  go.fire();
  assert.equal((await conn.finish()).text, 'data: 1\n\n');
  conn.destroy();
});

test('pings, comments, odd line ends, unknown events and unterminated ends pass', async () => {
  await lock_step([
    ': comment\n\n', event('ping'), ':\r\n\r\n', 'event: strange\r\ndata: {"type":"strange"}\r\n\r\n', 'data\n\n',
    '\ufeffdata: bom\r\r', 'id: 1\nretry: -1\ndata: x\n\n', '\n\n\n', 'event: ping\n', ': between\n', 'data: {}\n\n',
    'data: cut off',
  ].map((s) => Buffer.from(s)));
});

for (const [name, code, flush] of [['gzip', zlib.createGzip, zlib.constants.Z_SYNC_FLUSH],
  ['br', zlib.createBrotliCompress, zlib.constants.BROTLI_OPERATION_FLUSH],
  ['zstd', zlib.createZstdCompress, zlib.constants.ZSTD_e_flush]]) {
  test(`${name} events pass one by one, still compressed`, { skip: !code && 'this node has no zstd' }, async () => {
    const pieces = [];
    const coder = code();
    coder.on('data', (d) => pieces.push(d));
    const marks = [];
    for (const e of text_stream('squeezed')) {
      await new Promise((resolve) => coder.write(e, resolve));
      await new Promise((resolve) => coder.flush(flush, resolve));
      marks.push(Buffer.concat(pieces.splice(0)));
    }
    coder.end();
    await new Promise((resolve) => coder.once('end', resolve));
    marks.push(Buffer.concat(pieces));
    const { answer } = await lock_step(marks.filter((m) => m.length), { headers: [['Content-Encoding', name]] });
    assert.equal(answer.header('content-encoding'), name);
  });
}

test('one event of 8 MB on one line passes', async () => {
  const session = session_id();
  const big = event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'z'.repeat(8 << 20) } });
  t.up.on(session, (x) => x.events([...text_stream('a').slice(0, 3), big, ...text_stream('a').slice(3)]));
  const got = await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body(), ms: 60000 });
  assert.ok(got.is_clean);
  same_bytes(got.body, t.up.seen(session)[0].sent_body, 'stream');
  const row = await t.proxy.row(session);
  assert.equal(row.state, 'complete');
  same_bytes(await t.proxy.body(row.id, 'response'), got.body, 'recorded stream');
});

test('many streams at once do not mix', async () => {
  const run = async (i) => {
    const session = session_id();
    t.up.on(session, async (x) => {
      await x.received();
      await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
      for (const e of text_stream(`stream ${i} `.repeat(20), { id: `msg_${i}` })) {
        await x.piece(e);
        await new Promise(setImmediate);
      }
      await x.finish();
    });
    const got = await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body(`n${i}`) });
    assert.ok(got.is_clean);
    same_bytes(got.body, t.up.seen(session)[0].sent_body, `stream ${i}`);
    return session;
  };
  const sessions = await Promise.all(Array.from({ length: 60 }, (_, i) => run(i)));
  for (const session of sessions) {
    const row = await t.proxy.row(session);
    assert.equal(row.state, 'complete');
    same_bytes(await t.proxy.body(row.id, 'response'), t.up.seen(session)[0].sent_body, 'recorded stream');
  }
});

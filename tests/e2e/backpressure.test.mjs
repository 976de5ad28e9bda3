/*
 * backpressure.test.mjs: who reads slowly slows down the other side, in bounded memory.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { with_proxy } from '../lib/suite.mjs';
import { settled, until } from '../lib/wait.mjs';

/* Recording off: the tap's copies to the disk are not what is measured here. */
const t = with_proxy({ config: { server: { max_body_bytes: 1 << 30 }, storage: { record: false } } });
const r = with_proxy({ config: { server: { max_body_bytes: 1 << 30 } } });

const MB = 1 << 20;
const PIECE = Buffer.alloc(64 * 1024, 'p');
const hash_of = (count) => {
  const h = createHash('sha256');
  for (let i = 0; i < count; i += 1) h.update(PIECE);
  return h.digest('hex');
};

const is_linux = process.platform === 'linux';
const skip = !is_linux && 'needs /proc';

async function start_download(s, size_pieces) {
  const session = session_id();
  s.up.on(session, async (x) => {
    await x.received();
    await x.head(200, [['Content-Type', 'application/octet-stream'], ['Transfer-Encoding', 'chunked']]);
    x.pieces_sent = 0;
    for (let i = 0; i < size_pieces; i += 1) {
      await x.write(Buffer.concat([Buffer.from(`${PIECE.length.toString(16)}\r\n`), PIECE, Buffer.from('\r\n')]));
      x.pieces_sent += 1;
    }
    await x.finish();
  });
  const conn = await Conn.open(s.proxy.port);
  await conn.request('GET', '/v1/download', { headers: headers_for(session) });
  const answer = await conn.head();
  answer.reader.is_kept = false;
  conn.pause();
  return { conn, answer, session, x: s.up.seen(session)[0] };
}

for (const [name, s, limit] of [['without recording', t, 8 * MB], ['recording', r, 40 * MB]]) {
  test(`64 MB to a client that does not read: the provider is stopped, memory stays (${name})`, { timeout: 120000, skip }, async () => {
    await ask(s.proxy.port, 'GET', '/v1/warm');
    const base = s.proxy.rss();
    const d = await start_download(s, 1024);
    const sent = await settled(() => d.x.pieces_sent ?? 0, 600, 30000);
    assert.ok(sent < 600, `the provider could send ${sent} of 1024 pieces`);
    const grown = s.proxy.rss() - base;
    assert.ok(grown < limit, `resident memory grew by ${(grown / MB).toFixed(1)} MB`);
    const h = createHash('sha256');
    let size = 0;
    d.answer.reader.on_piece = (p) => { h.update(p); size += p.length; };
    const before = d.answer.reader.size;
    h.update(Buffer.alloc(before, 'p'));
    size += before;
    d.conn.resume();
    await d.conn.finish(60000);
    assert.ok(d.answer.is_clean);
    assert.equal(size, 1024 * PIECE.length);
    assert.equal(h.digest('hex'), hash_of(1024));
    d.conn.destroy();
  });
}

test('20 slow readers cost a bounded amount each and do not disturb others', { timeout: 120000, skip }, async () => {
  await ask(t.proxy.port, 'GET', '/v1/warm');
  const base = t.proxy.rss();
  const slow = await Promise.all(Array.from({ length: 20 }, () => start_download(t, 512)));
  await settled(() => slow.reduce((n, d) => n + (d.x.pieces_sent ?? 0), 0), 600, 60000);
  const grown = t.proxy.rss() - base;
  assert.ok(grown < 20 * MB * 1.1, `resident memory grew by ${(grown / MB).toFixed(1)} MB for 20 stuck streams`);
  for (let i = 0; i < 20; i += 1) {
    const session = session_id();
    t.up.on(session, (x) => x.events(text_stream('not disturbed')));
    const got = await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body(), ms: 2000 });
    assert.ok(got.is_clean);
  }
  const all = [...t.up.ledger].filter((x) => x.path === '/v1/download').length;
  for (const d of slow) d.conn.rst();
  await until(async () => JSON.parse((await t.proxy.get('/livez')).body).in_flight === 0, 'nothing in flight');
  assert.ok(all >= 20);
});

test('64 MB from a client to a provider that does not read: the client is stopped', { timeout: 120000, skip }, async () => {
  await ask(t.proxy.port, 'GET', '/v1/warm');
  const base = t.proxy.rss();
  const session = session_id();
  let resume;
  t.up.is_raw_kept = false;
  const gate = new Promise((resolve) => { resume = resolve; });
  t.up.on(session, async (x) => {
    x.reader.is_kept = false;
    x.link.socket.pause();
    await gate;
    x.link.socket.resume();
    await x.received(60000);
    await x.json(200, { size: x.reader.size });
  });
  const conn = await Conn.open(t.proxy.port);
  await conn.request('POST', '/v1/files', { headers: [...headers_for(session), ['Content-Length', String(1024 * PIECE.length)]] });
  let written = 0;
  const writing = (async () => {
    for (let i = 0; i < 1024; i += 1) {
      await conn.write(PIECE);
      written += 1;
    }
  })();
  const stopped_at = await settled(() => written, 600, 30000);
  assert.ok(stopped_at < 600, `the client could send ${stopped_at} of 1024 pieces`);
  const grown = t.proxy.rss() - base;
  assert.ok(grown < 8 * MB, `resident memory grew by ${(grown / MB).toFixed(1)} MB`);
  resume();
  await writing;
  const got = await conn.answer_whole('POST', 60000);
  assert.deepEqual(got.json, { size: 1024 * PIECE.length });
  conn.destroy();
});

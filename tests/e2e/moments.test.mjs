/*
 * moments.test.mjs: things that happen at an odd moment: answers that begin before the request has
 * ended, a provider that stops taking bytes, pipelined requests nobody reads the answers of, and a
 * SIGTERM while an answer's end is still on its way.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Conn, ask } from '../lib/client.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { ask_body, headers_for, session_id } from '../lib/messages.mjs';
import { with_proxy } from '../lib/suite.mjs';
import { DEADLINE_MS, Signal, settled, until, within } from '../lib/wait.mjs';

const t = with_proxy();
const short = with_proxy({ config: { server: { timeouts: { read: '1s', write: '2s', idle: '30s' } } } });

const MB = 1 << 20;
const skip = process.platform !== 'linux' && 'needs /proc';
const get = (port, target) => `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;

for (const framing of ['chunked', 'length']) {
  test(`an answer that begins before the request has ended (${framing}): the end still arrives`, async () => {
    const session = session_id();
    t.up.on(session, async (x) => {
      await x.head(200, [['Transfer-Encoding', 'chunked']]);
      await x.piece('begun;');
      await x.received();
      await x.piece(`got ${x.body.length}`);
      await x.finish();
    });
    const conn = await Conn.open(t.proxy.port);
    await conn.request('POST', '/v1/both-ways', { headers: [...headers_for(session),
      framing === 'chunked' ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', '10']] });
    await conn.write(framing === 'chunked' ? '5\r\nhello\r\n' : 'hello');
    const answer = await conn.head('POST');
    await conn.body_at_least(6);
    await conn.write(framing === 'chunked' ? '5\r\nworld\r\n0\r\n\r\n' : 'world');
    await conn.finish();
    assert.ok(answer.is_clean);
    assert.equal(answer.text, 'begun;got 10');
    assert.equal((await t.proxy.row(session)).state, 'complete');
    conn.destroy();
  });
}

test('a provider that takes no more of a request: 504, and the client is not kept for ever', { timeout: 60000 }, async () => {
  const session = session_id();
  short.up.is_raw_kept = false;
  short.up.on(session, async (x) => {
    x.link.socket.pause();
    await x.closed(30000);
  });
  const conn = await Conn.open(short.proxy.port);
  await conn.request('POST', '/v1/files', { headers: [...headers_for(session), ['Content-Length', String(64 * MB)]] });
  const piece = Buffer.alloc(MB, 'u');
  (async () => { for (let i = 0; i < 64 && !conn.is_over; i += 1) await conn.write(piece); })();
  const got = await conn.head('POST', 20000);
  assert.equal(got.status, 504);
  conn.destroy();
  assert.equal((await short.proxy.row(session)).state, 'upstream_timeout');
  short.up.seen(session)[0].link.socket.destroy();
});

/* A recorded answer of `size` bytes; gives the target where our API has it. */
async function recorded_body(proxy, up, size) {
  const session = session_id();
  up.on(session, async (x) => {
    await x.received();
    await x.respond(200, [['Content-Type', 'application/octet-stream']], Buffer.alloc(size, 'z'));
  });
  await ask(proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  const { id } = await proxy.row(session);
  return `/api/requests/${id}/response/body`;
}

test('pipelined requests whose answers nobody reads cost a bounded amount', { timeout: 60000, skip }, async () => {
  const target = await recorded_body(t.proxy, t.up, 8 * MB);
  const base = t.proxy.rss();
  const conn = await Conn.open(t.proxy.port);
  conn.pause();
  await conn.write(get(t.proxy.port, target).repeat(40));
  await settled(() => t.proxy.rss(), 500, 20000);
  const grown = t.proxy.rss() - base;
  assert.ok(grown < 100 * MB, `resident memory grew by ${(grown / MB).toFixed(1)} MB`);
  conn.resume();
  for (let i = 0; i < 40; i += 1) {
    const answer = await conn.head();
    answer.reader.is_kept = false;
    await conn.finish();
    assert.equal(answer.reader.size, 8 * MB);
  }
  conn.destroy();
});

test('pipelined requests are all answered, in order, when they are read late', { timeout: 60000 }, async () => {
  const { port } = t.proxy;
  const { body } = await t.proxy.get('/');
  const conn = await Conn.open(port);
  conn.pause();
  await conn.write(get(port, '/').repeat(400) + get(port, '/livez'));
  conn.resume();
  for (let i = 0; i < 400; i += 1) assert.equal((await conn.answer_whole()).body.length, body.length);
  assert.ok('in_flight' in (await conn.answer_whole()).json);
  conn.destroy();
});

test('a megabyte of requests behind one that waits is read when it is its turn', { timeout: 60000 }, async () => {
  const { port } = t.proxy;
  const session = session_id();
  const gate = new Signal();
  let is_open = false;
  t.up.on(session, async (x) => {
    await x.received();
    await gate.when(() => is_open, 'the gate');
    await x.json(200, { first: true });
  });
  const more = get(port, '/livez').repeat(Math.ceil(MB / get(port, '/livez').length));
  const count = more.length / get(port, '/livez').length;
  const conn = await Conn.open(port);
  await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  await t.up.arrival(session);
  const written = conn.write(more);
  await settled(() => conn.socket.bytesWritten - conn.socket.writableLength, 300);
  is_open = true;
  gate.fire();
  assert.deepEqual((await conn.answer_whole('POST')).json, { first: true });
  await written;
  for (let i = 0; i < count; i += 1) assert.ok('in_flight' in (await conn.answer_whole()).json, `answer ${i}`);
  conn.destroy();
});

test('SIGTERM while the end of an answer waits for its reader: it arrives whole', { timeout: 60000 }, async () => {
  const proxy = await Proxy.start({ upstream: t.up });
  const target = await recorded_body(proxy, t.up, 16 * MB);
  const conn = await Conn.open(proxy.port);
  await conn.request('GET', target);
  const answer = await conn.head(); /* all of the answer has been handed over by now */
  conn.pause();
  proxy.child.kill('SIGTERM');
  await until(() => proxy.log.includes('draining'), 'the signal to be seen');
  conn.resume();
  await conn.finish();
  assert.equal(answer.reader.size, 16 * MB);
  conn.destroy();
  assert.deepEqual(await within(proxy.exited, DEADLINE_MS, 'the proxy to exit'), { code: 0, signal: null });
  await proxy.stop();
});

test('a client that leaves inside a body for our own API leaves nothing behind', async () => {
  const conn = await Conn.open(t.proxy.port);
  await conn.request('POST', '/api/requests', { headers: [['Content-Length', '100']] });
  await conn.write('{"a"');
  conn.rst(); /* what it may have left is for a leak checker to see */
  assert.equal((await ask(t.proxy.port, 'GET', '/livez')).status, 200);
});

test('connections beyond server.max_connections are told so', async () => {
  const proxy = await Proxy.start({ upstream: t.up, config: { server: { max_connections: 3 } } });
  const open = [];
  for (let i = 0; i < 4; i += 1) open.push(await Conn.open(proxy.port));
  const extra = await Conn.open(proxy.port);
  const got = await extra.answer_whole();
  assert.equal(got.status, 503);
  assert.equal(got.json.error.type, 'overloaded_error');
  assert.equal(await extra.closed(), 'fin');
  extra.destroy();
  open.pop().destroy();
  await until(async () => (await ask(proxy.port, 'GET', '/livez')).status === 200, 'a place to be free');
  for (const conn of open) conn.destroy();
  assert.deepEqual(await proxy.stop(), { code: 0, signal: null });
});

/*
 * attempts.test.mjs: time limits, retries only before a byte has reached the provider, and stale
 * keep-alive connections: one client request is at most one upstream request.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { Conn, ask } from '../lib/client.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { same_bytes, with_proxy } from '../lib/suite.mjs';

const t = with_proxy({ config: {
  server: { timeouts: { read: '2s', write: '2s', idle: '2s' } },
  providers: { anthropic: { response_header_timeout: '1s', max_retries: 2 } },
} });
const slow = with_proxy({ config: { server: { timeouts: { read: '2s' } } } });
const k = with_proxy(); // defaults

const post = (port, session, ms) => ask(port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body(), ms });

test('a provider that never answers: 504 after response_header_timeout, not sent again', async () => {
  const session = session_id();
  t.up.on(session, async (x) => { await x.closed(); });
  const from = performance.now();
  const got = await post(t.proxy.port, session);
  const took = performance.now() - from;
  assert.equal(got.status, 504);
  assert.equal(got.json.error.type, 'api_error');
  assert.ok(took > 900, `after ${took} ms`);
  assert.equal(t.up.seen(session).length, 1);
  const row = await t.proxy.row(session);
  assert.equal(row.state, 'upstream_timeout');
  assert.equal(row.status, 504);
});

test('a stream that falls silent is broken off after the idle time', async () => {
  const session = session_id();
  const events = text_stream('silence');
  t.up.on(session, async (x) => {
    await x.received();
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
    await x.piece(events[0]);
    await x.closed();
  });
  const conn = await Conn.open(t.proxy.port);
  await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  const answer = await conn.head('POST');
  await conn.closed();
  assert.equal(answer.is_clean, false);
  same_bytes(answer.body, events[0], 'what came');
  const row = await t.proxy.row(session);
  assert.equal(row.state, 'upstream_timeout');
  conn.destroy();
});

test('a live stream may last longer than every time limit', { timeout: 30000 }, async () => {
  const session = session_id();
  t.up.on(session, async (x) => {
    await x.received();
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
    /* The one place that must let time pass: 14 pings, 300 ms apart, under limits of 1 and 2 s. */
    for (let i = 0; i < 14; i += 1) {
      await x.piece(': ping\n\n');
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    await x.finish();
  });
  const got = await post(t.proxy.port, session, 20000);
  assert.ok(got.is_clean);
  assert.equal((await t.proxy.row(session)).state, 'complete');
});

test('a provider that takes a little of a long request now and then is slow, not stalled', { timeout: 60000 }, async () => {
  const session = session_id();
  const body = Buffer.alloc(24 << 20, 'u');
  slow.up.on(session, async (x) => {
    for (let taken = 1; taken <= 5; taken += 1) {
      x.link.socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 1000)); // under the limit of 2 s
      x.link.socket.resume();
      await x.link.signal.when(() => x.reader.size >= taken * (3 << 20), 'some of it');
    }
    await x.received();
    await x.json(200, {});
  });
  assert.equal((await ask(slow.proxy.port, 'POST', '/v1/files', { headers: headers_for(session), body, ms: 40000 })).status, 200);
  assert.equal(slow.up.seen(session)[0].reader.size, body.length);
});

test('a client that falls silent inside its request gets 408 or is closed', async () => {
  const session = session_id();
  const conn = await Conn.open(t.proxy.port);
  await conn.request('POST', '/v1/messages', { headers: [...headers_for(session), ['Content-Length', '1000']] });
  await conn.write('{"never":');
  const from = performance.now();
  await conn.closed(10000);
  assert.ok(performance.now() - from < 8000);
  conn.destroy();
  const row = await t.proxy.row(session);
  assert.ok(['client_disconnected', 'rejected'].includes(row.state), row.state);
  assert.equal(t.up.seen(session).filter((x) => x.is_received).length, 0);
});

test('an idle client connection is closed after the idle time, without a word', async () => {
  const conn = await Conn.open(t.proxy.port);
  await conn.ask('GET', '/v1/then-idle');
  const before_size = conn.received;
  await conn.closed(10000);
  assert.equal(conn.received, before_size);
  conn.destroy();
});

test('connection refused: 502 after the retries, in the provider\'s shape', async () => {
  /* A port that nobody listens on: taken and given back. */
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  const p = await Proxy.start({ upstream: `http://127.0.0.1:${port}`, config: { providers: { anthropic: { max_retries: 1 } } } });
  try {
    const session = session_id();
    const got = await post(p.port, session);
    assert.equal(got.status, 502);
    assert.equal(got.json.type, 'error');
    assert.equal(got.json.error.type, 'api_error');
    const row = await p.row(session);
    assert.equal(row.status, 502);
    assert.match(row.state, /^upstream_/);
    same_bytes(await p.body(row.id, 'request'), ask_body(), 'request body');
  } finally {
    await p.stop();
  }
});

test('a name that does not resolve: 502', { timeout: 60000 }, async () => {
  const p = await Proxy.start({ upstream: 'https://no-such-host.invalid', config: { providers: { anthropic: { max_retries: 0 } } } });
  try {
    const session = session_id();
    const got = await post(p.port, session, 30000);
    assert.equal(got.status, 502);
    assert.equal((await p.row(session)).status, 502);
  } finally {
    await p.stop();
  }
});

test('a refused connection is tried again: the provider comes up in between', { timeout: 60000 }, async () => {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  const p = await Proxy.start({ upstream: `http://127.0.0.1:${port}`, config: { providers: { anthropic: { max_retries: 8 } } } });
  let late;
  try {
    const session = session_id();
    const asked = post(p.port, session, 40000);
    /* The request is under way when its row is there. */
    await p.row_where((r) => r.session_id === session, `session=${session}`);
    let count = 0;
    late = net.createServer((s) => {
      s.on('error', () => {});
      s.once('data', () => {
        count += 1;
        s.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}');
      });
    });
    await new Promise((resolve) => late.listen(port, '127.0.0.1', resolve));
    const got = await asked;
    assert.equal(got.status, 200);
    assert.equal(count, 1);
  } finally {
    late?.close();
    await p.stop();
  }
});

for (const [name, cut] of [['FIN', (x) => x.fin()], ['RST', (x) => x.rst()]]) {
  test(`never sent again once a byte has gone out (${name} before an answer), 30 times`, async () => {
    for (let i = 0; i < 30; i += 1) {
      const session = session_id();
      k.up.on(session, async (x) => { cut(x); });
      const got = await post(k.proxy.port, session);
      assert.equal(got.status, 502);
      assert.equal(k.up.seen(session).length, 1);
    }
  });
}

test('connections to the provider are used again', async () => {
  const before_links = k.up.links.length;
  for (let i = 0; i < 20; i += 1) await post(k.proxy.port, session_id());
  assert.ok(k.up.links.length - before_links <= 2, `${k.up.links.length - before_links} connections for 20 requests`);
});

test('a pooled connection that the provider has closed is not used', async () => {
  for (let i = 0; i < 40; i += 1) {
    const session = session_id();
    k.up.on(session, async (x) => {
      await x.received();
      await x.json(200, { i });
      if (i % 2) x.fin();
      else x.rst();
    });
    const got = await post(k.proxy.port, session);
    assert.equal(got.status, 200, `request ${i}`);
    assert.equal(k.up.seen(session).length, 1);
  }
});

test('stale keep-alive race: closed the moment the next request comes: answered or 502, never twice', async () => {
  let failed = 0;
  for (let i = 0; i < 60; i += 1) {
    const first = session_id();
    const second = session_id();
    k.up.on(first, async (x) => { await x.received(); await x.json(200, {}); });
    k.up.on(second, async (x) => {
      /* On a used connection: gone without an answer; on a new one: fine. */
      if (x.link.exchanges.length > 1) x.rst();
      else { await x.received(); await x.json(200, {}); }
    });
    assert.equal((await post(k.proxy.port, first)).status, 200);
    const got = await post(k.proxy.port, second);
    assert.ok([200, 502].includes(got.status));
    failed += got.status === 502;
    assert.equal(k.up.seen(second).length, 1, 'at most one upstream request');
    assert.equal((await k.proxy.row(second)).status, got.status);
  }
  assert.ok(failed > 0, 'the pool was used at all');
});

test('an answer with Connection: close, or of HTTP/1.0, ends the connection', async () => {
  for (const line of ['HTTP/1.1 200 OK\r\nConnection: close', 'HTTP/1.0 200 OK']) {
    const session = session_id();
    k.up.on(session, async (x) => {
      await x.received();
      await x.write(`${line}\r\nContent-Length: 2\r\n\r\n{}`);
    });
    assert.equal((await post(k.proxy.port, session)).text, '{}');
    const next = session_id();
    await post(k.proxy.port, next);
    assert.notEqual(k.up.seen(next)[0].link, k.up.seen(session)[0].link);
  }
});

/*
 * answers.test.mjs: broken answers of a provider become 502, or a visible break once the head has
 * gone out; the connection is not used again and the next request is right.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id } from '../lib/messages.mjs';
import { with_proxy } from '../lib/suite.mjs';

const t = with_proxy({ config: { providers: { anthropic: { response_header_timeout: '3s' } }, server: { timeouts: { read: '3s', write: '3s', idle: '3s' } } } });

/*
 * One connection to the provider is made and kept; on it comes the broken answer; then a request
 * must be answered rightly on another connection.
 */
function broken(name, raw, check, { method = 'POST', then } = {}) {
  test(name, { timeout: 30000 }, async () => {
    const first = session_id();
    t.up.on(first, async (x) => { await x.received(); await x.json(200, { warm: true }); });
    await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(first), body: ask_body() });

    const session = session_id();
    t.up.on(session, async (x) => {
      await x.received();
      await x.write(raw);
      if (then) await then(x);
      else await x.closed(10000);
    });
    const conn = await Conn.open(t.proxy.port);
    await conn.request(method, '/v1/messages', { headers: headers_for(session), body: method === 'POST' ? ask_body() : undefined });
    let answer = null;
    try {
      answer = await conn.head(method);
      while (answer.status < 200) answer = await conn.head(method);
      await conn.finish();
    } catch (e) {
      if (!/ended before an answer/.test(e.message)) throw e;
    }
    const row = await t.proxy.row(session);
    await check(answer, row, conn);
    conn.destroy();
    const bad = t.up.seen(session);
    assert.equal(bad.length, 1, 'sent once');

    const next = session_id();
    t.up.on(next, async (x) => { await x.received(); await x.json(200, { right: next }); });
    const got = await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(next), body: ask_body() });
    assert.deepEqual(got.json, { right: next }, 'the next answer belongs to the next request');
    assert.notEqual(t.up.seen(next)[0].link, bad[0].link, 'the broken connection is not used again');
  });
}

const is_502 = (answer, row) => {
  assert.ok(answer, 'an answer came');
  assert.equal(answer.status, 502);
  assert.equal(answer.json.type, 'error');
  assert.equal(answer.json.error.type, 'api_error');
  assert.equal(row.status, 502);
  assert.match(row.state, /^upstream_/);
};
const is_cut = (answer, row) => {
  if (answer?.status === 502) return is_502(answer, row);
  assert.ok(answer, 'the head came');
  assert.equal(answer.is_clean, false, 'the break is visible');
  assert.match(row.state, /^upstream_/);
  return undefined;
};
const is_ok = (body) => (answer, row) => {
  assert.equal(answer.status, 200);
  assert.ok(answer.is_clean);
  assert.equal(answer.text, body);
  assert.equal(row.status, 200);
};

const head = (more, line = 'HTTP/1.1 200 OK') => `${line}\r\n${more}`;

/* --- framing --- */
broken('Content-Length and chunked', head('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'), is_502);
broken('two Content-Length', head('Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'), is_502);
broken('two equal Content-Length', head('Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello'), is_502);
for (const value of ['-1', '+5', '0x5', '5 5', '', '99999999999999999999', 'abc'])
  broken(`Content-Length ${JSON.stringify(value)}`, head(`Content-Length: ${value}\r\n\r\nhello`), is_502);
for (const value of ['gzip', 'identity', 'xchunked', 'chunked, chunked', '\x0bchunked', '"chunked"'])
  broken(`Transfer-Encoding ${JSON.stringify(value)}`, head(`Transfer-Encoding: ${value}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`), is_502);
broken('two Transfer-Encoding', head('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'), is_502);
for (const size of ['FFFFFFFFFFFFFFFFF', '-1', '0x5', 'zz', '+5', ''])
  broken(`chunk size ${JSON.stringify(size)}`, head(`Transfer-Encoding: chunked\r\n\r\n${size}\r\nhello\r\n0\r\n\r\n`), is_cut);
broken('chunk data longer than its size', head('Transfer-Encoding: chunked\r\n\r\n4\r\nSEE-THIS\r\n0\r\n\r\n'), is_cut);
broken('chunk line ended by LF', head('Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n'), is_cut);
broken('no CRLF after chunk data', head('Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n'), is_cut);

/* --- status lines --- */
for (const line of ['garbage', 'HTTP/1.1 99 Low', 'HTTP/1.1 1000 High', 'HTTP/1.1 abc', 'HTTP/1.1', 'HTTP/3.0 200 OK', 'http/1.1 200 OK', 'HTTP/1.1  200 OK', ' HTTP/1.1 200 OK', 'ICY 200 OK',
  'HTTP/1.1 -200 OK', 'HTTP/1.1 2000 OK', 'HTTP/1.1 20 OK', '<html>'])
  broken(`status line ${JSON.stringify(line)}`, head('Content-Length: 0\r\n\r\n', line), is_502);
broken('a reason of 200 KB', head('Content-Length: 0\r\n\r\n', `HTTP/1.1 200 ${'r'.repeat(200000)}`), is_502);
broken('a control character in the reason', head('Content-Length: 0\r\n\r\n', 'HTTP/1.1 200 O\x01K'), is_502);
broken('an answer of HTTP/0.9', '<html>hello</html>\r\n', is_502, { then: async (x) => x.fin() });
broken('binary garbage', Array.from({ length: 2000 }, (_, i) => String.fromCharCode((i * 197 + 13) % 256)).join(''), is_502);
test('no reason is fine', async () => {
  for (const line of ['HTTP/1.1 200 ', 'HTTP/1.1 200']) {
    const session = session_id();
    t.up.on(session, async (x) => { await x.received(); await x.write(`${line}\r\nContent-Length: 2\r\n\r\nok`); });
    const answer = await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
    assert.equal(answer.status, 200);
    assert.equal(answer.text, 'ok');
  }
});

/* --- header lines --- */
for (const line of ['X: a\rb', 'X: a\x00b', ': empty', 'no colon', 'X Y: z', 'X\x80: z', 'X: a\r\n folded', ' X: y', 'X : y', 'X: a\x01b', 'X(: y'])
  broken(`header line ${JSON.stringify(line)}`, head(`${line}\r\nContent-Length: 0\r\n\r\n`), is_502);
broken('headers ended by LF', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok', is_502);
broken('a head of 300 KB', head(`${Array.from({ length: 90 }, (_, i) => `X-${i}: ${'h'.repeat(3400)}\r\n`).join('')}Content-Length: 0\r\n\r\n`), is_502);
broken('2,000 headers', head(`${'X-A: 1\r\n'.repeat(2000)}Content-Length: 0\r\n\r\n`), is_502);
broken('a head that never ends', 'HTTP/1.1 200 OK\r\nX-Slow: ', (answer, row) => {
  assert.ok([502, 504].includes(answer.status));
  assert.match(row.state, /^upstream_/);
});

/* --- interim answers --- */
broken('1,000 times 100', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1000), (answer, row) => {
  assert.ok([502, 504].includes(answer.status), `status ${answer.status}`);
  assert.match(row.state, /^upstream_/);
});
broken('101 that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nraw', is_502);
test('a few interim answers are skipped or passed on', async () => {
  const session = session_id();
  t.up.on(session, async (x) => {
    await x.received();
    await x.write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(3) + 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  });
  const answer = await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  assert.equal(answer.status, 200);
  assert.equal(answer.text, 'ok');
});

/* --- bytes that do not belong to the answer --- */
const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned';
broken('a second answer after Content-Length', head(`Content-Length: 2\r\n\r\nok${POISON}`), is_ok('ok'));
broken('a second answer after the last chunk', head(`Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${POISON}`), is_ok('ok'));
broken('junk after Content-Length', head('Content-Length: 2\r\n\r\nok!!!'), is_ok('ok'));
broken('204 with a body', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello', (answer) => {
  assert.ok([204, 502].includes(answer.status));
  assert.equal(answer.text.includes('hello'), false);
});
broken('304 with a body', `HTTP/1.1 304 Not Modified\r\n\r\n${POISON}`, (answer) => {
  assert.equal(answer.status, 304);
});
broken('HEAD with a body', `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello`, (answer) => {
  assert.equal(answer.status, 200);
}, { method: 'HEAD' });
test('an answer before any request is not taken for one', async () => {
  const first = session_id();
  t.up.on(first, async (x) => { await x.received(); await x.json(200, {}); });
  await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(first), body: ask_body() });
  const { link } = t.up.seen(first)[0];
  /* While the connection waits in the pool. */
  await new Promise((resolve) => link.socket.write(POISON, resolve));
  await link.signal.when(() => link.is_over, 'the pooled connection to be closed');
  const next = session_id();
  t.up.on(next, async (x) => { await x.received(); await x.json(200, { right: next }); });
  const got = await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(next), body: ask_body() });
  assert.deepEqual(got.json, { right: next });
});

/* --- early answers --- */
for (const status of [401, 413]) {
  test(`${status} before the request is finished: relayed, the rest is stopped`, async () => {
    const session = session_id();
    t.up.on(session, (x) => x.respond(status, [['Content-Type', 'application/json']], '{"early":true}'));
    const conn = await Conn.open(t.proxy.port);
    await conn.request('POST', '/v1/messages', { headers: [...headers_for(session), ['Content-Length', '500000']] });
    await conn.write('x'.repeat(10));
    const answer = await conn.answer_whole('POST');
    assert.equal(answer.status, status);
    assert.equal(answer.text, '{"early":true}');
    const row = await t.proxy.row(session);
    assert.equal(row.status, status);
    assert.equal(row.state, 'upstream_error');
    conn.destroy();
    const next = session_id();
    t.up.on(next, async (x) => { await x.received(); await x.json(200, { right: next }); });
    assert.deepEqual((await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(next), body: ask_body() })).json, { right: next });
  });
}

/* --- hangs --- */
test('a hang after the head ends as upstream_timeout, visibly', { timeout: 30000 }, async () => {
  const session = session_id();
  t.up.on(session, async (x) => {
    await x.received();
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
    await x.closed(15000);
  });
  const conn = await Conn.open(t.proxy.port);
  await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
  const answer = await conn.head('POST');
  await conn.closed();
  assert.equal(answer.is_clean, false);
  assert.equal((await t.proxy.row(session)).state, 'upstream_timeout');
  conn.destroy();
});

/* --- odd, but fine --- */
for (const [name, body, headers] of [
  ['a huge error page', `<html>${'e'.repeat(1 << 20)}</html>`, [['Content-Type', 'text/html']]],
  ['invalid UTF-8', '\xff\xfe\xc0\xaf{"error":', [['Content-Type', 'application/json']]],
  ['no Content-Type', 'plain', []],
]) {
  test(`529 with ${name} passes byte for byte`, async () => {
    const session = session_id();
    const bytes = Buffer.from(body, 'latin1');
    t.up.on(session, async (x) => { await x.received(); await x.respond(529, [...headers, ['retry-after', '3']], bytes); });
    const answer = await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
    assert.equal(answer.status, 529);
    assert.equal(answer.header('retry-after'), '3');
    assert.ok(answer.body.equals(bytes));
    assert.ok((await t.proxy.body((await t.proxy.row(session)).id, 'response')).equals(bytes));
  });
}

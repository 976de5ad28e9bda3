/*
 * framing.test.mjs: requests whose framing is wrong or ambiguous never reach a provider.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id } from '../lib/messages.mjs';
import { with_proxy, same_bytes } from '../lib/suite.mjs';
import { accepted, refused } from '../lib/wire.mjs';

const t = with_proxy({ config: { server: { max_body_bytes: 1048576, timeouts: { read: '2s', write: '2s', idle: '5s' } } } });

const post = (headers, body = '', line = 'POST /v1/messages HTTP/1.1') => (authority) =>
  `${line}\r\nHost: ${authority}\r\n${headers}\r\n${body}`;
const chunked = (body) => post('Transfer-Encoding: chunked\r\n', body);
const row = (name, bytes, status = [400], more = {}) => refused(t, { name, bytes, status, ...more });
const body_row = (name, bytes, status = [400], more = {}) =>
  row(name, bytes, [...status, null], { reach: 'incomplete', ...more });

/* --- two framings, or one that says two things --- */
row('Content-Length and chunked', post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'));
row('chunked and Content-Length', post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'));
row('two different Content-Length', post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello!'));
row('two equal Content-Length', post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello'));
row('a list in Content-Length', post('Content-Length: 5, 5\r\n', 'hello'));
for (const value of ['+5', '-1', '-0', '0x5', '1_0', '5 5', '5.0', '', '5,', ',5', '5;', '0005x', '\xb2', '5\t5', '1e1'])
  row(`Content-Length ${JSON.stringify(value)}`, post(`Content-Length: ${value}\r\n`, 'hello'));
row('Content-Length of 20 digits', post('Content-Length: 99999999999999999999\r\n', 'hello'));
row('Content-Length 2^64 - 1', post('Content-Length: 18446744073709551615\r\n', 'hello'), [413, 400]);
row('Content-Length 2^63', post('Content-Length: 9223372036854775808\r\n', 'hello'), [413, 400]);
row('Content-Length with leading zeros', post('Content-Length: 007\r\n', 'hello!!'));
row('chunked in HTTP/1.0', post('Transfer-Encoding: chunked\r\n', '0\r\n\r\n', 'POST /v1/messages HTTP/1.0'));
for (const [value, status] of [['identity', 501], ['gzip', 501], ['xchunked', 501], ['chunked, identity', 400], ['chunked, chunked', 400],
  ['gzip, chunked', 501], ['', 400], [',chunked', 400], ['chunked,', 400], ['chunked;q=1', 400], ['cHuNkEd x', 400]])
  row(`Transfer-Encoding ${JSON.stringify(value)}`, post(`Transfer-Encoding: ${value}\r\n`, '0\r\n\r\n'), [status, 400, 501]);
row('two Transfer-Encoding lines', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'));
row('two Transfer-Encoding lines, one identity', post('Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), [400, 501]);
for (const line of ['Transfer-Encoding : chunked', 'Transfer-Encoding:\x0bchunked', 'Transfer-Encoding: \x00chunked', 'Transfer-Encoding: chunked\x0c',
  'Transfer-Encoding: "chunked"', 'Transfer-Encoding: chunked\x00', 'Transfer-Encoding\t: chunked', 'Transfer-Encoding\x00: chunked'])
  row(JSON.stringify(line), post(`${line}\r\n`, '0\r\n\r\n'), [400, 501]);
row('Transfer_Encoding with an underscore', post('Transfer_Encoding: chunked\r\n', '0\r\n\r\n'));
row('Content_Length with an underscore', post('Content_Length: 5\r\n', 'hello'));
row('Transfer-Encoding folded', post('Transfer-Encoding:\r\n chunked\r\n', '0\r\n\r\n'));
row('any header folded', post('X-A: b\r\n c\r\nContent-Length: 0\r\n'));

/* --- chunks --- */
for (const size of ['0x5', '+5', '-1', '5_', ' 5', '5 ', '', '5g', '\t5', '5\t'])
  body_row(`chunk size ${JSON.stringify(size)}`, chunked(`${size}\r\nhello\r\n0\r\n\r\n`));
for (const size of ['FFFFFFFFFFFFFFFF', '11111111111111111', '10000000000000000', 'FFFFFFFFFFFFFFFF1'])
  body_row(`chunk size ${size}`, chunked(`${size}\r\nhello\r\n0\r\n\r\n`), [400, 413]);
for (const size of ['0000000000000000005', '00000000000000005', '00000000000000000'])
  body_row(`chunk size ${size}`, chunked(`${size}\r\nhello\r\n0\r\n\r\n`));
body_row('a second chunk size with leading zeros', chunked('5\r\nhello\r\n0000000000000000005\r\nhello\r\n0\r\n\r\n'));
body_row('chunk size line ended by LF', chunked('5\nhello\r\n0\r\n\r\n'));
body_row('chunk size line ended by CR', chunked('5\rhello\r\n0\r\n\r\n'));
body_row('chunk data ended by LF', chunked('5\r\nhello\n0\r\n\r\n'));
body_row('last chunk ended by LF', chunked('5\r\nhello\r\n0\n\n'));
body_row('chunk data longer than its size', chunked('4\r\nSEE-THIS\r\n0\r\n\r\n'));
body_row('no CRLF after chunk data', chunked('5\r\nhello0\r\n\r\n'));
body_row('chunk extension of 20 KB', chunked(`5;x=${'a'.repeat(20000)}\r\nhello\r\n0\r\n\r\n`), [400, 413, 431]);
body_row('LF in a chunk extension', chunked('5;a\nb\r\nhello\r\n0\r\n\r\n'));
body_row('CR in a chunk extension', chunked('5;a\rb\r\nhello\r\n0\r\n\r\n'));
body_row('open quote in a chunk extension', chunked('5;a="b\r\nhello\r\n0\r\n\r\n'));
body_row('NUL in a chunk extension', chunked('5;a=\x00\r\nhello\r\n0\r\n\r\n'));
body_row('100,000 chunks of one byte', chunked('1\r\nx\r\n'.repeat(100000)), [400, 413], { ms: 30000 });
for (const name of ['Content-Length: 5', 'Host: evil.example', 'Authorization: Bearer x', 'Transfer-Encoding: chunked', 'X-Any: 1']) {
  test(`trailer ${name} is dropped or refused, never merged`, async () => {
    const conn = await Conn.open(t.proxy.port);
    const session = session_id();
    await conn.write(chunked(`5\r\nhello\r\n0\r\n${name}\r\n\r\n`)(`127.0.0.1:${t.proxy.port}`).replace('\r\n', `\r\nX-Claude-Code-Session-Id: ${session}\r\n`));
    const answer = await conn.answer_whole('POST');
    assert.ok([200, 400].includes(answer.status));
    for (const x of t.up.seen(session)) {
      assert.equal(x.headers.filter(([n, v]) => `${n}: ${v}`.toLowerCase() === name.toLowerCase()
        && !/^(Transfer-Encoding|Content-Length)/.test(name)).length, 0);
      assert.ok(!x.reader.trailers?.toLowerCase().includes('authorization'));
    }
    conn.destroy();
  });
}

test('a body that ends before its last chunk (FIN)', async () => {
  const session = session_id();
  const conn = await Conn.open(t.proxy.port);
  await conn.request('POST', '/v1/messages', { headers: [...headers_for(session), ['Transfer-Encoding', 'chunked']] });
  await conn.write('5\r\nhello\r\n');
  conn.destroy();
  const found = await t.proxy.row(session);
  assert.equal(found.state, 'client_disconnected');
  assert.equal(t.up.seen(session).filter((x) => x.is_received).length, 0);
});

/* --- header lines --- */
for (const line of [': x', 'no colon here', 'X Y: z', 'X\x00Y: z', 'X\x80: z', 'X(: z', 'X@: z', 'X/Y: z', 'X"Y": z', ' X: y', '\tX: y', 'X\x7f: z', 'X: a\x00b', 'X: a\rb',
  'X: a\nb', 'X: a\x7fb', 'X: a\x01b', 'X: a\x1fb', 'X:\x0b', '{"json": 1}'])
  row(`header line ${JSON.stringify(line)}`, post(`${line}\r\nContent-Length: 0\r\n`));
row('a space before the first header', (a) => `POST /v1/messages HTTP/1.1\r\n Host: ${a}\r\nContent-Length: 0\r\n\r\n`);
row('a tab before the first header', (a) => `POST /v1/messages HTTP/1.1\r\n\tHost: ${a}\r\nContent-Length: 0\r\n\r\n`);
row('request line ended by LF', (a) => `POST /v1/messages HTTP/1.1\nHost: ${a}\r\nContent-Length: 0\r\n\r\n`);
row('headers ended by LF', (a) => `POST /v1/messages HTTP/1.1\r\nHost: ${a}\nContent-Length: 0\n\n`);
row('the empty line is LF only', (a) => `POST /v1/messages HTTP/1.1\r\nHost: ${a}\r\nContent-Length: 0\r\n\n`);
row('101 headers', post('X-A: 1\r\n'.repeat(101)), [431]);
row('one header of 65 KB', post(`X-A: ${'a'.repeat(66000)}\r\n`), [431]);
row('headers of 140 KB in all', post(Array.from({ length: 70 }, (_, i) => `X-${i}: ${'b'.repeat(2000)}\r\n`).join('')), [431]);
row('a request target of 8,193 bytes', (a) => `GET /v1/${'p'.repeat(8193)} HTTP/1.1\r\nHost: ${a}\r\n\r\n`, [414]);
row('a request target of 200 KB', (a) => `GET /v1/${'p'.repeat(200000)} HTTP/1.1\r\nHost: ${a}\r\n\r\n`, [414, 431]);
row('a method of 33 letters', (a) => `${'M'.repeat(33)} /v1/x HTTP/1.1\r\nHost: ${a}\r\n\r\n`, [501, 400, 405]);

/* --- request lines --- */
for (const line of ['GET  /v1/x HTTP/1.1', 'GET /v1/x  HTTP/1.1', 'GET\t/v1/x\tHTTP/1.1', 'GET /v1/x HTTP/01.1', 'GET /v1/x http/1.1', 'GET /v1/x HTTP/1.1 ', ' GET /v1/x HTTP/1.1',
  'GET /v1/x', 'GET /v1/x HTTP/1.', 'GET /v1/x HTTP/1.10', 'GET /v1/x HTTP/a.b', 'GET /v1/x HTTP', 'GET /v1/ x HTTP/1.1', 'G\x00ET /v1/x HTTP/1.1', 'G<T /v1/x HTTP/1.1', 'GET HTTP/1.1', '/v1/x'])
  row(`request line ${JSON.stringify(line)}`, (a) => `${line}\r\nHost: ${a}\r\n\r\n`, [400, 405, 501, 505, null]);
for (const version of ['1.2', '2.0', '3.0', '9.9'])
  row(`HTTP/${version}`, (a) => `GET /v1/x HTTP/${version}\r\nHost: ${a}\r\n\r\n`, [505, 400]);
row('HTTP/0.9', () => 'GET /v1/x\r\n', [400, 505, null], { canary: false, then: 'fin' });
row('an HTTP/2 preface', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [505, 400], { canary: false, shape: 'any' });
row('a TLS ClientHello', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + '\x42'.repeat(500), [400, null], { canary: false });
row('binary garbage', () => Array.from({ length: 4000 }, (_, i) => String.fromCharCode((i * 197 + 13) % 256)).join(''), [400, 501, 505, null], { canary: false });
row('1 MB of CRLF', () => '\r\n'.repeat(500000), [400, null], { canary: false });

/* --- methods and upgrades --- */
row('CONNECT', () => 'CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n', [405, 400, 421, 501], { shape: 'any' });
row('TRACE', (a) => `TRACE /v1/messages HTTP/1.1\r\nHost: ${a}\r\nX-Secret: s\r\n\r\n`, [405, 501], { is_open: true, canary: false, shape: 'any' });
row('TRACE *', (a) => `TRACE / HTTP/1.1\r\nHost: ${a}\r\n\r\n`, [405, 404, 501, 403], { is_open: true, canary: false, shape: 'any' });
row('OPTIONS *', (a) => `OPTIONS * HTTP/1.1\r\nHost: ${a}\r\n\r\n`, [405, 400, 404], { is_open: true, canary: false, shape: 'any' });
row('an unknown method on a page of ours', (a) => `FOO / HTTP/1.1\r\nHost: ${a}\r\n\r\n`, [405, 501, 400, 403], { is_open: true, canary: false, shape: 'any' });
test('TRACE never echoes', async () => {
  const answer = await ask(t.proxy.port, 'TRACE', '/v1/messages', { headers: [['X-Secret', 'do-not-echo']] });
  assert.equal(answer.text.includes('do-not-echo'), false);
});
for (const [name, headers] of [['websocket', 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'],
  ['h2c', 'Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n']]) {
  test(`Upgrade: ${name} is refused or dropped, never 101`, async () => {
    const count = t.up.ledger.length;
    const conn = await Conn.open(t.proxy.port);
    await conn.write(`GET /v1/upgrade HTTP/1.1\r\nHost: 127.0.0.1:${t.proxy.port}\r\n${headers}\r\n`);
    const answer = await conn.answer_whole();
    assert.ok([200, 400, 501].includes(answer.status), `status ${answer.status}`);
    for (const x of t.up.ledger.slice(count)) {
      assert.equal(x.header('upgrade'), undefined);
      assert.equal(x.header('http2-settings'), undefined);
    }
    conn.destroy();
  });
}
row('Expect: something else', post('Expect: foo\r\nContent-Length: 5\r\n', 'hello'), [417]);

/* --- too much, too slow --- */
row('a body declared larger than allowed', post('Content-Length: 1048577\r\n'), [413], { canary: false });
test('a body of chunks larger than allowed', async () => {
  const session = session_id();
  const conn = await Conn.open(t.proxy.port);
  await conn.request('POST', '/v1/messages', { headers: [...headers_for(session), ['Transfer-Encoding', 'chunked']] });
  for (let i = 0; i < 17; i += 1) conn.write(`10000\r\n${'z'.repeat(65536)}\r\n`);
  const answer = await conn.answer_whole('POST').catch(() => null);
  if (answer) assert.equal(answer.status, 413);
  await conn.closed();
  conn.destroy();
  assert.equal(t.up.seen(session).filter((x) => x.is_received).length, 0);
});
test('a body as large as allowed passes', async () => {
  const session = session_id();
  const answer = await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body: Buffer.alloc(1048576, 'z') });
  assert.equal(answer.status, 200);
  assert.equal(t.up.seen(session)[0].body.length, 1048576);
});
row('a head that never ends', (a) => `POST /v1/messages HTTP/1.1\r\nHost: ${a}\r\nX-Slow: `, [408, null], { canary: false, ms: 16000 });
row('Expect: 100-continue and no body', post('Expect: 100-continue\r\nContent-Length: 5\r\n'), [100, 408, null], { canary: false, ms: 16000, reach: 'incomplete', is_open: true });

/* --- what is fine --- */
accepted(t, { name: 'an empty line before the request', bytes: (a) => `\r\nGET /v1/ok HTTP/1.1\r\nHost: ${a}\r\n\r\n` });
accepted(t, { name: '100 headers', bytes: (a) => `GET /v1/ok HTTP/1.1\r\nHost: ${a}\r\n${'X-A: 1\r\n'.repeat(99)}\r\n`, check: (x) => assert.equal(x.headers.filter(([n]) => n === 'X-A').length, 99) });
accepted(t, { name: 'a header of 60 KB', bytes: (a) => `GET /v1/ok HTTP/1.1\r\nHost: ${a}\r\nX-Long: ${'l'.repeat(60000)}\r\n\r\n`, check: (x) => assert.equal(x.header('x-long').length, 60000) });
accepted(t, { name: 'a target of 8,000 bytes', bytes: (a) => `GET /v1/${'p'.repeat(7990)} HTTP/1.1\r\nHost: ${a}\r\n\r\n` });
accepted(t, { name: 'a method that we do not know', bytes: (a) => `PROPFIND /v1/ok HTTP/1.1\r\nHost: ${a}\r\n\r\n`, check: (x) => assert.equal(x.method, 'PROPFIND') });
accepted(t, { name: 'Transfer-Encoding: CHUNKED', method: 'POST', bytes: (a) => `POST /v1/ok HTTP/1.1\r\nHost: ${a}\r\nTransfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n`, check: (x) => same_bytes(x.body, 'hello', 'body') });
accepted(t, { name: 'a short chunk extension', method: 'POST', bytes: (a) => `POST /v1/ok HTTP/1.1\r\nHost: ${a}\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n`, check: (x) => same_bytes(x.body, 'hello', 'body') });
accepted(t, { name: 'GET with a body', bytes: (a) => `GET /v1/ok HTTP/1.1\r\nHost: ${a}\r\nContent-Length: 5\r\n\r\nhello`, check: (x) => same_bytes(x.body, 'hello', 'body') });
accepted(t, { name: 'DELETE with a chunked body', bytes: (a) => `DELETE /v1/ok HTTP/1.1\r\nHost: ${a}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`, check: (x) => same_bytes(x.body, 'hello', 'body') });
accepted(t, { name: 'an underscore in another name', bytes: (a) => `GET /v1/ok HTTP/1.1\r\nHost: ${a}\r\nX_Any_Thing: 1\r\n\r\n`, check: (x) => assert.equal(x.header('x_any_thing'), '1') });
accepted(t, { name: 'spaces and tabs around a value', bytes: (a) => `GET /v1/ok HTTP/1.1\r\nHost: ${a}\r\nX-Pad: \t v \t\r\n\r\n`, check: (x) => assert.equal(x.header('x-pad'), 'v') });
accepted(t, { name: 'POST without a body or a length', method: 'POST', bytes: (a) => `POST /v1/ok HTTP/1.1\r\nHost: ${a}\r\n\r\n`, check: (x) => assert.equal(x.body.length, 0) });
accepted(t, { name: 'Connection names protected headers', method: 'POST',
  bytes: (a) => `POST /v1/ok HTTP/1.1\r\nHost: ${a}\r\nConnection: x-api-key, content-length, host, authorization\r\nx-api-key: k\r\nAuthorization: Bearer b\r\nContent-Length: 5\r\n\r\nhello`,
  check: (x) => {
    same_bytes(x.body, 'hello', 'body');
    assert.equal(x.header('x-api-key'), 'k');
    assert.equal(x.header('authorization'), 'Bearer b');
    assert.ok(x.header('host'));
  } });

test('a request in single bytes is the same request', async () => {
  const session = session_id();
  const conn = await Conn.open(t.proxy.port);
  const text = `POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:${t.proxy.port}\r\nX-Claude-Code-Session-Id: ${session}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`;
  for (const c of text) await conn.write(c);
  assert.equal((await conn.answer_whole('POST')).status, 200);
  same_bytes(t.up.seen(session)[0].body, 'hello world', 'body');
  conn.destroy();
});

test('1,000 pipelined requests: answered in order, or closed after some', async () => {
  const conn = await Conn.open(t.proxy.port);
  conn.write(Array.from({ length: 1000 }, (_, i) => `GET /v1/many/${i} HTTP/1.1\r\nHost: 127.0.0.1:${t.proxy.port}\r\n\r\n`).join(''));
  let count = 0;
  try {
    for (; count < 1000; count += 1) assert.equal((await conn.answer_whole('GET', 20000)).status, 200);
  } catch (e) {
    assert.match(e.message, /ended before an answer/);
  }
  conn.destroy();
  assert.ok(count >= 1);
  const seen = t.up.ledger.filter((x) => x.path?.startsWith('/v1/many/')).map((x) => Number(x.path.split('/').pop()));
  assert.deepEqual(seen, [...seen].sort((a, b) => a - b), 'in order');
  assert.equal(new Set(seen).size, seen.length, 'each once');
});

test('garbage floods the log with at most a line each', async () => {
  const before = t.proxy.log.split('\n').length;
  for (let i = 0; i < 50; i += 1) {
    const conn = await Conn.open(t.proxy.port);
    await conn.write('\x00\x01\x02 garbage\r\n\r\n');
    await conn.closed();
    conn.destroy();
  }
  assert.ok(t.proxy.log.split('\n').length - before <= 60);
  assert.equal((await ask(t.proxy.port, 'POST', '/v1/messages', { body: ask_body() })).status, 200);
});

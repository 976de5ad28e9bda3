/*
 * target.test.mjs: request targets, Host and browser headers. Names that are not ours and pages from
 * elsewhere get nothing.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { ask } from '../lib/client.mjs';
import { with_proxy } from '../lib/suite.mjs';
import { accepted, refused } from '../lib/wire.mjs';

const t = with_proxy();
const PORT_OF = (a) => a.split(':')[1];
const row = (name, bytes, status, more = {}) => refused(t, { name, bytes, status, ...more });
const get = (headers, target = '/v1/models') => `GET ${target} HTTP/1.1\r\n${headers}\r\n`;

/* --- Host --- */
row('no Host', () => get(''), [400]);
row('two Hosts', (a) => get(`Host: ${a}\r\nHost: ${a}\r\n`), [400]);
row('two different Hosts', (a) => get(`Host: ${a}\r\nHost: evil.example\r\n`), [400]);
for (const host of ['', 'a, b', 'user@127.0.0.1', '127.0.0.1/path', '127.0.0.1:99999', '[::1', '127.0.0.1:', '127.0.0.1:x', '127.0.0.1 evil', 'local\x01host', '[::1]x', '127.0.0.1:80:80'])
  row(`Host: ${JSON.stringify(host)}`, () => get(`Host: ${host}\r\n`), [400, 421]);
for (const host of ['evil.example:PORT', 'localhost.evil.com:PORT', '127.0.0.1.nip.io:PORT', '0.0.0.0:PORT', '127.0.0.1:1', 'evil.example', 'localhost:80', '127.0.0.2.evil:PORT',
  'LOCALHOST.evil:PORT', '2130706433:PORT', '0x7f.1:PORT', '[::ffff:8.8.8.8]:PORT', '169.254.169.254', 'xn--localhost-xyz:PORT']) {
  row(`Host: ${host}, /v1/`, (a) => get(`Host: ${host.replace('PORT', PORT_OF(a))}\r\n`), [421, 400]);
  row(`Host: ${host}, our API`, (a) => get(`Host: ${host.replace('PORT', PORT_OF(a))}\r\n`, '/api/requests'), [421, 400], { shape: 'api' });
}
test('a foreign Host gets no data and no CORS', async () => {
  for (const target of ['/', '/monitor', '/api/requests', '/api/stream', '/api/sessions', '/v1/models']) {
    const answer = await ask(t.proxy.port, 'GET', target, { host: 'evil.example' });
    assert.equal(answer.status, 421, target);
    assert.equal(answer.text.includes('requests"'), false);
    assert.equal(answer.headers.filter(([n]) => /^access-control/i.test(n)).length, 0);
  }
});
for (const host of ['127.0.0.1:PORT', 'localhost:PORT', 'LocalHost:PORT', '[::1]:PORT'])
  accepted(t, { name: `Host: ${host}`, bytes: (a) => get(`Host: ${host.replace('PORT', PORT_OF(a))}\r\n`) });

/* --- targets --- */
row('absolute form with another authority', (a) => get(`Host: ${a}\r\n`, 'http://evil.example/v1/models'), [400, 421], { shape: 'any' });
row('absolute form with https', (a) => get(`Host: ${a}\r\n`, 'https://evil.example/v1/models'), [400, 421], { shape: 'any' });
for (const target of ['/v1/../admin', '/v1/%2e%2e/admin', '/v1/%2E%2E/api/requests', '/v1/.%2e/x', '/v1/x/../../api/requests', '//v1/models', '//evil.example/v1/x', '/v1\\admin', '/v1/\\..\\x',
  '/v1/%00', '/v1/%0d%0aX-Injected:%20y', '/v1/%0a', '/v1/\xc0\xaf', '/v1/%c0%ae%c0%ae/x', '/v1/x#frag', '/v1/./x', '/v1/..', '/v1/.', 'v1/models', '*', '?x', '/v1/x y', '/v1/%zz', '/v1/%', '/v1/%4'])
  row(`target ${JSON.stringify(target)}`, (a) => get(`Host: ${a}\r\n`, target), [400, 404, 405], { is_open: true, canary: false, shape: 'any' });

/* --- browsers --- */
const ORIGINS = ['https://evil.example', 'http://evil.example:3001', 'null', 'http://localhost.evil.example', 'http://127.0.0.1:1', 'file://', 'chrome-extension://abc', 'x'];
for (const origin of ORIGINS) {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json']) {
    row(`POST /v1/messages from ${origin} (${type})`,
      (a) => `POST /v1/messages HTTP/1.1\r\nHost: ${a}\r\nOrigin: ${origin}\r\nContent-Type: ${type}\r\nContent-Length: 2\r\n\r\n{}`, [403, 400], { is_open: true, canary: false });
  }
  row(`GET /api/requests from ${origin}`, (a) => get(`Host: ${a}\r\nOrigin: ${origin}\r\n`, '/api/requests'), [403, 400], { is_open: true, canary: false, shape: 'api' });
}
row('a preflight', (a) => `OPTIONS /v1/messages HTTP/1.1\r\nHost: ${a}\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Private-Network: true\r\n\r\n`,
  [403], { is_open: true, canary: false });
row('two Origins', (a) => get(`Host: ${a}\r\nOrigin: http://${a}\r\nOrigin: https://evil.example\r\n`), [403, 400], { is_open: true, canary: false });
test('our own Origin is let in, without CORS headers', async () => {
  for (const origin of [`http://127.0.0.1:${t.proxy.port}`, `http://localhost:${t.proxy.port}`]) {
    const answer = await ask(t.proxy.port, 'GET', '/api/requests', { headers: [['Origin', origin]] });
    assert.equal(answer.status, 200, origin);
    assert.equal(answer.headers.filter(([n]) => /^access-control/i.test(n)).length, 0);
  }
});

/* --- credentials --- */
accepted(t, { name: 'x-api-key and Authorization together',
  bytes: (a) => get(`Host: ${a}\r\nx-api-key: k1\r\nAuthorization: Bearer b1\r\n`),
  check: (x) => { assert.equal(x.header('x-api-key'), 'k1'); assert.equal(x.header('authorization'), 'Bearer b1'); } });
accepted(t, { name: 'an empty x-api-key', bytes: (a) => get(`Host: ${a}\r\nx-api-key:\r\n`), check: (x) => assert.equal(x.header('x-api-key'), '') });
accepted(t, { name: 'a key of 16 KB', bytes: (a) => get(`Host: ${a}\r\nx-api-key: ${'k'.repeat(16384)}\r\n`), check: (x) => assert.equal(x.header('x-api-key').length, 16384) });

/* --- static files never leave the embedded set --- */
test('odd paths on our pages', async () => {
  for (const target of ['/../etc/passwd', '/..%2f..%2fetc/passwd', '/%2e%2e/x', '/index.html/', '/INDEX.HTML', '/_app/../../x', '/monitor/../api/requests', '/.env', '/data/requests.db', '/api', '/api/', '/api/requests/', '//'])  {
    const answer = await ask(t.proxy.port, 'GET', target);
    assert.equal(answer.text.includes('root:'), false);
    assert.ok([200, 400, 404].includes(answer.status), `${target}: ${answer.status}`);
  }
});

/*
 * tls.test.mjs: towards the provider: TLS 1.2 or later, always verified, sessions resumed; through a
 * CONNECT proxy where one is configured; both address families.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import dns from 'node:dns/promises';
import fs from 'node:fs/promises';
import net from 'node:net';
import { has_openssl, make_authority, make_certificate } from '../lib/certs.mjs';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { same_bytes } from '../lib/suite.mjs';
import { Upstream } from '../lib/upstream.mjs';

const skip = !has_openssl() && 'the openssl program is not installed';
const NAMES = 'IP:127.0.0.1,DNS:localhost';
const open = [];
let dir;
let ca_file;

before(async () => {
  if (skip) return;
  dir = await temp_dir('certs');
  ca_file = make_authority(dir);
  make_authority(dir, 'other');
});
after(async () => {
  Conn.destroy_all();
  for (const thing of open.reverse()) await thing.stop().catch(() => {});
  if (dir) await fs.rm(dir, { recursive: true, force: true });
});

async function secure_upstream(secure) {
  const up = await Upstream.start({ secure });
  open.push(up);
  return up;
}

async function proxy_to(upstream, anthropic = {}, more = {}) {
  const p = await Proxy.start({ upstream, config: { providers: { anthropic: { max_retries: 0, ca_file, ...anthropic } } }, ...more });
  open.push(p);
  return p;
}

const post = (p, session) => ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });

test('a verified provider: relayed, streamed, connections kept', { skip }, async () => {
  const up = await secure_upstream(make_certificate(dir, 'good', NAMES));
  const p = await proxy_to(up);
  for (let i = 0; i < 10; i += 1) {
    const session = session_id();
    up.on(session, async (x) => { await x.received(); await x.events(text_stream(`secret ${i}`)); });
    const got = await post(p, session);
    assert.equal(got.status, 200);
    assert.ok(got.is_clean);
    same_bytes(got.body, up.seen(session)[0].sent_body, 'stream');
    const row = await p.row(session);
    assert.equal(row.state, 'complete');
    if (i === 0) assert.ok(row.connect_ms > 0);
    else assert.ok(row.flags.includes('reused'));
  }
  assert.ok(up.tcp_count <= 2, `${up.tcp_count} connections`);
  assert.equal(up.ledger[0].header('host'), `127.0.0.1:${up.port}`);
});

test('big bodies both ways over TLS', { skip, timeout: 60000 }, async () => {
  const up = await secure_upstream(make_certificate(dir, 'big', NAMES));
  const p = await proxy_to(up);
  const session = session_id();
  const body = Buffer.alloc(5000000, 'q');
  const answer = Buffer.alloc(5000000, 'a');
  up.on(session, async (x) => { await x.received(); await x.respond(200, [], answer, { framing: 'chunked' }); });
  const got = await ask(p.port, 'POST', '/v1/files', { headers: headers_for(session), body, ms: 30000 });
  same_bytes(got.body, answer, 'answer');
  same_bytes(up.seen(session)[0].body, body, 'request');
});

const BAD = {
  'signed by nobody we trust': () => [make_certificate(dir, 'untrusted', NAMES, { authority: 'other' })],
  'for another name': () => [make_certificate(dir, 'othername', 'DNS:api.example.test')],
  'for another address': () => [make_certificate(dir, 'otherip', 'IP:127.0.0.2')],
  expired: () => [make_certificate(dir, 'expired', NAMES, { begin: '20200101000000Z', end: '20200201000000Z' })],
  'not yet valid': () => [make_certificate(dir, 'future', NAMES, { begin: '20990101000000Z', end: '20990201000000Z' })],
  'of TLS 1.1 at most': () => [{ ...make_certificate(dir, 'old', NAMES), minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' }],
  'with system authorities only': () => [make_certificate(dir, 'unknown', NAMES), { ca_file: '' }],
};
for (const [name, make] of Object.entries(BAD)) {
  test(`a provider's certificate ${name}: 502, not a byte of the request is sent`, { skip }, async () => {
    const [secure, anthropic = {}] = make();
    const up = await secure_upstream(secure);
    const p = await proxy_to(up, anthropic);
    const session = session_id();
    const got = await post(p, session);
    assert.equal(got.status, 502);
    assert.equal(got.json.error.type, 'api_error');
    assert.equal(up.ledger.length, 0);
    assert.equal(up.received_size, 0);
    const row = await p.row(session);
    assert.equal(row.status, 502);
    assert.match(row.state, /^upstream_/);
  });
}

test('plain HTTP behind an https address, and the reverse: 502', { skip }, async () => {
  const plain = await Upstream.start();
  open.push(plain);
  const p = await proxy_to(`https://127.0.0.1:${plain.port}`, { connect_timeout: '1s' });
  /* The other side may say so, or wait for a request line until our patience ends. */
  assert.ok([502, 504].includes((await post(p, session_id())).status));
  const up = await secure_upstream(make_certificate(dir, 'reverse', NAMES));
  const q = await proxy_to(`http://127.0.0.1:${up.port}`);
  assert.equal((await post(q, session_id())).status, 502);
  assert.equal(up.ledger.length, 0);
});

test('a TLS stream that is closed without close_notify is truncated', { skip }, async () => {
  const up = await secure_upstream(make_certificate(dir, 'cut', NAMES));
  const p = await proxy_to(up);
  for (const headers of [[['Transfer-Encoding', 'chunked']], [['Connection', 'close']], [['Content-Length', '100000']]]) {
    const session = session_id();
    up.on(session, async (x) => {
      await x.received();
      await x.head(200, [['Content-Type', 'text/event-stream'], ...headers]);
      await x.piece(text_stream('x')[0]);
      /* The bytes are out; the socket goes without a word of TLS. */
      x.link.socket.destroy();
    });
    const conn = await Conn.open(p.port);
    await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
    const answer = await conn.head('POST').catch(() => null);
    await conn.closed();
    conn.destroy();
    const row = await p.row(session);
    assert.ok(['upstream_truncated', 'upstream_reset'].includes(row.state), `${headers[0]}: ${row.state}`);
    if (answer?.reader.framing !== 'close') assert.equal(answer?.is_clean ?? false, false, String(headers[0]));
  }
});

test('sessions are resumed', { skip }, async () => {
  for (const maxVersion of ['TLSv1.3', 'TLSv1.2']) {
    const up = await secure_upstream({ ...make_certificate(dir, `resume-${maxVersion}`, NAMES), maxVersion });
    const p = await proxy_to(up);
    const reused = [];
    for (let i = 0; i < 4; i += 1) {
      const session = session_id();
      up.on(session, async (x) => {
        reused.push(x.link.socket.isSessionReused());
        await x.received();
        await x.respond(200, [['Connection', 'close']], '{}');
        x.fin();
      });
      assert.equal((await post(p, session)).status, 200);
    }
    assert.equal(reused[0], false);
    assert.ok(reused.slice(1).some(Boolean), `${maxVersion}: ${reused}`);
  }
});

/* A CONNECT proxy by hand; remembers what it was asked. */
async function connect_proxy({ status = 200, target } = {}) {
  const asked = [];
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    let head = '';
    const read = (data) => {
      head += data.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', read);
      asked.push(head);
      if (status !== 200) {
        socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      const [host, port] = (target ?? head.split(' ')[1]).split(':');
      const out = net.connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        socket.pipe(out).pipe(socket);
      });
      out.on('error', () => socket.destroy());
      socket.on('close', () => out.destroy());
    };
    socket.on('data', read);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  open.push({ stop: async () => { server.closeAllConnections?.(); server.close(); } });
  return { asked, url: `http://127.0.0.1:${server.address().port}`, port: server.address().port };
}

test('through a CONNECT proxy: TLS to the provider stays end to end', { skip }, async () => {
  const up = await secure_upstream(make_certificate(dir, 'tunnel', NAMES));
  const via = await connect_proxy();
  const p = await proxy_to(up, { proxy: via.url });
  const session = session_id();
  up.on(session, async (x) => { await x.received(); await x.events(text_stream('tunnelled')); });
  const got = await post(p, session);
  assert.equal(got.status, 200);
  assert.ok(got.is_clean);
  assert.equal(via.asked.length, 1);
  assert.match(via.asked[0], new RegExp(`^CONNECT 127\\.0\\.0\\.1:${up.port} HTTP/1\\.1\r\n`));
  assert.equal(via.asked[0].includes('sk-ant'), false, 'the CONNECT proxy sees no key');
});

test('a CONNECT proxy with a name and a password', { skip }, async () => {
  const up = await secure_upstream(make_certificate(dir, 'tunnel2', NAMES));
  const via = await connect_proxy();
  const p = await proxy_to(up, { proxy: `http://joe:s3cret@127.0.0.1:${via.port}` });
  assert.equal((await post(p, session_id())).status, 200);
  assert.match(via.asked[0], new RegExp(`Proxy-Authorization: Basic ${Buffer.from('joe:s3cret').toString('base64')}`, 'i'));
  assert.equal(p.log.includes('s3cret'), false);
});

test('a CONNECT proxy that refuses: 502, nothing is sent around it', { skip }, async () => {
  for (const status of [403, 407, 502]) {
    const up = await secure_upstream(make_certificate(dir, `refuse${status}`, NAMES));
    const via = await connect_proxy({ status });
    const p = await proxy_to(up, { proxy: via.url });
    assert.equal((await post(p, session_id())).status, 502);
    assert.equal(up.tcp_count, 0);
  }
});

test('HTTPS_PROXY counts only when told so', { skip }, async () => {
  const up = await secure_upstream(make_certificate(dir, 'env', NAMES));
  const via = await connect_proxy();
  const env = { HTTPS_PROXY: via.url, https_proxy: via.url, HTTP_PROXY: via.url, ALL_PROXY: via.url };
  const ignoring = await proxy_to(up, {}, { env });
  assert.equal((await post(ignoring, session_id())).status, 200);
  assert.equal(via.asked.length, 0);
  const honouring = await proxy_to(up, { proxy: 'env' }, { env });
  assert.equal((await post(honouring, session_id())).status, 200);
  assert.equal(via.asked.length, 1);
  const excepted = await proxy_to(up, { proxy: 'env' }, { env: { ...env, NO_PROXY: '127.0.0.1' } });
  assert.equal((await post(excepted, session_id())).status, 200);
  assert.equal(via.asked.length, 1);
});

test('both address families are tried', async () => {
  /* Where localhost is one address only, that one must do. */
  const addresses = (await dns.lookup('localhost', { all: true })).map((a) => a.address);
  for (const address of addresses) {
    const up = await Upstream.start({ address });
    open.push(up);
    const p = await Proxy.start({ upstream: `http://localhost:${up.port}` });
    open.push(p);
    const session = session_id();
    assert.equal((await post(p, session)).status, 200, address);
    assert.equal(up.seen(session)[0].header('host'), `localhost:${up.port}`);
  }
});

test('an address that leads back to the proxy itself is refused', async () => {
  const up = await Upstream.start();
  open.push(up);
  /* A port that is free now becomes both the proxy's own and its provider's. */
  const { port } = up;
  await up.stop();
  let p;
  try {
    p = await Proxy.start({ upstream: `http://127.0.0.1:${port}`, port });
  } catch (e) {
    assert.match(e.message, /exited at start: \{"code":78/);
    return;
  }
  open.push(p);
  const got = await post(p, session_id());
  assert.ok([502, 508].includes(got.status), `status ${got.status}`);
  assert.ok((await p.rows()).length <= 2, 'no endless loop');
});

test('plain HTTP to an address that is not loopback is refused at the start', async () => {
  for (const url of ['http://api.example.test', 'http://192.0.2.1:80'])
    await assert.rejects(Proxy.start({ upstream: url }), /exited at start: \{"code":78/);
});

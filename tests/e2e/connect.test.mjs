/*
 * connect.test.mjs: the way to the provider: every kind of answer a CONNECT proxy may give, names
 * left to it, both loopback addresses, and addresses that lead back to ourselves.
 */
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import dns from 'node:dns/promises';
import fs from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import { has_openssl, make_authority, make_certificate } from '../lib/certs.mjs';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { same_bytes } from '../lib/suite.mjs';
import { Upstream } from '../lib/upstream.mjs';

const skip = !has_openssl() && 'the openssl program is not installed';
const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n';
const post = (p, session, body = ask_body()) =>
  ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body });

/*
 * A CONNECT proxy. It leads every tunnel to `port`, whatever was asked for. `answer(socket, open)`
 * may answer in its own way; `open` joins the two sides. `seen` is all that it could read.
 */
class Tunnel {
  static async start(port, { answer, greet } = {}) {
    const t = new Tunnel();
    t.asked = [];
    t.seen = [];
    t.sockets = new Set();
    t.server = net.createServer({ noDelay: true }, (socket) => t.#serve(socket, port, answer, greet));
    await new Promise((resolve) => t.server.listen(0, '127.0.0.1', resolve));
    t.port = t.server.address().port;
    return t;
  }

  #serve(socket, port, answer, greet) {
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('data', (data) => this.seen.push(data));
    if (greet) socket.write(greet);
    let head = '';
    const read = (data) => {
      head += data.toString('latin1');
      if (!head.endsWith('\r\n\r\n')) return;
      socket.off('data', read);
      this.asked.push(head);
      const open = (said = ESTABLISHED) => {
        const far = net.connect(port, '127.0.0.1', () => {
          socket.write(said);
          socket.pipe(far).pipe(socket);
        });
        far.on('error', () => socket.destroy());
        socket.on('close', () => far.destroy());
      };
      if (answer) answer(socket, open);
      else open();
    };
    socket.on('data', read);
  }

  async stop() {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

let certs_dir;
let ca_file;
let secure;
before(async () => {
  if (skip) return;
  certs_dir = await temp_dir('certs');
  ca_file = make_authority(certs_dir);
  secure = make_certificate(certs_dir, 'good', 'IP:127.0.0.1,DNS:localhost,DNS:provider.invalid');
});
after(async () => {
  Conn.destroy_all();
  if (certs_dir) await fs.rm(certs_dir, { recursive: true, force: true });
});

/* A TLS provider, a tunnel that leads to it, and a proxy that is told to use the tunnel. */
async function with_tunnel({ tunnel = {}, base = 'https://provider.invalid', login = '', config = {}, env }, work) {
  const up = await Upstream.start({ secure });
  const via = await Tunnel.start(up.port, tunnel);
  const url = `http://${login}127.0.0.1:${via.port}`;
  const p = await Proxy.start({
    upstream: base === 'direct' ? up : base,
    env: env?.(url),
    config: { providers: { anthropic: { ca_file, max_retries: 0, ...(env ? {} : { proxy: url }), ...config } } },
  });
  try {
    await work({ up, via, p });
    assert.deepEqual(await p.stop(), { code: 0, signal: null }, p.log.slice(-2000));
  } finally {
    if (p.exit === null) await p.stop();
    await via.stop();
    await up.stop();
  }
}

describe('through a CONNECT proxy', { skip, timeout: 60000 }, () => {
  test('it is given the name, not an address, and sees nothing of what is said', () => with_tunnel({ login: 'user:pass@' }, async ({ up, via, p }) => {
    for (let i = 0; i < 3; i += 1) {
      const session = session_id();
      const sent = randomBytes(300000);
      const events = text_stream(`answer ${i}`);
      up.on(session, async (x) => { await x.received(); await x.events(events); });
      const got = await post(p, session, sent);
      assert.equal(got.status, 200);
      same_bytes(got.body, events.join(''), 'stream');
      same_bytes(up.seen(session)[0].body, sent, 'request');
      assert.equal(up.seen(session)[0].header('host'), 'provider.invalid');
      assert.equal(up.seen(session)[0].header('proxy-authorization'), undefined);
      assert.equal((await p.row(session)).state, 'complete');
    }
    assert.deepEqual(via.asked, ['CONNECT provider.invalid:443 HTTP/1.1\r\nHost: provider.invalid:443\r\n'
      + `Proxy-Authorization: Basic ${Buffer.from('user:pass').toString('base64')}\r\n\r\n`], 'one tunnel for three requests');
    const seen = Buffer.concat(via.seen);
    assert.ok(seen.length > 900000);
    assert.equal(seen.includes('sk-ant'), false);
    for (const [name, bytes] of await p.remains()) assert.equal(bytes.includes('user:pass'), false, name);
  }));

  for (const [login, want] of [
    ['us%40er:p%3Aw%2F%25%20d', 'us@er:p:w/% d'],
    ['only-a-name', 'only-a-name:'],
    [`u:${'x'.repeat(200)}`, `u:${'x'.repeat(200)}`],
  ]) {
    test(`login ${login.slice(0, 30)} is sent as ${want.slice(0, 30)}`, () => with_tunnel({ login: `${login}@` }, async ({ via, p }) => {
      assert.equal((await post(p, session_id())).status, 200);
      const found = /^Proxy-Authorization: Basic (\S+)\r$/m.exec(via.asked[0]);
      assert.equal(Buffer.from(found[1], 'base64').toString(), want);
    }));
  }

  test('without a login there is no Proxy-Authorization', () => with_tunnel({ base: 'https://provider.invalid:8443' }, async ({ via, p }) => {
    assert.equal((await post(p, session_id())).status, 200);
    assert.deepEqual(via.asked, ['CONNECT provider.invalid:8443 HTTP/1.1\r\nHost: provider.invalid:8443\r\n\r\n']);
  }));

  /* Answers that open the tunnel (RFC 9110 §9.3.6: any 2xx; its length headers mean nothing). */
  for (const [name, said] of [
    ['200 with a Content-Length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'],
    ['200 with Transfer-Encoding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['200 of HTTP/1.0', 'HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\n\r\n'],
    ['another 2xx', 'HTTP/1.1 201 Made\r\n\r\n'],
  ]) {
    test(`${name}: the tunnel is open`, () => with_tunnel({ tunnel: { answer: (s, open) => open(said) } }, async ({ p }) => {
      assert.equal((await post(p, session_id())).status, 200);
    }));
  }

  test('an answer that comes byte by byte', () => with_tunnel({ tunnel: {
    answer: (s, open) => {
      const bytes = [...ESTABLISHED];
      const last = bytes.pop();
      const next = () => (bytes.length ? s.write(bytes.shift(), () => setImmediate(next)) : open(last));
      next();
    },
  } }, async ({ p }) => {
    assert.equal((await post(p, session_id())).status, 200);
  }));

  /* Answers that do not. */
  const refusals = [
    ['407', (s) => s.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nnope')],
    ['407, left open', (s) => s.write('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 4\r\n\r\nno')],
    ['502', (s) => s.end('HTTP/1.1 502 Bad Gateway\r\n\r\n<html>')],
    ['302', (s) => s.end('HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n')],
    ['101', (s) => s.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n')],
    ['garbage', (s) => s.write('\x16\x03\x01 what?\r\n\r\n')],
    ['garbage without an end', (s) => s.write('no line at all')],
    ['a head of 2 MB', (s) => s.write(`HTTP/1.1 200 OK\r\n${`X-More: ${'y'.repeat(1000)}\r\n`.repeat(2000)}`)],
    ['200 with more behind it', (s) => s.write(`${ESTABLISHED}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}`)],
    ['200 with one byte behind it', (s) => s.write(`${ESTABLISHED}\x16`)],
    ['200, then words instead of TLS', (s) => s.write(ESTABLISHED, () => s.once('data', () => s.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}')))],
    ['200, then the end', (s) => s.end(ESTABLISHED)],
    ['nothing and the end', (s) => s.end()],
    ['a reset', (s) => s.resetAndDestroy()],
    ['half a head and the end', (s) => s.end('HTTP/1.1 200 OK\r\nX-')],
  ];
  for (const [name, answer] of refusals) {
    test(`${name}: 502, and the provider hears nothing`, () => with_tunnel({ tunnel: { answer }, config: { connect_timeout: '3s' } }, async ({ up, via, p }) => {
      const session = session_id();
      const got = await post(p, session);
      /* What has no end is waited for. */
      assert.equal(got.status, name === 'garbage without an end' ? got.status : 502);
      assert.ok(got.status === 502 || got.status === 504);
      assert.equal(got.json.type, 'error');
      assert.equal(got.json.error.type, 'api_error');
      assert.equal(up.received_size, 0);
      assert.equal(Buffer.concat(via.seen).includes('sk-ant'), false, 'the key stayed here');
      assert.equal((await p.row(session)).status, got.status);
      assert.equal((await p.get('/livez')).status, 200);
    }));
  }

  for (const greet of [ESTABLISHED, 'hello\r\n\r\n', '\x16\x03\x03']) {
    test(`one that speaks before it is asked (${JSON.stringify(greet.slice(0, 12))}): no answer of the provider's is made up`, () => with_tunnel({
      tunnel: { greet, answer: () => {} }, config: { connect_timeout: '1s' },
    }, async ({ up, p }) => {
      const got = await post(p, session_id());
      assert.ok([502, 504].includes(got.status), `status ${got.status}`);
      assert.equal(up.received_size, 0);
      assert.equal((await p.get('/livez')).status, 200);
    }));
  }

  test('one that says nothing: 504 after connect_timeout', () => with_tunnel({
    tunnel: { answer: () => {} }, config: { connect_timeout: '500ms' },
  }, async ({ p }) => {
    assert.equal((await post(p, session_id())).status, 504);
  }));

  test('one that is not there: 502, nothing goes around it', async () => {
    const up = await Upstream.start({ secure });
    const gone = await Tunnel.start(up.port);
    await gone.stop();
    const p = await Proxy.start({ upstream: up, config: { providers: { anthropic: { ca_file, max_retries: 0, proxy: `http://127.0.0.1:${gone.port}` } } } });
    assert.equal((await post(p, session_id())).status, 502);
    assert.equal(up.links.length, 0);
    await p.stop();
    await up.stop();
  });

  test('a provider whose certificate is for another name: 502 through the tunnel too', () => with_tunnel({ base: 'https://other.invalid' }, async ({ up, via, p }) => {
    assert.equal((await post(p, session_id())).status, 502);
    assert.equal(via.asked.length, 1);
    assert.equal(up.received_size, 0);
  }));

  /* proxy: env */
  const exempt = [['', 1], ['provider.invalid', 1], ['other.test,127.0.0.1', 0], ['*', 0], [' 127.0.0.1 ', 0], ['27.0.0.1', 1], ['.0.0.1', 0]];
  for (const [no_proxy, count] of exempt) {
    test(`proxy: env, NO_PROXY=${JSON.stringify(no_proxy)}: ${count ? 'through' : 'around'} it`, () => with_tunnel({
      base: 'direct', config: { proxy: 'env' }, env: (url) => ({ HTTPS_PROXY: url, NO_PROXY: no_proxy }),
    }, async ({ via, p }) => {
      assert.equal((await post(p, session_id())).status, 200);
      assert.equal(via.asked.length, count);
    }));
  }

  test('HTTPS_PROXY that is no address of a proxy: refused at start when it is to be honoured', async () => {
    const dir = await temp_dir();
    try {
      const options = { upstream: 'https://provider.invalid', dir, env: { HTTPS_PROXY: 'socks5://127.0.0.1:1' } };
      await assert.rejects(Proxy.start({ ...options, config: { providers: { anthropic: { proxy: 'env' } } } }), /"code":78/);
      const p = await Proxy.start(options);
      await p.stop();
    } finally {
      await fs.rm(dir, { recursive: true, force: true });
    }
  });
});

test('HTTPS_PROXY is for https: an http provider on loopback is asked directly', async () => {
  const up = await Upstream.start();
  const via = await Tunnel.start(up.port);
  const p = await Proxy.start({ upstream: up, env: { HTTPS_PROXY: `http://127.0.0.1:${via.port}` }, config: { providers: { anthropic: { proxy: 'env' } } } });
  assert.equal((await post(p, session_id())).status, 200);
  assert.equal(via.asked.length, 0);
  await p.stop();
  await via.stop();
  await up.stop();
});

/* --- addresses --- */

const has_ipv6 = Object.values(os.networkInterfaces()).flat().some((a) => a.address === '::1');

/* A provider on `address`, and nobody on the same port of the other one: other tests run beside this, and a
 * proxy of theirs would answer. A socket that does not listen keeps that port. */
async function only_on(address) {
  const other = address === '::1' ? '127.0.0.1' : '::1';
  if (!has_ipv6) return Upstream.start({ address });
  const keeper = await Upstream.start({ address: other });
  for (;;) {
    const up = await Upstream.start({ address });
    const socket = net.connect({ host: other, port: keeper.port, localAddress: other, localPort: up.port });
    const is_kept = await new Promise((done) => { socket.once('connect', () => done(true)).once('error', () => done(false)); });
    if (is_kept) {
      up.server.once('close', () => { socket.destroy(); keeper.stop(); });
      return up;
    }
    await up.stop();
  }
}

for (const address of ['127.0.0.1', '::1']) {
  test(`localhost is reached where only ${address} listens`, { skip: address === '::1' && !has_ipv6 && 'no IPv6 here' }, async () => {
    const up = await only_on(address);
    const p = await Proxy.start({ upstream: `http://localhost:${up.port}`, config: { providers: { anthropic: { max_retries: 0 } } } });
    try {
      const session = session_id();
      assert.equal((await post(p, session)).status, 200);
      assert.equal(up.seen(session)[0].header('host'), `localhost:${up.port}`);
      assert.equal((await p.row(session)).state, 'complete');
    } finally {
      await p.stop();
      await up.stop();
    }
  });
}

async function free_port() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

for (const host of ['127.0.0.1', 'localhost', '[::1]', '127.1.2.3', '[::ffff:127.0.0.1]']) {
  test(`our own address as the provider, ${host}: refused at start, or answered 508`, async () => {
    const port = await free_port();
    const dir = await temp_dir();
    let p;
    try {
      p = await Proxy.start({ upstream: `http://${host}:${port}`, dir, port });
      const session = session_id();
      assert.equal((await post(p, session)).status, 508);
      await p.row(session);
      assert.equal((await p.rows()).length, 1);
    } catch (e) {
      assert.match(e.message, /"code":78[\s\S]*own address/);
    } finally {
      await p?.stop();
      await fs.rm(dir, { recursive: true, force: true });
    }
  });
}

/* Names of this machine, which configuration cannot see through. */
const addresses = await dns.lookup(os.hostname(), { all: true }).catch(() => []);
const is_us = addresses.length > 0 && addresses.every((a) => a.address.startsWith('127.') || a.address === '::1');
test('a name that turns out to be our own address: 508, once', { skip: !is_us && 'this machine\'s name is no loopback address' }, async () => {
  const port = await free_port();
  const p = await Proxy.start({ upstream: `http://${os.hostname()}:${port}`, port,
    config: { providers: { anthropic: { allow_plaintext: true } } } });
  try {
    const session = session_id();
    const got = await post(p, session);
    assert.equal(got.status, 508);
    assert.equal(got.json.error.type, 'api_error');
    assert.equal((await p.row(session)).status, 508);
    assert.equal((await p.rows()).length, 1);
  } finally {
    await p.stop();
  }
});

const outer = Object.values(os.networkInterfaces()).flat().find((a) => a.family === 'IPv4' && !a.internal)?.address;
test('listening on every address, another of ours as the provider: 508, once', { skip: !outer && 'no address but loopback' }, async () => {
  const port = await free_port();
  const p = await Proxy.start({ upstream: `http://${outer}:${port}`, host: '0.0.0.0', port,
    config: { server: { allowed_hosts: [outer] }, providers: { anthropic: { allow_plaintext: true, max_retries: 0 } } } });
  try {
    const session = session_id();
    const got = await post(p, session);
    assert.equal(got.status, 508);
    await p.row(session);
    assert.equal((await p.rows()).length, 1);
  } finally {
    await p.stop();
  }
});

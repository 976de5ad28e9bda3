/*
 * tls_ends.test.mjs: how TLS connections to a provider begin and end: handshakes that break off,
 * sessions taken up, close_notify given and missing; and exact bytes in between. Who is trusted,
 * and CONNECT proxies, are in tls.test.mjs and connect.test.mjs.
 */
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import fs from 'node:fs/promises';
import { has_openssl, make_authority, make_certificate } from '../lib/certs.mjs';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { same_bytes } from '../lib/suite.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { Signal, until } from '../lib/wait.mjs';

const NAMES = 'IP:127.0.0.1,DNS:localhost';
const RECORD_ALERT = 21; // RFC 8446 §5.1

const skip = !has_openssl() && 'the openssl program is not installed';
let certs_dir;
let trusted; // the authority's certificate
let good;

/* A TLS provider and a proxy before it that trusts `ca_file`, for one case. */
async function with_tls(options, work) {
  const { secure = good, host = 'localhost', ca_file = trusted, config = {}, via } = options;
  const up = await Upstream.start({ secure });
  const passage = via ? await Passage.start(up.port) : null;
  const proxy = await Proxy.start({
    upstream: `https://${host}:${passage?.port ?? up.port}`,
    config: { providers: { anthropic: { max_retries: 0, ca_file, ...config } } },
  });
  try {
    await work({ up, proxy, passage });
    assert.deepEqual(await proxy.stop(), { code: 0, signal: null }, proxy.log.slice(-2000));
  } finally {
    Conn.destroy_all();
    if (proxy.exit === null) await proxy.stop();
    await passage?.stop();
    await up.stop();
  }
}

const post = (proxy, session, body = ask_body()) =>
  ask(proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body });

/* TCP between proxy and provider: can end one side as TCP does, and keep TLS from hearing of it. */
class Passage {
  static async start(port) {
    const p = new Passage();
    p.pairs = [];
    p.server = net.createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      const far = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      const pair = { near, far, signal: new Signal(), last_record: null, is_over: false, is_cut: false };
      p.pairs.push(pair);
      near.on('data', (data) => {
        pair.last_record = last_record_of(pair, data);
        if (!far.destroyed) far.write(data);
      });
      far.on('data', (data) => { if (!pair.is_cut) near.write(data); });
      near.on('end', () => { pair.is_over = true; far.end(); pair.signal.fire(); });
      far.on('end', () => { if (!pair.is_cut) near.end(); });
      near.on('close', () => { pair.is_over = true; far.destroy(); pair.signal.fire(); });
      for (const s of [near, far]) s.on('error', () => {});
    });
    await new Promise((resolve) => p.server.listen(0, '127.0.0.1', resolve));
    p.port = p.server.address().port;
    return p;
  }

  /* From now on nothing of the provider's comes through; its side has ended, with a FIN. */
  cut() {
    const pair = this.pairs.at(-1);
    pair.is_cut = true;
    pair.near.end();
  }

  async stop() {
    for (const { near, far } of this.pairs) {
      near.destroy();
      far.destroy();
    }
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/* Follows the records the proxy sends; gives the type of the last whole one. */
function last_record_of(pair, data) {
  pair.rest = pair.rest ? Buffer.concat([pair.rest, data]) : data;
  let type = pair.last_record;
  while (pair.rest.length >= 5) {
    const size = 5 + pair.rest.readUInt16BE(3);
    if (pair.rest.length < size) break;
    type = pair.rest[0];
    pair.rest = pair.rest.subarray(size);
  }
  return type;
}

describe('TLS towards the provider', { skip, timeout: 120000 }, () => {
  before(async () => {
    certs_dir = await temp_dir('certs');
    trusted = make_authority(certs_dir);
    good = make_certificate(certs_dir, 'good', NAMES);
  });
  after(() => fs.rm(certs_dir, { recursive: true, force: true }));

  for (const host of ['localhost', '127.0.0.1']) {
    test(`${host}, trusted by ca_file: 3 MB up and 5 MB down, byte for byte`, () => with_tls({ host }, async ({ up, proxy }) => {
      const sent = randomBytes(3 * 1024 * 1024);
      const answer = randomBytes(5 * 1024 * 1024);
      for (const framing of ['length', 'chunked', 'close']) {
        const session = session_id();
        up.on(session, async (x) => {
          await x.received();
          await x.respond(200, [['Content-Type', 'application/octet-stream']], answer, { framing });
        });
        const got = await post(proxy, session, sent);
        assert.equal(got.status, 200);
        assert.ok(got.is_clean);
        same_bytes(got.body, answer, `answer, ${framing}`);
        same_bytes(up.seen(session)[0].body, sent, `request, ${framing}`);
        const row = await proxy.row(session);
        assert.equal(row.state, 'complete');
        same_bytes(await proxy.body(row.id, 'request'), sent, 'recorded request');
        same_bytes(await proxy.body(row.id, 'response'), answer, 'recorded answer');
      }
      assert.equal(up.links[0].socket.servername, host === 'localhost' ? 'localhost' : false, 'SNI only for names');
      assert.equal(up.seen('/v1/messages').length, 3);
    }));
  }

  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    test(`${version}: an event stream passes chunk by chunk`, () => with_tls({
      secure: { ...good, minVersion: version, maxVersion: version },
    }, async ({ up, proxy }) => {
      const session = session_id();
      const events = text_stream('one after the other '.repeat(20));
      const client = { signal: new Signal(), size: 0 };
      up.on(session, async (x) => {
        await x.received();
        await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
        let total = 0;
        for (const e of events) {
          await x.piece(e);
          total += Buffer.byteLength(e);
          /* The next is sent only when the client has this one. */
          await client.signal.when(() => client.size >= total, `${total} bytes at the client`);
        }
        await x.finish();
      });
      const conn = await Conn.open(proxy.port);
      await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
      const answer = await conn.head('POST');
      let total = 0;
      for (const e of events) {
        total += Buffer.byteLength(e);
        await conn.body_at_least(total);
        client.size = total;
        client.signal.fire();
      }
      await conn.finish();
      assert.ok(answer.is_clean);
      same_bytes(answer.body, events.join(''), 'stream');
      assert.equal(up.links[0].socket.getProtocol(), version);
      const row = await proxy.row(session);
      assert.equal(row.state, 'complete');
      const { chunks } = await proxy.timeline(row.id);
      assert.ok(chunks.length >= events.length, `${chunks.length} chunks of ${events.length} events`);
    }));

    test(`${version}: a connection is used again, and a new one takes up the session`, () => with_tls({
      secure: { ...good, minVersion: version, maxVersion: version },
    }, async ({ up, proxy }) => {
      for (let i = 0; i < 3; i += 1) assert.equal((await post(proxy, session_id())).status, 200);
      assert.equal(up.links.length, 1, 'one connection for three requests');
      const resumed = [];
      up.fallback = async (x) => {
        resumed.push(x.link.socket.isSessionReused());
        await x.received();
        await x.respond(200, [['Connection', 'close']], '{}');
        x.fin();
      };
      for (let i = 0; i < 6; i += 1) assert.equal((await post(proxy, session_id())).status, 200);
      assert.equal(up.links.length, 6, 'one connection for each answer that said close, but the first');
      /* A ticket of TLS 1.3 serves once; Node's server gives two with a full handshake only. */
      const count = version === 'TLSv1.2' ? 6 : 3;
      const want = [false, true, true, true, true, true];
      assert.deepEqual(resumed.slice(0, count), want.slice(0, count));
    }));
  }

  test('TLS 1.2: a connection that is given up says close_notify first', () => with_tls({
    secure: { ...good, maxVersion: 'TLSv1.2' }, via: 'passage',
  }, async ({ up, proxy, passage }) => {
    up.fallback = async (x) => {
      await x.received();
      await x.respond(200, [['Connection', 'close']], '{}');
    };
    assert.equal((await post(proxy, session_id())).status, 200);
    const pair = passage.pairs[0];
    await pair.signal.when(() => pair.is_over, 'the proxy to close');
    assert.equal(pair.last_record, RECORD_ALERT);
  }));

  /* Refused, and for the reason meant; the server of the last case is shown to be one below. */
  const old = () => ({ ...good, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
  const issue = (name, names, more) => make_certificate(certs_dir, name, names, more);
  const cases = [
    { name: 'a name that only ends alike', make: () => issue('alike', 'DNS:evil-localhost,DNS:*.localhost'), why: /hostname mismatch/i },
    { name: 'its address as a name', host: '127.0.0.1', make: () => issue('address', 'IP:127.0.0.2,DNS:127.0.0.1'), why: /IP address mismatch/i },
    { name: 'a certificate out of date', why: /expired/i,
      make: () => issue('expired', NAMES, { begin: '20200101000000Z', end: '20200201000000Z' }) },
    { name: 'TLS 1.1 at most', make: old, why: /version|protocol/i },
  ];
  for (const { name, host, make, why } of cases) {
    test(`a provider with ${name}: 502, and it gets nothing`, async () => with_tls({ host, secure: await make() }, async ({ up, proxy }) => {
      const session = session_id();
      const got = await post(proxy, session);
      assert.equal(got.status, 502);
      assert.equal(got.json.type, 'error');
      assert.equal(got.json.error.type, 'api_error');
      assert.equal(up.received_size, 0, 'no application byte has reached the provider');
      assert.equal(up.ledger.length, 0);
      const row = await proxy.row(session);
      assert.equal(row.status, 502);
      assert.match(row.state, /^upstream_/);
      same_bytes(await proxy.body(row.id, 'request'), ask_body(), 'recorded request');
      await until(() => /forward failed/.test(proxy.log), 'the log line');
      assert.match(/forward failed.*/.exec(proxy.log)[0], why);
      assert.doesNotMatch(got.text, /sk-ant/);
    }));
  }

  test('the TLS 1.1 server of that case is one: it talks to who accepts that', async () => {
    const up = await Upstream.start({ secure: old() });
    const socket = tls.connect({ port: up.port, host: '127.0.0.1', ca: await fs.readFile(trusted),
      servername: 'localhost', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' });
    await once(socket, 'secureConnect');
    assert.equal(socket.getProtocol(), 'TLSv1.1');
    socket.destroy();
    await up.stop();
  });

  test('a trusted root among the system\'s: SSL_CERT_FILE', async () => {
    const up = await Upstream.start({ secure: good });
    const proxy = await Proxy.start({ upstream: `https://localhost:${up.port}`, env: { SSL_CERT_FILE: trusted } });
    try {
      assert.equal((await post(proxy, session_id())).status, 200);
    } finally {
      await proxy.stop();
      await up.stop();
    }
  });

  test('not trusted once is not trusted later: ten requests, none gets through', async () => with_tls({
    secure: make_certificate(certs_dir, 'other', 'DNS:example.test'),
  }, async ({ up, proxy }) => {
    const got = await Promise.all(Array.from({ length: 10 }, () => post(proxy, session_id())));
    assert.deepEqual(got.map((x) => x.status), Array(10).fill(502));
    assert.equal(up.received_size, 0);
  }));

  /* Ends. */
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const secure = () => ({ ...good, minVersion: version, maxVersion: version });
    test(`${version}: a FIN without close_notify inside a body that ends with the connection is a break`, () => with_tls({
      secure: secure(), via: 'passage',
    }, async ({ up, proxy, passage }) => {
      const session = session_id();
      const events = text_stream('cut');
      up.on(session, async (x) => {
        await x.received();
        await x.head(200, [['Content-Type', 'text/event-stream'], ['Connection', 'close']]);
        await x.piece(events.join(''));
        await x.closed();
      });
      const conn = await Conn.open(proxy.port);
      await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body() });
      const answer = await conn.head('POST');
      await conn.body_at_least(Buffer.byteLength(events.join('')));
      passage.cut();
      await conn.closed();
      assert.ok(!answer.is_clean, 'the client sees the break');
      same_bytes(answer.body, events.join(''), 'what came before it');
      const row = await proxy.row(session);
      assert.ok(['upstream_reset', 'upstream_truncated'].includes(row.state), row.state);
      same_bytes(await proxy.body(row.id, 'response'), events.join(''), 'recorded answer');
    }));

    test(`${version}: with close_notify the same body is whole`, () => with_tls({ secure: secure(), via: 'passage' }, async ({ up, proxy }) => {
      const session = session_id();
      up.on(session, async (x) => {
        await x.received();
        await x.respond(200, [['Content-Type', 'text/event-stream']], text_stream('whole').join(''), { framing: 'close' });
      });
      const got = await post(proxy, session);
      assert.ok(got.is_clean);
      same_bytes(got.body, text_stream('whole').join(''), 'answer');
      assert.equal((await proxy.row(session)).state, 'complete');
    }));

    test(`${version}: a FIN without close_notify behind a whole answer harms nothing`, () => with_tls({
      secure: secure(), via: 'passage',
    }, async ({ up, proxy, passage }) => {
      for (let i = 0; i < 5; i += 1) {
        const session = session_id();
        const got = await post(proxy, session);
        assert.equal(got.status, 200, `request ${i}`);
        assert.equal((await proxy.row(session)).state, 'complete');
        const pair = passage.pairs.at(-1);
        passage.cut();
        await pair.signal.when(() => pair.is_over, 'the proxy to let it go');
      }
      assert.equal(up.links.length, 5);
    }));
  }

  const odd = [
    ['resets as soon as it is spoken to', (s) => s.once('data', () => s.resetAndDestroy())],
    ['closes as soon as it is spoken to', (s) => s.once('data', () => s.end())],
    ['closes at once', (s) => s.end()],
    ['does not speak TLS', (s) => s.once('data', () => s.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'))],
    ['sends a fatal alert', (s) => s.once('data', () => s.end(Buffer.from([RECORD_ALERT, 3, 3, 0, 2, 2, 40])))],
    ['sends half a record', (s) => s.once('data', () => s.end(Buffer.from([22, 3, 3, 0, 200, 2, 0])))],
  ];
  for (const [name, act] of odd) {
    test(`a provider that ${name} in the handshake: 502`, async () => {
      let taken = 0;
      const server = net.createServer((s) => {
        s.on('error', () => {});
        s.on('data', (d) => { taken += d.indexOf('sk-ant') >= 0; });
        act(s);
      });
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      const proxy = await Proxy.start({
        upstream: `https://localhost:${server.address().port}`,
        config: { providers: { anthropic: { max_retries: 0, ca_file: trusted } } },
      });
      try {
        const session = session_id();
        const got = await post(proxy, session);
        assert.equal(got.status, 502);
        assert.equal(got.json.error.type, 'api_error');
        assert.equal((await proxy.row(session)).status, 502);
        assert.equal(taken, 0);
      } finally {
        await proxy.stop();
        server.close();
      }
    });
  }

  test('a provider silent in the handshake: 504 after connect_timeout', async () => {
    const server = net.createServer((s) => s.on('error', () => {}).resume());
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = await Proxy.start({
      upstream: `https://localhost:${server.address().port}`,
      config: { providers: { anthropic: { max_retries: 0, ca_file: trusted, connect_timeout: '500ms' } } },
    });
    try {
      assert.equal((await post(proxy, session_id())).status, 504);
    } finally {
      await proxy.stop();
      server.close();
    }
  });

  test('100 requests at once over TLS: each its own answer', () => with_tls({}, async ({ up, proxy }) => {
    up.fallback = async (x) => {
      const body = await x.received();
      await x.json(200, { digest: createHash('sha256').update(body).digest('hex') });
    };
    await Promise.all(Array.from({ length: 100 }, async (_, i) => {
      const body = ask_body(`${i} `.repeat(1000 + i));
      const got = await post(proxy, session_id(), body);
      assert.equal(got.json.digest, createHash('sha256').update(body).digest('hex'));
    }));
    await until(async () => (await proxy.rows()).filter((r) => r.state === 'complete').length === 100, '100 rows');
  }));
});

test('http:// to another machine with allow_plaintext: starts, with a warning', async () => {
  const proxy = await Proxy.start({ upstream: 'http://192.0.2.1', config: { providers: { anthropic: { allow_plaintext: true } } } });
  assert.match(proxy.log, /cross the network readable/);
  await proxy.stop();
});

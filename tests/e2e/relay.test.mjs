/*
 * relay.test.mjs: what goes in comes out: methods, paths, queries, headers as spelled and ordered,
 * statuses, bodies of every framing and coding.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import zlib from 'node:zlib';
import { randomBytes } from 'node:crypto';
import { ask, Conn } from '../lib/client.mjs';
import { end_to_end, header } from '../lib/http1.mjs';
import { session_id } from '../lib/messages.mjs';
import { same_bytes, with_proxy } from '../lib/suite.mjs';

const t = with_proxy({ config: { server: { max_body_bytes: 268435456 } } });

const PATHS = [
  ['POST', '/v1/messages?beta=true'],
  ['POST', '/v1/messages/count_tokens?beta=true'],
  ['GET', '/v1/models?limit=1000'],
  ['GET', '/v1/models/claude-test-1'],
  ['POST', '/v1/files'],
  ['GET', '/v1/files/file_1/content'],
  ['DELETE', '/v1/files/file_1'],
  ['PUT', '/v1/anything/at/all'],
  ['PATCH', '/v1/anything?a=1&a=2&b'],
  ['POST', '/v1/messages/batches'],
  ['GET', '/v1/messages/batches/b_1/results'],
  ['OPTIONS', '/v1/messages'],
  ['GET', '/v1/odd/%20%2F%e2%82%ac/~;p=1,2/(x)!$&*+@:'],
  ['GET', '/v1/q?x=%00&y=+&z=%zz&&=&?/?'],
  ['GET', '/api/hello'],
  ['GET', '/api/claude_code/settings'],
  ['POST', '/api/claude_code/metrics'],
  ['GET', '/api/claude_cli_profile'],
  ['GET', '/api/claude_cli/bootstrap'],
  ['POST', '/api/event_logging/batch'],
  ['GET', '/api/oauth/usage'],
  ['POST', '/api/oauth/claude_cli/create_api_key'],
  ['GET', '/api/organizations/o_1/referral?x=1'],
  ['GET', '/api/frame/one'],
];

for (const [method, target] of PATHS) {
  test(`relays ${method} ${target}`, async () => {
    const path = target.split('?')[0];
    const sent = ['POST', 'PUT', 'PATCH'].includes(method) ? `{"n":${Math.random()}}` : undefined;
    const answer = JSON.stringify({ method, target });
    const count = t.up.ledger.length;
    t.up.on(path, async (x) => {
      await x.received();
      await x.respond(200, [['Content-Type', 'application/json']], answer);
    });
    const got = await ask(t.proxy.port, method, target, { body: sent });
    assert.equal(got.status, 200);
    same_bytes(got.body, Buffer.from(answer), 'answer body');
    assert.equal(t.up.ledger.length, count + 1, 'exactly one upstream request');
    const seen = t.up.ledger.at(-1);
    assert.equal(seen.line, `${method} ${target} HTTP/1.1`);
    same_bytes(seen.body, Buffer.from(sent ?? ''), 'request body');
  });
}

test('paths that are ours never reach the provider', async () => {
  const count = t.up.ledger.length;
  for (const target of ['/health', '/livez', '/api/requests', '/api/sessions', '/api/stats', '/', '/monitor',
    '/api/nothing', '/nothing', '/favicon.ico', '/v1', '/v2/messages', '/apiv1/x'])
    await ask(t.proxy.port, 'GET', target);
  assert.deepEqual(t.up.ledger.slice(count).map((x) => x.line), []);
});

test('request headers keep order, spelling, values and repetitions; only Host and hop-by-hop differ', async () => {
  const headers = [
    ['Accept', 'application/json'],
    ['x-LOWER-Upper', 'Value, with; "quotes"  and  spaces'],
    ['anthropic-beta', 'a-2025-01-01,b-2025-02-02,c'],
    ['Anthropic-Version', '2023-06-01'],
    ['X-Claude-Code-Session-Id', session_id()],
    ['X-Repeat', 'one'],
    ['X-Between', ''],
    ['x-repeat', 'two'],
    ['x-api-key', 'sk-ant-test-0'],
    ['Authorization', 'Bearer test-token'],
    ['Cookie', 'a=b; c=d'],
    ['User-Agent', 'claude-cli/2.1.329 (external, sdk-cli)'],
    ['Accept-Encoding', 'gzip, deflate, br, zstd'],
    ['X-Latin', 'caf\xe9'],
    ['X_Under_Score', 'kept'],
    ['X-Forwarded-For', '10.0.0.1'],
    ['Via', '1.1 someone'],
    ['Content-Type', 'application/json; charset=utf-8'],
    ['CONTENT-length', '2'],
    ['X-Last', '~!@#$%^&*()_+{}|:<>?`-=[]\\;\',./'],
  ];
  t.up.on('/v1/headers', async (x) => {
    await x.received();
    await x.json(200, {});
  });
  await ask(t.proxy.port, 'POST', '/v1/headers', {
    headers: [['Connection', 'keep-alive, X-Hop'], ['X-Hop', 'not yours'], ['Keep-Alive', 'timeout=5'],
      ['TE', 'trailers'], ['Proxy-Connection', 'keep-alive'], ...headers],
    body: '{}',
  });
  const seen = t.up.seen('/v1/headers')[0];
  assert.deepEqual(end_to_end(seen.headers, ['host']), headers);
  assert.equal(seen.header('host'), `127.0.0.1:${t.up.port}`);
  assert.equal(seen.header('x-hop'), undefined);
  assert.equal(seen.header('keep-alive'), undefined);
  assert.equal(seen.header('proxy-connection'), undefined);
});

test('anthropic-version is added only where the client sent none', async () => {
  await ask(t.proxy.port, 'POST', '/v1/version-none', { body: '{}' });
  assert.equal(t.up.seen('/v1/version-none')[0].header('anthropic-version'), '2023-06-01');
  await ask(t.proxy.port, 'POST', '/v1/version-own', { body: '{}', headers: [['anthropic-version', '1999-01-01']] });
  const seen = t.up.seen('/v1/version-own')[0];
  assert.deepEqual(seen.headers.filter(([n]) => n.toLowerCase() === 'anthropic-version'), [['anthropic-version', '1999-01-01']]);
});

test('answer headers keep order, spelling, values and repetitions', async () => {
  const headers = [
    ['Date', 'Fri, 21 Nov 2025 00:43:07 GMT'],
    ['content-TYPE', 'application/json'],
    ['request-id', 'req_123'],
    ['anthropic-ratelimit-requests-remaining', '49'],
    ['Anthropic-Ratelimit-Tokens-Reset', '2025-11-21T00:43:07Z'],
    ['Set-Cookie', 'a=1; Path=/; HttpOnly'],
    ['X-Empty', ''],
    ['Set-Cookie', 'b=2'],
    ['cf-ray', '8e0-FRA'],
    ['Server', 'cloudflare'],
    ['X-Latin', 'caf\xe9'],
    ['Strict-Transport-Security', 'max-age=1'],
    ['Access-Control-Allow-Origin', '*'],
    ['content-LENGTH', '2'],
    ['x-Last', 'a  b'],
  ];
  t.up.on('/v1/answer-headers', async (x) => {
    await x.received();
    await x.write(`HTTP/1.1 200 Fine By Me\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=4\r\n`
      + `${headers.map(([n, v]) => `${n}: ${v}\r\n`).join('')}\r\n{}`);
  });
  const got = await ask(t.proxy.port, 'GET', '/v1/answer-headers');
  assert.equal(got.line, 'HTTP/1.1 200 Fine By Me');
  assert.deepEqual(end_to_end(got.headers), headers);
  assert.equal(got.header('x-hop'), undefined);
  assert.equal(got.text, '{}');
});

test('an answer without Date, Server or Content-Type gets none', async () => {
  t.up.on('/v1/bare', (x) => x.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx'));
  const got = await ask(t.proxy.port, 'GET', '/v1/bare');
  assert.deepEqual(end_to_end(got.headers), [['Content-Length', '1']]);
});

for (const status of [200, 201, 202, 206, 226, 299, 300, 400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 418,
  421, 422, 425, 429, 431, 500, 501, 502, 503, 504, 511, 529, 599]) {
  test(`status ${status} and its body pass as they are`, async () => {
    const path = `/v1/status/${status}`;
    const body = `{"type":"error","error":{"type":"e${status}","message":"unge\u00e4ndert"}}\n`;
    const headers = [['Content-Type', 'application/json'], ['retry-after', '17'], ['request-id', `req_${status}`],
      ['x-should-retry', 'false'], ['anthropic-ratelimit-unified-status', 'allowed']];
    t.up.on(path, async (x) => {
      await x.received();
      await x.respond(status, headers, body, { reason: `Reason ${status}` });
    });
    const got = await ask(t.proxy.port, 'POST', path, { body: '{}' });
    assert.equal(got.line, `HTTP/1.1 ${status} Reason ${status}`);
    assert.deepEqual(end_to_end(got.headers, ['content-length']), headers);
    same_bytes(got.body, Buffer.from(body), 'error body');
    assert.equal(t.up.seen(path).length, 1, 'an answer is never retried');
  });
}

test('redirects are relayed, not followed', async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    const path = `/v1/redirect/${status}`;
    const count = t.up.ledger.length;
    t.up.on(path, (x) => x.respond(status, [['Location', `${t.up.url}/v1/elsewhere`]], 'gone'));
    const got = await ask(t.proxy.port, 'POST', path, { body: '{}', headers: [['x-api-key', 'sk-ant-test-0']] });
    assert.equal(got.status, status);
    assert.equal(got.header('location'), `${t.up.url}/v1/elsewhere`);
    assert.equal(got.text, 'gone');
    assert.equal(t.up.ledger.length, count + 1);
  }
});

test('HEAD: headers of the answer, no body, connection goes on', async () => {
  t.up.on('/v1/head', (x) => x.write('HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: "x"\r\n\r\n'));
  const conn = await Conn.open(t.proxy.port);
  const got = await conn.ask('HEAD', '/v1/head');
  assert.equal(got.status, 200);
  assert.deepEqual(end_to_end(got.headers), [['Content-Length', '12345'], ['ETag', '"x"']]);
  const next = await conn.ask('GET', '/v1/after-head');
  assert.equal(next.status, 200);
  assert.deepEqual(next.json, { ok: true });
  conn.destroy();
});

test('HEAD /api/hello passes (the client\'s warm-up)', async () => {
  t.up.on('/api/hello', (x) => x.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
  const got = await ask(t.proxy.port, 'HEAD', '/api/hello');
  assert.equal(got.status, 200);
});

for (const status of [204, 304]) {
  test(`${status} has no body and the connection goes on`, async () => {
    const path = `/v1/empty/${status}`;
    t.up.on(path, (x) => x.write(`HTTP/1.1 ${status} Nothing\r\nETag: "y"\r\n\r\n`));
    const conn = await Conn.open(t.proxy.port);
    const got = await conn.ask('GET', path);
    assert.equal(got.line, `HTTP/1.1 ${status} Nothing`);
    assert.equal(got.header('etag'), '"y"');
    assert.equal(header(got.headers, 'transfer-encoding'), undefined);
    assert.equal((await conn.ask('GET', '/v1/after-empty')).status, 200);
    conn.destroy();
  });
}

for (const framing of ['length', 'chunked', 'close']) {
  for (const size of [0, 1, 1000, 70000, 3000000]) {
    test(`answer framed by ${framing}, ${size} bytes`, async () => {
      const path = `/v1/framing/${framing}/${size}`;
      const body = randomBytes(size);
      t.up.on(path, (x) => x.respond(200, [['Content-Type', 'application/octet-stream']], body, { framing }));
      const got = await ask(t.proxy.port, 'GET', path);
      assert.equal(got.status, 200);
      assert.ok(got.is_clean);
      same_bytes(got.body, body, 'answer body');
    });
  }
}

for (const size of [0, 1, 1000, 70000, 3000000, 20000000]) {
  test(`request body of ${size} bytes, by length and chunked`, async () => {
    const body = randomBytes(size);
    for (const framing of ['length', 'chunked']) {
      const path = `/v1/upload/${framing}/${size}`;
      const conn = await Conn.open(t.proxy.port);
      if (framing === 'length') {
        await conn.request('POST', path, { body });
      } else {
        await conn.request('POST', path, { headers: [['Transfer-Encoding', 'chunked']] });
        for (let at = 0; at < size; at += 65537) {
          const piece = body.subarray(at, at + 65537);
          await conn.write(`${piece.length.toString(16).toUpperCase()}\r\n`);
          await conn.write(piece);
          await conn.write('\r\n');
        }
        await conn.write('0\r\n\r\n');
      }
      const got = await conn.answer_whole();
      assert.equal(got.status, 200);
      assert.equal(t.up.seen(path).length, 1);
      same_bytes(t.up.seen(path)[0].body, body, 'request body');
      conn.destroy();
    }
  });
}

const codings = {
  gzip: zlib.gzipSync,
  br: zlib.brotliCompressSync,
  deflate: zlib.deflateSync,
  ...(zlib.zstdCompressSync ? { zstd: zlib.zstdCompressSync } : {}),
};

for (const coding of ['gzip', 'br', 'deflate', 'zstd']) {
  test(`${coding} stays as it is, both ways`, { skip: !codings[coding] && `this node has no ${coding}` }, async () => {
    const path = `/v1/coded/${coding}`;
    const body = codings[coding](Buffer.from(JSON.stringify({ text: 'x'.repeat(5000) })));
    t.up.on(path, async (x) => {
      await x.received();
      await x.respond(200, [['Content-Type', 'application/json'], ['Content-Encoding', coding]], body, { framing: 'chunked' });
    });
    const got = await ask(t.proxy.port, 'POST', path, { body, headers: [['Content-Encoding', coding], ['Accept-Encoding', coding]] });
    assert.equal(got.header('content-encoding'), coding);
    same_bytes(got.body, body, 'coded answer');
    const seen = t.up.seen(path)[0];
    assert.equal(seen.header('accept-encoding'), coding);
    assert.equal(seen.header('content-encoding'), coding);
    same_bytes(seen.body, body, 'coded request');
  });
}

test('no Accept-Encoding is added', async () => {
  await ask(t.proxy.port, 'GET', '/v1/no-coding');
  assert.equal(t.up.seen('/v1/no-coding')[0].header('accept-encoding'), undefined);
});

test('odd JSON arrives byte for byte', async () => {
  const bodies = ['\ufeff{"a":1}', '{"a":1,"a":2, "b" : 1.0e+10 , "c":-0}', '  {"\\u0041":"\\/"}\r\n', '{"model":',
    'not json', '[]', 'null', '"\\ud800"', '{"m":"\u2028"}'];
  for (const [i, body] of bodies.entries()) {
    const got = await ask(t.proxy.port, 'POST', `/v1/odd-json/${i}`, { body: Buffer.from(body), headers: [['Content-Type', 'application/json']] });
    assert.equal(got.status, 200);
    same_bytes(t.up.seen(`/v1/odd-json/${i}`)[0].body, Buffer.from(body), body);
  }
});

test('keep-alive: one client connection carries many requests, in order', async () => {
  const conn = await Conn.open(t.proxy.port);
  for (let i = 0; i < 30; i += 1) {
    const path = `/v1/keep/${i}`;
    t.up.on(path, (x) => x.respond(200, [], `answer ${i}`, { framing: ['length', 'chunked'][i % 2] }));
    const got = await conn.ask('POST', path, { body: `b${i}` });
    assert.equal(got.text, `answer ${i}`);
  }
  conn.destroy();
});

test('pipelined requests are answered in order', async () => {
  for (let i = 0; i < 3; i += 1)
    t.up.on(`/v1/pipe/${i}`, (x) => x.respond(200, [], `pipe ${i}`));
  const conn = await Conn.open(t.proxy.port);
  const host = `Host: 127.0.0.1:${t.proxy.port}\r\n`;
  await conn.write([0, 1, 2].map((i) => `POST /v1/pipe/${i} HTTP/1.1\r\n${host}Content-Length: 1\r\n\r\nx`).join(''));
  for (let i = 0; i < 3; i += 1) assert.equal((await conn.answer_whole()).text, `pipe ${i}`);
  conn.destroy();
});

test('Connection: close is honoured', async () => {
  const conn = await Conn.open(t.proxy.port);
  const got = await conn.ask('GET', '/v1/close-me', { headers: [['Connection', 'close']] });
  assert.equal(got.status, 200);
  assert.ok(got.is_clean);
  assert.equal(await conn.closed(), 'fin');
  conn.destroy();
});

test('a client of HTTP/1.0 gets an answer that it can read', async () => {
  t.up.on('/v1/ten', (x) => x.respond(200, [], 'ten', { framing: 'chunked' }));
  const conn = await Conn.open(t.proxy.port);
  await conn.write(`GET /v1/ten HTTP/1.0\r\nHost: 127.0.0.1:${t.proxy.port}\r\n\r\n`);
  const got = await conn.answer_whole();
  assert.equal(got.header('transfer-encoding'), undefined);
  assert.equal(got.text, 'ten');
  assert.ok(got.is_clean);
  conn.destroy();
});

test('interim answers: 103 may pass or be dropped, the final one arrives', async () => {
  t.up.on('/v1/interim', async (x) => {
    await x.received();
    await x.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n');
    await x.respond(200, [], 'final');
  });
  const got = await ask(t.proxy.port, 'POST', '/v1/interim', { body: '{}' });
  assert.equal(got.status, 200);
  assert.equal(got.text, 'final');
});

test('Expect: 100-continue: the client gets 100 and then the answer', async () => {
  t.up.on('/v1/expect', async (x) => {
    if (x.header('expect')) await x.write('HTTP/1.1 100 Continue\r\n\r\n');
    await x.received();
    await x.respond(200, [], 'expected');
  });
  const conn = await Conn.open(t.proxy.port);
  await conn.request('POST', '/v1/expect', { headers: [['Expect', '100-continue'], ['Content-Length', '5']] });
  assert.equal((await conn.head('POST')).status, 100);
  await conn.write('hello');
  const got = await conn.answer_whole('POST');
  assert.equal(got.text, 'expected');
  assert.equal(t.up.seen('/v1/expect')[0].body.toString(), 'hello');
  conn.destroy();
});

test('an early answer is relayed while the request is still being sent', async () => {
  t.up.on('/v1/early', async (x) => {
    await x.respond(413, [['Connection', 'close']], 'too much');
    x.fin();
  });
  const conn = await Conn.open(t.proxy.port);
  await conn.request('POST', '/v1/early', { headers: [['Content-Length', '10000000']] });
  await conn.write('x'.repeat(1000));
  const got = await conn.answer_whole('POST');
  assert.equal(got.status, 413);
  assert.equal(got.text, 'too much');
  conn.destroy();
});

test('the request body streams: the provider gets the first piece before the last is sent', async () => {
  const path = '/v1/slow-upload';
  t.up.on(path, async (x) => {
    await x.received();
    await x.respond(200, [], 'done');
  });
  const conn = await Conn.open(t.proxy.port);
  await conn.request('PUT', path, { headers: [['Content-Length', '400000']] });
  for (let sent = 1; sent <= 4; sent += 1) await conn.write('y'.repeat(100000));
  const got = await conn.answer_whole('PUT');
  assert.equal(got.text, 'done');
  same_bytes(t.up.seen(path)[0].body, Buffer.alloc(400000, 'y'), 'body');
  conn.destroy();
});

test('our own answers', async () => {
  const health = JSON.parse((await ask(t.proxy.port, 'GET', '/health')).text);
  assert.equal(health.status, 'healthy');
  assert.match(health.version, /^\d+\.\d+\.\d+/);
  assert.match(health.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const live = JSON.parse((await ask(t.proxy.port, 'GET', '/livez')).text);
  assert.equal(live.status, 'ok');
  assert.equal(live.draining, false);
  assert.equal(typeof live.in_flight, 'number');
});

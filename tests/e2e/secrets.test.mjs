/*
 * secrets.test.mjs: canaries in every place where a credential may stand. The provider gets them
 * unchanged; nothing that the proxy keeps, logs or tells holds them, in any form.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, session_id, text_stream } from '../lib/messages.mjs';
import { with_proxy } from '../lib/suite.mjs';

const t = with_proxy({ keep: true, args: ['--log-level', 'debug'] });

const canary = (name) => `CANARY${name}${randomBytes(12).toString('hex')}`;

/* Every way a value is likely to be written down. */
function forms(value) {
  const raw = Buffer.from(value);
  const base64 = raw.toString('base64').replace(/=+$/, '');
  /* Base64 of a longer text holds one of three shifts of the value. */
  const shifted = [1, 2].map((n) => Buffer.concat([Buffer.alloc(n, 'a'), raw]).toString('base64').slice(4, -4));
  return { raw: value, base64: base64.slice(0, -2), 'base64 +1': shifted[0], 'base64 +2': shifted[1],
    urlencoded: [...raw].map((b) => `%${b.toString(16)}`).join(''), hex: raw.toString('hex'),
    'utf-16': raw.toString('utf16le') };
}

const secrets = new Map();
const secret = (name, wrap = (v) => v) => {
  const value = canary(name);
  secrets.set(name, value);
  return wrap(value);
};

function assert_absent(haystacks, what) {
  for (const [name, value] of secrets) {
    for (const [form, text] of Object.entries(forms(value))) {
      for (const [place, data] of haystacks)
        assert.equal(data.includes(text), false, `${name} (${form}) is in ${place} ${what}`);
    }
  }
}

const request_headers = [
  ['x-api-key', secret('apikey', (v) => `sk-ant-api03-${v}`)],
  ['Authorization', secret('bearer', (v) => `Bearer sk-ant-oat01-${v}`)],
  ['Proxy-Authorization', secret('proxyauth', (v) => `Basic ${v}`)],
  ['Cookie', secret('cookie', (v) => `session=${v}; theme=dark`)],
  ['api-key', secret('azure')],
  ['x-goog-api-key', secret('goog')],
  ['X-Auth-Token', secret('token')],
  ['X-Client-Secret', secret('clientsecret')],
  ['X-My-Password', secret('password')],
  ['X-Note', secret('innote', (v) => `used key sk-ant-api03-${v} today`)],
  ['Referer', secret('referer', (v) => `https://user:${v}@example.test/`)],
  ['anthropic-version', '2023-06-01'],
];
const query = ['key', 'api_key', 'token', 'access_token', 'code', 'signature', 'password']
  .map((n) => `${n}=${secret(`query${n.replace('_', '')}`)}`).join('&');
const answer_headers = [
  ['Set-Cookie', secret('setcookie', (v) => `__cf_bm=${v}; HttpOnly`)],
  ['X-Refresh-Token', secret('refreshtoken')],
];

async function exchange(script, more = {}) {
  const session = session_id();
  t.up.on(session, script);
  const got = await ask(t.proxy.port, 'POST', `/v1/messages?beta=true&${query}`, {
    headers: [['X-Claude-Code-Session-Id', session], ['User-Agent', 'secret-test'], ...request_headers], body: ask_body(), ...more,
  });
  return { session, got, row: await t.proxy.row(session) };
}

test('secrets reach the provider and the client, and nothing else', { timeout: 60000 }, async () => {
  const done = [];
  done.push(await exchange(async (x) => { await x.received(); await x.events(text_stream('ok'), answer_headers); }));
  done.push(await exchange(async (x) => { await x.received(); await x.json(401, { type: 'error', error: { type: 'authentication_error', message: 'invalid x-api-key' } }, answer_headers); }));
  done.push(await exchange(async (x) => { await x.received(); x.rst(); }));
  done.push(await exchange(async (x) => { await x.received(); await x.write('HTTP/1.1 banana\r\n\r\n'); x.fin(); }));

  /* Forwarded as they are. */
  const seen = t.up.seen(done[0].session)[0];
  for (const [name, value] of request_headers)
    if (name !== 'Proxy-Authorization') assert.equal(seen.header(name), value, name);
  assert.equal(seen.target, `/v1/messages?beta=true&${query}`);
  for (const [name, value] of answer_headers) assert.equal(done[0].got.header(name), value, name);

  /* A client that leaves, and one whose request is refused. */
  const session = session_id();
  t.up.on(session, async (x) => { await x.closed(); });
  const conn = await Conn.open(t.proxy.port);
  await conn.request('POST', `/v1/messages?${query}`, { headers: [['X-Claude-Code-Session-Id', session], ...request_headers], body: ask_body() });
  await t.up.arrival(session);
  conn.rst();
  await t.proxy.row(session);
  const bad = await ask(t.proxy.port, 'POST', `/v1/messages?${query}`, { headers: [...request_headers, ['Content-Length', '5'], ['Transfer-Encoding', 'chunked']] });
  assert.equal(bad.status, 400);
  const foreign = await ask(t.proxy.port, 'POST', `/v1/messages?${query}`, { host: 'evil.example', headers: request_headers, body: '{}' });
  assert.equal(foreign.status, 421);

  /* Where bodies are credentials, it is only kept how many bytes they were. */
  const login = JSON.stringify({ grant_type: 'refresh_token', refresh_token: secret('refreshbody') });
  const fresh = JSON.stringify({ raw_key: secret('freshkey'), access_token: secret('freshtoken') });
  const logins = [];
  for (const target of ['/v1/oauth/token', '/api/oauth/claude_cli/create_api_key']) {
    const session = session_id();
    t.up.on(session, async (x) => { await x.received(); await x.respond(200, [['Content-Type', 'application/json']], fresh); });
    const got = await ask(t.proxy.port, 'POST', target, { headers: [['X-Claude-Code-Session-Id', session], ['Content-Type', 'application/json']], body: login });
    assert.equal(got.body.toString(), fresh);
    assert.equal(t.up.seen(session)[0].body.toString(), login);
    logins.push(await t.proxy.row(session));
  }

  const told = [];
  for (const row of logins) {
    assert.deepEqual([row.state, row.request_bytes, row.response_bytes], ['complete', login.length, fresh.length]);
    assert.equal((await t.proxy.body(row.id, 'request')).toString(), '*'.repeat(login.length));
    assert.equal((await t.proxy.body(row.id, 'response')).toString(), '*'.repeat(fresh.length));
  }
  for (const { row } of done)
    for (const part of ['', '/timeline', '/response/message', '/response/body'])
      told.push([`/api/requests/{id}${part}`, (await t.proxy.get(`/api/requests/${row.id}${part}`)).body]);
  for (const list of ['/api/requests', '/api/sessions', '/api/stats', '/health', '/livez'])
    told.push([list, (await t.proxy.get(list)).body]);
  told.push(['our 400', bad.body], ['our 421', foreign.body]);
  assert_absent(told, 'of the API');
  assert_absent(await t.proxy.remains(), 'while running');

  /* Masked values can be told apart and are the same for the same key. */
  const heads = await Promise.all(done.slice(0, 2).map(({ row }) => t.proxy.api(`/api/requests/${row.id}`)));
  const value = (h, name) => h.request_headers.find(([n]) => n === name)[1];
  assert.match(value(heads[0], 'x-api-key'), /\[[0-9a-f]{8}\]$/);
  assert.match(value(heads[0], 'Authorization'), /^Bearer .*\[[0-9a-f]{8}\]$/);
  assert.equal(value(heads[0], 'x-api-key'), value(heads[1], 'x-api-key'));
  assert.notEqual(value(heads[0], 'api-key'), value(heads[0], 'x-goog-api-key'));
  const line = heads[0].request_line;
  assert.ok(line.startsWith('POST /v1/messages?beta=true&key='), line);
});

test('nothing is left after the end of the process either', async () => {
  await t.proxy.stop();
  assert_absent(await t.proxy.remains(), 'after the end');
  t.proxy = await t.proxy.restart();
  t.proxy.is_dir_ours = true;
  assert.ok((await t.proxy.rows()).length > 0, 'the second process has the rows');
  assert_absent(await t.proxy.remains(), 'with a second process');
});

/*
 * oauth.test.mjs: the user's own Claude token on requests without credentials, and on no others;
 * renewed where its file says how; never logged, recorded or sent elsewhere.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { has_openssl, make_authority, make_certificate } from '../lib/certs.mjs';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

const ACCESS = 'sk-ant-oat01-canary-access';
const REFRESH = 'sk-ant-ort01-canary-refresh';
const BETA = 'oauth-2025-04-20';

/* A token endpoint. `reply` gives [status, value]. */
class Endpoint {
  static async start(secure) {
    const e = new Endpoint();
    e.seen = [];
    e.reply = () => [500, {}];
    e.server = (secure ? https : http).createServer(secure ?? {}, async (q, r) => {
      const parts = [];
      for await (const p of q) parts.push(p);
      e.seen.push({ method: q.method, url: q.url, headers: q.headers, json: JSON.parse(Buffer.concat(parts).toString() || 'null') });
      const [status, value] = await e.reply(e.seen.at(-1), e.seen.length);
      r.writeHead(status, { 'content-type': 'application/json' });
      r.end(JSON.stringify(value));
    });
    await new Promise((resolve) => { e.server.listen(0, '127.0.0.1', resolve); });
    e.url = `http${secure ? 's' : ''}://127.0.0.1:${e.server.address().port}/v1/oauth/token`;
    return e;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => { this.server.close(resolve); });
  }
}

let up, other, endpoint, dir;
const all = [];
before(async () => {
  [up, other] = await Promise.all([Upstream.start(), Upstream.start()]);
  endpoint = await Endpoint.start();
  dir = await temp_dir('oauth');
  up.fallback = async (x) => {
    await x.received();
    await x.events(text_stream('hello'));
  };
  other.fallback = up.fallback;
});
after(async () => {
  Conn.destroy_all();
  for (const p of all) if (p.exit === null) await p.stop();
  await Promise.all([up.stop(), other.stop(), endpoint.stop()]);
  await fs.rm(dir, { recursive: true, force: true });
});

const file_of = (name) => path.join(dir, name);
const login = (more = {}) => ({
  claudeAiOauth: { accessToken: ACCESS, refreshToken: REFRESH, expiresAt: Date.now() + 3600_000, scopes: ['user:inference'], subscriptionType: 'max', ...more },
  mcpOAuth: { kept: { clientId: 'x', big: 12345678901234567890n.toString() } },
});
async function write_login(name, value) {
  const file = file_of(name);
  await fs.writeFile(file, typeof value === 'string' ? value : JSON.stringify(value), { mode: 0o600 });
  return file;
}
async function start(oauth, { env = {}, more = {} } = {}) {
  const p = await Proxy.start({
    config: {
      providers: {
        anthropic: { base_url: up.url, oauth: { enabled: true, endpoint: endpoint.url, ...oauth } },
        local: { format: 'anthropic', base_url: other.url, api_key: 'sk-local-1' },
      },
      routing: { models: { '"*haiku*"': 'local:' } },
      ...more,
    },
    env,
  });
  all.push(p);
  return p;
}
const bare = (session, more = []) => [...headers_for(session).filter(([n]) => n !== 'x-api-key'), ...more];
const post = (p, headers, body = ask_body('hi')) => ask(p.port, 'POST', '/v1/messages?beta=true', { headers, body });
const lines_of = (x) => x.raw_head.toString('latin1').split('\r\n');
/* What Anthropic gets of a request that is only relayed: everything but Host stays. */
const plain_lines = (session, headers) => [
  'POST /v1/messages?beta=true HTTP/1.1', `Host: ${new URL(up.url).host}`, ...headers.map(([n, v]) => `${n}: ${v}`),
];

/* Nothing that a process leaves behind, or tells, holds a token. */
async function assert_silent(p, ...tokens) {
  for (const [name, bytes] of await p.remains())
    for (const token of tokens) assert.ok(!bytes.includes(token), `${token} in ${name}`);
  const setup = (await p.get('/api/setup')).body.toString();
  for (const token of tokens) assert.ok(!setup.includes(token), `${token} in /api/setup`);
}

test('off: nothing is added, whatever the environment holds', async () => {
  const p = await Proxy.start({ upstream: up, env: { CLAUDE_CODE_OAUTH_TOKEN: ACCESS } });
  all.push(p);
  const session = session_id();
  const headers = bare(session);
  assert.equal((await post(p, headers)).status, 200);
  const body = ask_body('hi');
  assert.deepEqual(lines_of(up.seen(session)[0]), [...plain_lines(session, headers), `Content-Length: ${body.length}`]);
  assert.equal((await p.api('/api/setup')).oauth.enabled, false);
  assert.doesNotMatch(p.log, /OAuth/);
});

test('a request without credentials gets the token and its beta; the rest of its head stays', async () => {
  const p = await start({}, { env: { CLAUDE_CODE_OAUTH_TOKEN: ACCESS } });
  const body = ask_body('hi');
  const cases = [
    { betas: [], added: [`Authorization: Bearer ${ACCESS}`, `anthropic-beta: ${BETA}`] },
    { betas: [['anthropic-beta', 'claude-code-20250219,x-1']], changed: `anthropic-beta: claude-code-20250219,x-1,${BETA}`, added: [`Authorization: Bearer ${ACCESS}`] },
    { betas: [['Anthropic-Beta', 'a'], ['anthropic-beta', 'b']], changed: `Anthropic-Beta: a,${BETA}`, added: [`Authorization: Bearer ${ACCESS}`] },
    { betas: [['anthropic-beta', `a, ${BETA}`]], added: [`Authorization: Bearer ${ACCESS}`] },
  ];
  for (const c of cases) {
    const session = session_id();
    const headers = bare(session, c.betas);
    assert.equal((await post(p, headers, body)).status, 200);
    const want = [...plain_lines(session, headers), `Content-Length: ${body.length}`, ...c.added];
    if (c.changed) want[want.indexOf(`${c.betas[0][0]}: ${c.betas[0][1]}`)] = c.changed;
    assert.deepEqual(lines_of(up.seen(session)[0]), want);
    assert.deepEqual(up.seen(session)[0].body.toString(), body);
    const row = await p.row(session);
    const detail = await p.api(`/api/requests/${row.id}`);
    assert.ok(!JSON.stringify(detail).toLowerCase().includes('bearer'), 'the record is of what the client sent');
  }
  assert.match(p.log, /OAuth injection is on.*terms of service/);
  const { oauth } = await p.api('/api/setup');
  assert.equal(oauth.enabled, true);
  assert.equal(oauth.state, 'ready');
  assert.match(oauth.note, /terms of service/);
  await assert_silent(p, ACCESS);
});

test('a request with credentials of any kind stays as it is, byte for byte', async () => {
  const p = await start({}, { env: { CLAUDE_CODE_OAUTH_TOKEN: ACCESS } });
  for (const credential of [[['x-api-key', 'sk-ant-test-0']], [['Authorization', 'Bearer mine']], [['X-Api-Key', '']]]) {
    const session = session_id();
    const headers = bare(session, credential);
    const body = ask_body('hi');
    assert.equal((await post(p, headers, body)).status, 200);
    assert.deepEqual(lines_of(up.seen(session)[0]), [...plain_lines(session, headers), `Content-Length: ${body.length}`]);
  }
});

test('no other host than Anthropic\'s gets it', async () => {
  const p = await start({}, { env: { CLAUDE_CODE_OAUTH_TOKEN: ACCESS } });
  const session = session_id();
  assert.equal((await post(p, bare(session), ask_body('hi', { model: 'claude-haiku-4-5' }))).status, 200);
  const sent = other.ledger.at(-1).raw_head.toString();
  assert.ok(!sent.includes(ACCESS) && !sent.includes(BETA));
  assert.match(sent, /sk-local-1/);
});

test('from Claude Code\'s file, or from one with just a token; a new one is noticed', async () => {
  for (const [name, text, next] of [['login.json', login(), login({ accessToken: `${ACCESS}-2` })], ['token', `${ACCESS}\n`, `${ACCESS}-2\n`]]) {
    const p = await start({ token_file: await write_login(name, text) });
    const session = session_id();
    await post(p, bare(session));
    assert.equal(up.seen(session)[0].header('authorization'), `Bearer ${ACCESS}`);
    await write_login(name, next);
    await until(async () => {
      const again = session_id();
      await post(p, bare(again));
      return up.seen(again)[0].header('authorization') === `Bearer ${ACCESS}-2`;
    }, 'the new token');
    await p.stop();
  }
  assert.equal(endpoint.seen.length, 0, 'nothing was due');
});

test('what has ended is renewed once, while requests wait; the file is rewritten, all else in it kept', async () => {
  const file = await write_login('old.json', login({ expiresAt: Date.now() - 1000 }));
  let open;
  const gate = new Promise((resolve) => { open = resolve; });
  endpoint.seen = [];
  endpoint.reply = async () => {
    await gate;
    return [200, { token_type: 'Bearer', access_token: `${ACCESS}-new`, refresh_token: `${REFRESH}-new`, expires_in: 28800, scope: 'user:inference' }];
  };
  const p = await start({ token_file: file });
  const sessions = Array.from({ length: 5 }, session_id);
  const answers = sessions.map((s) => post(p, bare(s)));
  const left = await Conn.open(p.port); /* one that does not wait for it */
  await left.request('POST', '/v1/messages', { headers: bare(session_id()), body: ask_body('hi') });
  await until(() => endpoint.seen.length === 1, 'the endpoint to be asked');
  await until(async () => (await p.api('/livez')).in_flight === 6, 'six to wait');
  left.destroy();
  open();
  for (const a of answers) assert.equal((await a).status, 200);
  for (const s of sessions) assert.equal(up.seen(s)[0].header('authorization'), `Bearer ${ACCESS}-new`);
  assert.equal(endpoint.seen.length, 1, 'one renewal for all');
  assert.deepEqual(endpoint.seen[0].json, { grant_type: 'refresh_token', refresh_token: REFRESH, client_id: '9d1c250a-e61b-44d9-88ed-5944d1962f5e' });
  const kept = JSON.parse(await fs.readFile(file, 'utf8'));
  assert.equal(kept.claudeAiOauth.accessToken, `${ACCESS}-new`);
  assert.equal(kept.claudeAiOauth.refreshToken, `${REFRESH}-new`);
  assert.ok(Math.abs(kept.claudeAiOauth.expiresAt - Date.now() - 28800_000) < 60_000);
  assert.equal(kept.claudeAiOauth.subscriptionType, 'max');
  assert.deepEqual(kept.mcpOAuth, login().mcpOAuth);
  assert.equal((await fs.stat(file)).mode & 0o777, 0o600);
  assert.deepEqual((await fs.readdir(dir)).filter((n) => n.startsWith('old.json')), ['old.json'], 'nothing is left beside it');
  await assert_silent(p, ACCESS, REFRESH);
});

test('what ends in less than five minutes is renewed without anybody waiting; a link to the file stays one', async () => {
  const real = await write_login('real.json', login({ expiresAt: Date.now() + 60_000 }));
  const link = file_of('link.json');
  await fs.symlink(real, link);
  endpoint.seen = [];
  endpoint.reply = () => [200, { access_token: `${ACCESS}-early`, expires_in: 3600 }];
  const p = await start({ token_file: link });
  await until(async () => JSON.parse(await fs.readFile(real, 'utf8')).claudeAiOauth.accessToken === `${ACCESS}-early`, 'the renewal');
  assert.equal(JSON.parse(await fs.readFile(real, 'utf8')).claudeAiOauth.refreshToken, REFRESH, 'the old one stays good where no new one came');
  assert.ok((await fs.lstat(link)).isSymbolicLink());
  const session = session_id();
  await post(p, bare(session));
  assert.equal(up.seen(session)[0].header('authorization'), `Bearer ${ACCESS}-early`);
});

test('what is refused is not asked for again and again: the old token goes along, until the file changes', async () => {
  const file = await write_login('dead.json', login({ expiresAt: Date.now() - 1000 }));
  endpoint.seen = [];
  endpoint.reply = () => [400, { error: 'invalid_grant', error_description: `${REFRESH} is unknown` }];
  const p = await start({ token_file: file });
  await until(() => /could not be renewed.*status 400/.test(p.log), 'the refusal');
  for (let i = 0; i < 3; i++) {
    const session = session_id();
    assert.equal((await post(p, bare(session))).status, 200);
    assert.equal(up.seen(session)[0].header('authorization'), `Bearer ${ACCESS}`);
  }
  assert.equal(endpoint.seen.length, 1);
  await write_login('dead.json', login({ accessToken: `${ACCESS}-3` }));
  await until(async () => {
    const again = session_id();
    await post(p, bare(again));
    return up.seen(again)[0].header('authorization') === `Bearer ${ACCESS}-3`;
  }, 'the new login');
  await assert_silent(p, ACCESS, REFRESH);
});

test('the endpoint is verified before it is told anything', { skip: has_openssl() ? false : 'no openssl' }, async () => {
  const ca_file = make_authority(dir);
  const secure = await Endpoint.start(make_certificate(dir, 'endpoint', 'IP:127.0.0.1'));
  secure.reply = () => [200, { access_token: `${ACCESS}-tls`, expires_in: 3600 }];
  const begin = async (name, anthropic) => {
    const oauth = { enabled: true, endpoint: secure.url, token_file: await write_login(name, login({ expiresAt: Date.now() - 1000 })) };
    return start({}, { more: { providers: { anthropic: { base_url: up.url, oauth, ...anthropic } }, routing: {} } });
  };
  const wary = await begin('unverified.json', {});
  await until(() => /could not be renewed.*TLS: /.test(wary.log), 'the refusal');
  assert.equal(secure.seen.length, 0);
  const p = await begin('verified.json', { ca_file });
  const session = session_id();
  assert.equal((await post(p, bare(session))).status, 200);
  assert.equal(up.seen(session)[0].header('authorization'), `Bearer ${ACCESS}-tls`);
  await secure.stop();
});

test('an endpoint that says too much is as good as none', async () => {
  endpoint.reply = () => [200, { access_token: ACCESS, more: 'x'.repeat(70_000) }];
  const p = await start({ token_file: await write_login('long.json', login({ expiresAt: Date.now() - 1000 })) });
  await until(() => /could not be renewed.*too long/.test(p.log), 'the refusal');
});

test('an endpoint that says nothing does not hold up the end', async () => {
  endpoint.seen = [];
  endpoint.reply = () => new Promise(() => {});
  const p = await start({ token_file: await write_login('slow.json', login({ expiresAt: Date.now() - 1000 })) });
  await until(() => endpoint.seen.length === 1, 'the endpoint to be asked');
  const since = performance.now();
  assert.deepEqual(await p.stop(), { code: 0, signal: null });
  assert.ok(performance.now() - since < 4000, `${performance.now() - since} ms`);
});

test('a file that is no login: requests go without, and why is said once', async () => {
  const p = await start({ token_file: await write_login('odd.json', '{"claudeAiOauth":{"accessToken":"a b"}}') });
  const session = session_id();
  assert.equal((await post(p, bare(session))).status, 200);
  assert.equal(up.seen(session)[0].header('authorization'), undefined);
  assert.equal((await p.api('/api/setup')).oauth.state, 'none');
  assert.equal(p.log.match(/no Claude token/g).length, 1);
});

test('switched on and off without a restart', async () => {
  const config = (enabled) => ({ providers: { anthropic: { base_url: up.url, oauth: { enabled } } } });
  const p = await Proxy.start({ config: config(false), env: { CLAUDE_CODE_OAUTH_TOKEN: ACCESS } });
  all.push(p);
  for (const enabled of [true, false, true]) {
    await p.reload(config(enabled));
    const session = session_id();
    await post(p, bare(session));
    assert.equal(up.seen(session)[0].header('authorization'), enabled ? `Bearer ${ACCESS}` : undefined);
  }
});

test('where it could be read on the way, or there is none, the start is refused', async () => {
  const anthropic = (more, oauth = {}) => ({ providers: { anthropic: { ...more, oauth: { enabled: true, ...oauth } } } });
  const env = { CLAUDE_CODE_OAUTH_TOKEN: ACCESS };
  for (const [config, environment, message] of [
    [anthropic({}), {}, /oauth\.enabled: there is no token/],
    [anthropic({ base_url: 'http://far.example', allow_plaintext: true }), env, /oauth\.enabled: your token would cross the network readable/],
    [anthropic({}, { endpoint: 'http://far.example/token' }), env, /oauth\.endpoint: must be https/],
  ]) await assert.rejects(Proxy.start({ config, env: environment }), message);
});

/*
 * matrix_paths.test.mjs: with routed models, where a request may be sent to, with which credentials,
 * and what is said at addresses that are not there.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { Conn, ask } from '../lib/client.mjs';
import { LANGUAGES, Provider, matrix_proxy } from '../lib/matrix.mjs';
import { ask_body, error_body, session_id, text_stream } from '../lib/messages.mjs';
import { Upstream } from '../lib/upstream.mjs';

let up, provider, proxy;
before(async () => {
  up = await Upstream.start();
  provider = await Provider.start();
  proxy = await matrix_proxy(provider.url, { up });
  for (const { name } of LANGUAGES) provider.on(`${name}-1`, (x, s) => x.events(s.events([{ text: 'fine' }])));
});
after(async () => {
  Conn.destroy_all();
  assert.deepEqual(await proxy.stop(), { code: 0, signal: null });
  await provider.stop();
  await up.stop();
});

const post = (target, headers, body) => ask(proxy.port, 'POST', target, { headers: [['content-type', 'application/json'], ...headers], body });

/*
 * covers: R71
 * The proxy has no keys of its own to check: a client's is Anthropic's. For a routed model none is
 * needed, and none goes along; where Anthropic is asked it says itself that a key is wrong.
 */
test('no key, either kind, a wrong one: a routed request needs none and hands none on', async () => {
  for (const { name } of LANGUAGES)
    for (const key of [[], [['x-api-key', 'sk-ant-secret-1']], [['authorization', 'Bearer sk-ant-secret-2']], [['x-api-key', ''], ['authorization', 'Basic x']]]) {
      const got = await post('/v1/messages', key, ask_body('hi', { model: `${name}-1` }));
      assert.equal(got.status, 200);
      assert.match(got.text, /message_stop/);
      const { x } = provider.asked(`${name}-1`).at(-1);
      assert.doesNotMatch(JSON.stringify(x.headers), /sk-ant|Basic/);
      assert.ok(x.header('authorization') === `Bearer sk-${name}-1` || x.header('x-goog-api-key') === `sk-${name}-1`);
      const count = await post('/v1/messages/count_tokens', key, JSON.stringify({ model: `${name}-1`, messages: [{ role: 'user', content: 'hi' }] }));
      assert.deepEqual([count.status, count.json.input_tokens > 0], [200, true]);
    }
  const session = session_id();
  up.on(session, async (x) => { await x.received(); await x.json(401, error_body('authentication_error', 'invalid x-api-key')); });
  const refused = await post('/v1/messages', [['x-api-key', 'wrong'], ['x-claude-code-session-id', session]], ask_body('hi'));
  assert.deepEqual([refused.status, refused.json], [401, error_body('authentication_error', 'invalid x-api-key')]);
  assert.equal(up.seen(session)[0].header('x-api-key'), 'wrong');
});

/* covers: R72 */
test('a query, and a slash behind the path', async () => {
  for (const { name } of LANGUAGES)
    for (const target of ['/v1/messages?beta=true', '/v1/messages/', '/v1/messages/?beta=true', '/v1/chat/completions/'])
      assert.equal((await post(target, [], ask_body('hi', { model: `${name}-1` }))).status, 200, target);
  assert.equal(up.ledger.filter((x) => x.path.startsWith('/v1/messages') && !x.session).length, 0);
  const count = await post('/v1/messages/count_tokens/?beta=true', [], JSON.stringify({ model: 'chat-1', messages: [{ role: 'user', content: 'hi' }] }));
  assert.equal(count.status, 200);
  const session = session_id();
  up.on(session, async (x) => { await x.received(); await x.events(text_stream('as it is')); });
  await post('/v1/messages/?beta=true', [['x-claude-code-session-id', session]], ask_body('hi'));
  assert.equal(up.seen(session)[0].target, '/v1/messages/?beta=true', 'Anthropic gets the path as it came');
});

/* covers: S93 */
test('an address that is not there', async () => {
  for (const target of ['/mcp', '/nope', '/v2/messages', '/favicon.ico', '/a/b/c?x=1']) {
    const got = await ask(proxy.port, 'GET', target, { headers: [['accept', 'application/json']] });
    assert.equal(got.status, 404, target);
    assert.deepEqual([got.json.type, got.json.error.type], ['error', 'not_found_error']);
    const head = await ask(proxy.port, 'HEAD', target);
    assert.deepEqual([head.status, head.body.length], [404, 0]);
  }
  assert.equal((await ask(proxy.port, 'HEAD', '/')).status, 200);
  const page = await ask(proxy.port, 'GET', '/requests/1', { headers: [['accept', 'text/html,*/*;q=0.8']] });
  assert.match(page.text, /<!doctype html>/);
});

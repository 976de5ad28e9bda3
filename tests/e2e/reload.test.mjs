/*
 * reload.test.mjs: the configuration read again in a running proxy: whole or not at all, and what
 * runs keeps what it started with.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

const WORKERS = 2;
let first, second, other, p;

/* `to`: where Anthropic is; `haiku`: the URL that its requests are routed to, if any. */
const config_of = (to, haiku, more = {}) => ({
  server: { workers: WORKERS },
  providers: {
    anthropic: { base_url: to.url },
    ...(haiku ? { local: { format: 'anthropic', base_url: haiku.url, api_key: 'sk-local-1' } } : {}),
  },
  ...(haiku ? { routing: { models: { '"*haiku*"': 'local:' } } } : {}),
  ...more,
});
const say = (text) => async (x) => {
  await x.received();
  await x.events(text_stream(text));
};
const post = (session, model = 'claude-haiku-4-5') =>
  ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body('hi', { model }) });
const said = (answer) => [...answer.text.matchAll(/"type":"text_delta","text":"([^"]*)"/g)].map((m) => m[1]).join('');

before(async () => {
  [first, second, other] = await Promise.all([1, 2, 3].map(() => Upstream.start()));
  first.fallback = say('from first');
  second.fallback = say('from second');
  other.fallback = say('from other');
  p = await Proxy.start({ config: config_of(first) });
});
after(async () => {
  Conn.destroy_all();
  assert.deepEqual(await p.stop(), { code: 0, signal: null });
  await Promise.all([first.stop(), second.stop(), other.stop()]);
});

test('SIGHUP: rules and providers of the file hold for the next request, and only what changed is named', async () => {
  assert.equal(said(await post(session_id())), 'from first');
  const [line] = await p.reload(config_of(first, other));
  assert.match(line, /changed="routing\.models providers\.local"/);
  assert.match(line, /file=\S*test\.yaml/);
  assert.equal(said(await post(session_id())), 'from other');
  assert.equal(said(await post(session_id(), 'claude-opus-5')), 'from first');
  assert.equal(other.ledger.at(-1).header('x-api-key'), 'sk-local-1');
  assert.match((await p.reload())[0], /changed=nothing/);
});

test('a changed file is noticed without a signal, written in place or put in its place', async () => {
  for (const [to, in_place] of [[second, false], [first, true]]) {
    await p.logged(/configuration reloaded.*changed="providers\.anthropic\.base_url routing.models providers\.local"|configuration reloaded.*changed=providers\.anthropic\.base_url/,
      () => p.write_config(config_of(to), { in_place }));
    assert.equal(said(await post(session_id(), 'claude-opus-5')), to === first ? 'from first' : 'from second');
  }
});

test('a wrong file changes nothing, is told with its place, and is told to the dashboard until it is mended', async () => {
  await p.reload(config_of(first, other));
  for (const [text, wanted] of [
    ['routing:\n  models:\n   - oops: [\n', /configuration not reloaded.*test\.yaml:\d+:\d+: /],
    ['server:\n  prot: 1\n', /configuration not reloaded.*test\.yaml:2:\d+: unknown key \\?"server\.prot/],
    [`providers: {anthropic: {base_url: "${second.url}"}}\nrouting: {models: {x: "nowhere:y"}}\n`, /configuration not reloaded.*test\.yaml:2:\d+: routing\.models\S*: no provider is known for nowhere:y/],
  ]) {
    await p.reload(text, wanted);
    const { reload_error: error } = await p.api('/api/setup');
    assert.match(error, /test\.yaml:\d/);
    assert.equal(said(await post(session_id())), 'from other');
    assert.equal(said(await post(session_id(), 'claude-opus-5')), 'from first', 'nothing of a wrong file is taken');
  }
  await p.reload(config_of(first, other));
  assert.equal((await p.api('/api/setup')).reload_error, null);
});

test('a file that is gone changes nothing; when it is back, it holds', async () => {
  const { rename } = await import('node:fs/promises');
  await p.reload(config_of(first, other));
  await p.logged(/configuration not reloaded.*test\.yaml: No such file/, async () => {
    await rename(`${p.dir}/test.yaml`, `${p.dir}/away.yaml`);
    p.child.kill('SIGHUP');
  });
  assert.equal(said(await post(session_id())), 'from other');
  await p.logged(/configuration reloaded/, () => p.write_config(config_of(second)));
  assert.equal(said(await post(session_id())), 'from second');
});

test('what needs a restart is named, and does not hold', async () => {
  await p.reload({ ...config_of(first), server: { workers: WORKERS + 1, timeouts: { idle: '7s' } } },
    /changed, but needs a restart keys="server\.workers server\.timeouts\.idle"/);
  const { config } = await p.api('/api/setup');
  const value = (name) => config.find((k) => k.name === name).value;
  assert.equal(value('server.workers'), String(WORKERS));
  assert.equal(value('providers.anthropic.base_url'), first.url, 'what can change is shown as it is now');
  await p.reload(config_of(second));
  assert.equal((await p.api('/api/setup')).config.find((k) => k.name === 'providers.anthropic.base_url').value, second.url);
});

test('the level of the log changes too', async () => {
  await p.reload({ ...config_of(first), logging: { format: 'json' } });
  const [line] = await p.reload(config_of(first), /\{.*"msg":"configuration reloaded".*|.*configuration reloaded.*logging\.format.*/);
  assert.match(line, /logging\.format/);
});

test('a running stream keeps its route and its provider, while the next request has the new ones', async () => {
  const gates = [];
  const slow = (text) => async (x) => {
    await x.received();
    const events = text_stream(text);
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
    await x.piece(events.slice(0, 4).join(''));
    await new Promise((resolve) => { gates.push(resolve); });
    await x.piece(events.slice(4).join(''));
    await x.finish();
  };
  await p.reload(config_of(first, other));
  const [direct, routed] = [session_id(), session_id()];
  first.on(direct, slow('still from first'));
  other.fallback = slow('still from other');
  const begin = async (session, model) => {
    const c = await Conn.open(p.port);
    await c.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body('hi', { model }) });
    assert.equal((await c.head('POST')).status, 200);
    return c;
  };
  const a = await begin(direct, 'claude-opus-5');
  const b = await begin(routed, 'claude-haiku-4-5');
  await until(() => gates.length === 2, 'both streams');
  await p.reload(config_of(second));
  assert.equal(said(await post(session_id(), 'claude-opus-5')), 'from second');
  assert.equal(said(await post(session_id())), 'from second');
  for (const open of gates) open();
  assert.equal(said(await a.finish()), 'still from first');
  assert.equal(said(await b.finish()), 'still from other');
  assert.equal((await p.row(direct)).state, 'complete');
  assert.equal((await p.row(routed)).provider, 'local');
  other.fallback = say('from other');
});

test('connections to a provider that stays are kept; those to one that went are closed', async () => {
  await p.reload(config_of(first));
  const links = first.links.length;
  /* Two workers: each has a connection of its own, or none yet. */
  for (let i = 0; i < 8; i++) await post(session_id());
  const warm = first.links.length;
  assert.ok(warm - links <= WORKERS);
  for (let i = 0; i < 5; i++) {
    await p.reload({ ...config_of(first, other), logging: { level: i % 2 ? 'info' : 'warn' } }, i % 2 ? undefined : /$/);
    if (i % 2 === 0) await until(async () => (await p.api('/api/setup')).config.find((k) => k.name === 'logging.level').value === 'warn', 'the level');
    assert.equal(said(await post(session_id(), 'claude-opus-5')), 'from first');
  }
  assert.ok(first.links.length <= warm + WORKERS, 'no new connections for a provider that did not change');
  await p.reload({ ...config_of(second), logging: { level: 'info' } });
  await until(() => first.links.every((l) => l.is_over), 'the old provider\'s connections to be closed');
  await until(() => other.links.every((l) => l.is_over), 'the other\'s too');
});

test('a hundred times under load: every request is answered, and memory stays', async () => {
  let is_over = false;
  let count = 0;
  const texts = new Set();
  const client = async () => {
    while (!is_over) {
      const got = await post(session_id(), count % 2 ? 'claude-haiku-4-5' : 'claude-opus-5');
      assert.equal(got.status, 200);
      texts.add(said(got));
      count += 1;
    }
  };
  const clients = [client(), client(), client(), client()];
  const variants = [config_of(first, other), config_of(second), config_of(first), config_of(second, other)];
  const step = async (i) => {
    await p.write_config({ ...variants[i % 4] });
    const before_us = (await p.api('/api/setup')).loaded_at;
    p.child.kill('SIGHUP');
    await until(async () => (await p.api('/api/setup')).loaded_at !== before_us, 'a reload');
  };
  for (let i = 0; i < 20; i++) await step(i);
  const rss = p.rss();
  for (let i = 20; i < 100; i++) await step(i);
  is_over = true;
  await Promise.all(clients);
  assert.ok(count > 50, `${count} requests`);
  assert.deepEqual([...texts].sort(), ['from first', 'from other', 'from second']);
  if (!process.env.ASAN_OPTIONS && !process.env.TSAN_OPTIONS)
    assert.ok(p.rss() - rss < 24 << 20, `${p.rss() - rss} bytes more after 80 reloads`);
});

test('SIGHUP and SIGTERM at once: it ends in order', async () => {
  const q = await Proxy.start({ config: config_of(first) });
  q.child.kill('SIGHUP');
  q.child.kill('SIGTERM');
  q.child.kill('SIGHUP');
  assert.deepEqual(await q.stop({ signal: 'SIGHUP' }), { code: 0, signal: null }, q.log);
});

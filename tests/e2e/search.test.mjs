/*
 * search.test.mjs: what was said is found within seconds: whole and by part, by kind, tool, session
 * and time; once, though every turn sends it again; after a crash too.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import zlib from 'node:zlib';
import { ask } from '../lib/client.mjs';
import { block_events, headers_for, session_id, start_event, stream_events } from '../lib/messages.mjs';
import { with_proxy } from '../lib/suite.mjs';
import { until } from '../lib/wait.mjs';

const t = with_proxy();

async function indexed(proxy = t.proxy) {
  return until(async () => {
    const { search, recorder } = await proxy.api('/api/stats');
    return recorder.running === 0 && recorder.lag_bytes === 0 && search.waiting === 0 && search;
  }, 'everything to be indexed');
}

const find = (params, proxy = t.proxy) => proxy.api(`/api/search?${new URLSearchParams(params)}`);
const marked = (hit) => hit.highlights.map(([at, len]) => hit.snippet.slice(at, at + len));

/* Done when the answer is stored: what the indexer has not seen yet is no lag to it. */
async function send(session, body, respond, more = [], code = (text) => text) {
  const stored = async () => (await t.proxy.rows(`session=${session}`)).filter((r) => r.state === 'complete').length;
  const before = await stored();
  t.up.on(session, async (x) => {
    await x.received();
    await respond(x);
  });
  await ask(t.proxy.port, 'POST', '/v1/messages?beta=true', { headers: headers_for(session, more), body: code(JSON.stringify(body)) });
  await until(async () => (await stored()) > before, 'the answer to be stored');
}

const SYSTEM = [{ type: 'text', text: 'You are Claude Code. Remember the zanzibar rule.', cache_control: { type: 'ephemeral' } }];
const TOOLS = [{ name: 'Bash', description: 'Runs a quixotic command.', input_schema: { type: 'object', properties: { command: { type: 'string', description: 'The command' } } } }];

/* A conversation as Claude Code holds it: each turn sends all of it again, the cache mark moves. */
function turns() {
  const mark = (content) => content.map((b, i) => (i === content.length - 1 ? { ...b, cache_control: { type: 'ephemeral' } } : b));
  const first = [{ type: 'text', text: 'Please rename getUserName in /home/me/shop/user_store.ts 😀 ok?' }];
  const said = [
    { type: 'thinking', thinking: 'The obelisk must be checked.', signature: 'sig' },
    { type: 'text', text: 'I will look at it.' },
    { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'grep -n xylophone src/', description: 'Look for it' } },
  ];
  const result = [{ type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'src/a.ts:12: const marimba_count.value = 3;' }] }];
  const base = { model: 'claude-test-1', system: SYSTEM, tools: TOOLS, max_tokens: 100, stream: true };
  return [
    { body: { ...base, messages: [{ role: 'user', content: mark(first) }] }, answer: said },
    {
      body: { ...base, messages: [{ role: 'user', content: first }, { role: 'assistant', content: said }, { role: 'user', content: mark(result) }] },
      answer: [{ type: 'text', text: 'Finished: the ' + 'long '.repeat(100) + 'kaleidoscope turns.' }],
    },
    {
      body: {
        ...base,
        messages: [{ role: 'user', content: first }, { role: 'assistant', content: said }, { role: 'user', content: result },
          { role: 'assistant', content: 'Finished.' }, { role: 'user', content: mark([{ type: 'text', text: 'Thanks, gazebo.' }]) }],
      },
      answer: [{ type: 'text', text: 'You are welcome.' }],
    },
  ];
}

const stream_of = (blocks) => stream_events(start_event(), ...blocks.map((b, i) => block_events(i, b)));

test('a conversation of three turns: every text once, under the request that said it first', async () => {
  const session = session_id();
  const ids = [];
  for (const { body, answer } of turns()) {
    await send(session, body, (x) => x.respond(200, [['Content-Type', 'application/json']], JSON.stringify({ type: 'message', role: 'assistant', model: 'claude-test-1', content: answer, usage: {} })));
    const rows = await until(async () => {
      const all = await t.proxy.rows(`session=${session}`);
      return all.length === ids.length + 1 && all.every((r) => r.state === 'complete') && all;
    }, 'the row');
    ids.push(rows[0].id);
  }
  await indexed();
  const cases = [
    ['zanzibar', 'system', null, 0], ['quixotic', 'tool', 'Bash', 0], ['getUserName', 'user', null, 0],
    ['user name', 'user', null, 0], ['getusername', 'user', null, 0], ['/home/me/shop/user_store.ts', 'user', null, 0],
    ['user_store', 'user', null, 0], ['obelisk', 'thinking', null, 0], ['xylo*', 'tool_input', 'Bash', 0],
    ['marimba_count.value', 'tool_result', 'Bash', 1], ['"const marimba"', 'tool_result', 'Bash', 1],
    ['kaleidoscope', 'assistant', null, 1], ['gazebo', 'user', null, 2],
  ];
  for (const [q, kind, tool, turn] of cases) {
    const { results, sessions, next_cursor, complete } = await find({ q, session });
    assert.equal(results.length, 1, q);
    const [hit] = results;
    assert.deepEqual([hit.kind, hit.tool, hit.request_id, hit.session_id], [kind, tool, ids[turn], session], q);
    assert.ok(marked(hit).length >= 1, q);
    assert.deepEqual(sessions.map((s) => [s.session_id, s.results]), [[session, 1]]);
    assert.equal(next_cursor, null);
    assert.equal(complete, true);
  }
  const [hit] = (await find({ q: 'ok' })).results;
  assert.deepEqual(marked(hit), ['ok']);
  const [far] = (await find({ q: '"kaleidoscope turns"' })).results;
  assert.deepEqual(marked(far), ['kaleidoscope turns']);
  assert.ok(far.snippet.startsWith('…') && far.snippet.length < 400);
  for (const params of [{ q: 'xylophone', role: 'user' }, { q: 'xylophone', tool: 'Read' }, { q: 'xylophone -grep' },
    { q: 'xylophone', model: 'other' }, { q: 'xylophone', start: '2100-01-01' }, { q: 'xylophone', end: '2001-01-01' },
    { q: 'xylophone', session: session_id() }, { q: '"xylophone grep"' }, { q: 'nonesuch' }]) {
    assert.equal((await find(params)).results.length, 0, JSON.stringify(params));
  }
  for (const params of [{ q: 'xylophone', role: 'tool_input' }, { q: 'xylophone', tool: 'Bash' }, { q: 'nonesuch OR xylophone' },
    { q: 'xylophone', model: 'claude-test-1' }, { q: 'xylophone', end: '2100-01-01' }, { q: 'xylophone', agent: 'main' }]) {
    assert.equal((await find(params)).results.length, 1, JSON.stringify(params));
  }
});

test('a streamed and compressed answer is read as the client reads it', async () => {
  const session = session_id();
  const bytes = Buffer.from(JSON.stringify({ type: 'message', content: [{ type: 'text', text: 'the palimpsest' }] }));
  await send(session, { model: 'm', messages: [{ role: 'user', content: 'hi' }] },
    (x) => x.respond(200, [['Content-Type', 'application/json'], ['Content-Encoding', 'gzip']], zlib.gzipSync(bytes)));
  await indexed();
  assert.equal((await find({ q: 'palimpsest', session })).results[0].kind, 'assistant');
});

test('a compressed request is read as the provider reads it', async () => {
  const session = session_id();
  await send(session, { model: 'm', messages: [{ role: 'user', content: 'the antimacassar' }] },
    (x) => x.json(200, { type: 'message', content: [] }), [['Content-Encoding', 'gzip']], zlib.gzipSync);
  await indexed();
  assert.equal((await find({ q: 'antimacassar', session })).results[0].kind, 'user');
});

test('pages follow each other without a gap or a repetition, newest first', async () => {
  const session = session_id();
  const respond = (x) => x.respond(200, [['Content-Type', 'application/json']], '{"type":"message","content":[]}');
  const said = Array.from({ length: 5 }, (_, i) => `pergola number ${i}`);
  for (const content of said) await send(session, { model: 'm', messages: [{ role: 'user', content }] }, respond);
  await indexed();
  const found = [];
  let cursor;
  do {
    const page = await find({ q: 'pergola', limit: 2, ...(cursor ? { cursor } : {}) });
    found.push(...page.results.map((hit) => hit.snippet));
    cursor = page.next_cursor;
  } while (cursor);
  assert.deepEqual(found, said.toReversed());
});

test('what two sessions share is found in both; agents are told apart', async () => {
  const [a, b] = [session_id(), session_id()];
  const body = { model: 'm', system: 'the ubiquitous preamble', messages: [{ role: 'user', content: 'hello' }] };
  const respond = (x) => x.respond(200, [['Content-Type', 'application/json']], '{"type":"message","content":[]}');
  await send(a, body, respond);
  await send(b, body, respond, [['x-claude-code-agent-id', 'agent-9']]);
  await indexed();
  assert.equal((await find({ q: 'ubiquitous' })).results.length, 1);
  for (const session of [a, b]) {
    const { results } = await find({ q: 'ubiquitous', session });
    assert.deepEqual(results.map((r) => r.session_id), [session]);
  }
  assert.deepEqual((await find({ q: 'ubiquitous', agent: 'agent-9' })).results.map((r) => r.agent_id), ['agent-9']);
});

test('the index goes on where it was after a kill, and is made again when it is gone', async () => {
  const { Proxy } = await import('../lib/proxy.mjs');
  const fs = await import('node:fs/promises');
  const session = session_id();
  await send(session, { model: 'm', messages: [{ role: 'user', content: 'the carillon rings' }] },
    (x) => x.respond(200, [['Content-Type', 'application/json']], '{"type":"message","content":[]}'));
  await t.proxy.row(session);
  const before = await indexed();
  const dir = t.proxy.dir;
  await t.proxy.kill();
  t.proxy = await t.proxy.restart();
  assert.equal((await indexed()).texts, before.texts);
  assert.equal((await find({ q: 'carillon' })).results.length, 1);
  const exit = await Proxy.prototype.stop.call(Object.assign(t.proxy, { is_dir_ours: false }));
  assert.deepEqual(exit, { code: 0, signal: null });
  await fs.rm(`${t.proxy.data_dir}/requests.db.search`, { recursive: true });
  t.proxy = await t.proxy.restart();
  assert.equal((await indexed()).texts, before.texts);
  assert.equal((await find({ q: 'carillon' })).results.length, 1);
  t.proxy.is_dir_ours = true;
  assert.ok(dir);
});

/* A request that is sent again as it was, and those that go on from it, bring nothing new when they come. */
test('what a deleted request said is found in those that sent it again, also by an index that is made anew', async () => {
  const fs = await import('node:fs/promises');
  const session = session_id();
  const body = { model: 'm', system: 'the persimmon rules', messages: [{ role: 'user', content: 'the tamarind question' }] };
  const more = { ...body, messages: [...body.messages, { role: 'assistant', content: 'the medlar answer' }, { role: 'user', content: 'the loquat' }] };
  const message = (text) => (x) => x.json(200, { type: 'message', content: [{ type: 'text', text }] });
  const overloaded = (x) => x.json(529, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } });
  const words = ['persimmon', 'tamarind', 'medlar', 'loquat'];
  const where = async () => (await Promise.all(words.map((q) => find({ q })))).map(({ results }) => results.map((hit) => hit.request_id));
  const newest = async () => (await t.proxy.rows(`session=${session}`))[0].id;
  const remove = async (query) => (await fetch(`${t.proxy.url}/api/requests?${query}`, { method: 'DELETE', headers: { 'X-Confirm-Delete': 'matching' } })).json();
  t.up.on(session, async (x) => { await x.received(); await overloaded(x); });
  await ask(t.proxy.port, 'POST', '/v1/messages', { headers: headers_for(session), body: JSON.stringify(body) });
  const failed = await until(async () => (await t.proxy.rows(`session=${session}`)).find((r) => r.state === 'upstream_error')?.id, 'the failed one');
  await send(session, body, message('the medlar answer'));
  const second = await newest();
  await send(session, more, message('done'));
  const third = await newest();
  await indexed();
  assert.deepEqual(await where(), [[failed], [failed], [second], [third]]);
  assert.equal((await remove(`session=${session}&state=upstream_error`)).deleted, 1);
  await until(async () => (await where()).every((ids) => ids.length), 'all to be found again');
  assert.deepEqual(await where(), [[second], [second], [second], [third]]);
  await t.proxy.stop.call(Object.assign(t.proxy, { is_dir_ours: false }));
  await fs.rm(`${t.proxy.data_dir}/requests.db.search`, { recursive: true });
  t.proxy = Object.assign(await t.proxy.restart(), { is_dir_ours: true });
  await indexed();
  assert.deepEqual(await where(), [[second], [second], [second], [third]]);
});

test('any question has an answer', async () => {
  const parts = ['a', '"', '*', '-', ' OR ', '(', ')', ':', '^', '{', '}', 'NEAR(', "'", '\\', '%', 'é', '日', '\u{1F600}', ' NOT ', 'AND', ';--', '\t'];
  let seed = 7;
  const next = (n) => { seed = (seed * 1103515245 + 12345) % 2147483648; return Math.floor(seed / 65536) % n; };
  for (let i = 0; i < 300; i += 1) {
    const q = Array.from({ length: 1 + next(10) }, () => parts[next(parts.length)]).join('');
    const res = await t.proxy.get(`/api/search?q=${encodeURIComponent(q)}`);
    /* Whether there is a word in it, or not, is all that matters. */
    if (res.status !== 200) assert.deepEqual([res.status, JSON.parse(res.body).error.field], [400, 'q'], q);
    else assert.match(q, /[aéNAO日]/u);
  }
  assert.equal((await t.proxy.get('/api/search')).status, 400);
  assert.equal((await t.proxy.get('/api/search?q=a&state=complete')).status, 400);
  assert.equal((await t.proxy.get('/api/search?q=a&role=nobody')).status, 400);
});

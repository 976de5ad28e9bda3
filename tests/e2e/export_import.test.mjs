/*
 * export_import.test.mjs: what is recorded leaves as a file and comes back, with and without a proxy.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import zlib from 'node:zlib';
import { randomBytes } from 'node:crypto';
import { Command, run_command } from '../lib/cli.mjs';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, error_body, headers_for, session_id, stream_events, text_stream } from '../lib/messages.mjs';
import { Provider, matrix_proxy } from '../lib/matrix.mjs';
import { BINARY, Proxy, temp_dir } from '../lib/proxy.mjs';
import { only_a_file, store_env_of } from '../lib/storing.mjs';
import { same_bytes } from '../lib/suite.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { random, until } from '../lib/wait.mjs';

const t = {};
let dir;
let rows;
const at = (name) => path.join(dir, name);
before(async () => {
  dir = await temp_dir('ccp-port');
  t.up = await Upstream.start();
  t.provider = await Provider.start();
  t.proxy = await matrix_proxy(t.provider.url, { up: t.up, models: { 'routed-*': 'chat:chat-1' }, config: {} });
  rows = await record_all_kinds();
});
after(async () => {
  Conn.destroy_all();
  try {
    assert.deepEqual(await t.proxy?.stop(), { code: 0, signal: null });
  } finally {
    await t.provider?.stop();
    await t.up?.stop();
    await fs.rm(dir, { recursive: true, force: true });
  }
});

const run = (...args) => run_command(args, { cwd: dir });
const ok = async (...args) => {
  const c = await run(...args);
  assert.equal(c.code, 0, `${args.join(' ')}: ${c.code}\n${c.err}${c.out}`);
  return c;
};
const ours = (...args) => [...args, '--data-dir', t.proxy.data_dir];

let sequence = 0;
async function turn(script, { body = ask_body(`turn ${sequence += 1}`), headers = [], session = session_id(), method = 'POST', target = '/v1/messages' } = {}) {
  t.up.on(session, async (x) => {
    await x.received();
    await script(x);
  });
  await ask(t.proxy.port, method, target, { headers: headers_for(session, headers), body }).catch(() => {});
  return session;
}

/* Conversations that share what they send again, in every shape that is relayed. */
async function record_all_kinds() {
  const next = random(7);
  const shared = 'A system prompt that every turn sends again. '.repeat(200);
  const chat = session_id();
  const messages = [];
  for (let i = 0; i < 8; i += 1) {
    messages.push({ role: 'user', content: `question ${i}: ${'x'.repeat(Math.floor(next.below(3000)))}` });
    const body = JSON.stringify({ model: 'claude-test-1', max_tokens: 100, stream: true, system: shared, messages });
    await turn((x) => x.events(text_stream(`answer ${i}`)), { body, session: chat });
    messages.push({ role: 'assistant', content: `answer ${i}` });
  }
  await turn((x) => x.json(200, { id: 'm', type: 'message', role: 'assistant', model: 'claude-other', content: [], usage: { input_tokens: 7, output_tokens: 3 } }),
    { body: ask_body('json', { stream: false, model: 'claude-other' }) });
  await turn((x) => x.json(429, error_body('rate_limit_error', 'slow down'), [['retry-after', '7']]));
  await turn((x) => x.respond(200, [['Content-Type', 'text/event-stream'], ['Content-Encoding', 'gzip']],
    zlib.gzipSync(stream_events([{ type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'ls' } }]).join(''))));
  await turn((x) => x.respond(200, [['Content-Type', 'application/octet-stream']], randomBytes(70000)), { body: randomBytes(50000) });
  await turn((x) => x.respond(200, [], ''), { body: '' });
  await turn(async (x) => {
    await x.head(200, [['Content-Type', 'text/event-stream'], ['Transfer-Encoding', 'chunked']]);
    await x.piece(text_stream('cut')[0]);
    x.rst();
  });
  await turn((x) => x.rst());
  await turn((x) => x.events(stream_events([{ type: 'text', text: 'in many small pieces' }]).join('').match(/[\s\S]{1,9}/g)),
    { headers: [['x-claude-code-agent-id', 'agent-1'], ['Authorization', 'Bearer sk-ant-secret-canary-1234567890']] });
  t.provider.on('chat-1', (x, s) => x.events(s.events([{ text: 'translated' }])));
  await turn(() => {}, { body: ask_body('routed', { model: 'routed-1', top_k: 40 }) });
  return until(async () => {
    const rows = await t.proxy.rows();
    return rows.every((r) => r.state !== 'running') && rows.length >= 17 && rows;
  }, 'all rows');
}

test('what was routed is among it', () => {
  const routed = rows.find((r) => r.provider === 'chat');
  assert.equal(routed.response_model, 'chat-1');
  assert.ok(routed.flags.includes('translated') && routed.losses.some((l) => l.path === 'top_k'));
});

/* What the dashboard shows of a request, but for where it was taken in. */
const shown = (r) => ({ ...r, node: undefined });

test('compact: exported, imported elsewhere, exported again: the same bytes; rows, bodies and times as recorded', async () => {
  await ok('export', '--output', at('first.ccpx'), ...ours());
  await ok('import', at('first.ccpx'), '--data-dir', at('second/data'));
  await ok('export', '-o', at('second.ccpx'), '--data-dir', at('second/data'));
  same_bytes(await fs.readFile(at('second.ccpx')), await fs.readFile(at('first.ccpx')), 'the second export');
  const p = await Proxy.start({ dir: at('second'), upstream: t.up, keep: true });
  try {
    const again = await p.rows();
    assert.deepEqual(again.map(shown), rows.map(shown));
    for (const r of rows) {
      for (const side of ['request', 'response'])
        same_bytes(await p.body(r.id, side), await t.proxy.body(r.id, side), `${side} of ${r.id}`);
      assert.deepEqual(await p.timeline(r.id), await t.proxy.timeline(r.id), r.id);
      const [there, here] = [await p.api(`/api/requests/${r.id}`), await t.proxy.api(`/api/requests/${r.id}`)];
      assert.deepEqual({ ...there, node: here.node }, here); // whose store it is in now, says the node
    }
    assert.deepEqual((await p.api('/api/sessions')).sessions, (await t.proxy.api('/api/sessions')).sessions);
    assert.deepEqual((await p.api('/api/stats')).total, (await t.proxy.api('/api/stats')).total);
    for (const [name, bytes] of await p.remains())
      assert.ok(!bytes.includes('sk-ant-secret-canary'), `a secret in ${name}`);
  } finally {
    await p.stop();
  }
});

test('a second import of the same file brings nothing', async () => {
  await ok('export', '-o', at('twice.ccpx'), ...ours());
  const first = await ok('import', at('twice.ccpx'), '--data-dir', at('twice'));
  assert.match(first.out.toString(), new RegExp(`: ${rows.length} imported, 0 were there already\n$`));
  const second = await ok('import', at('twice.ccpx'), '--data-dir', at('twice'));
  assert.match(second.out.toString(), new RegExp(`: 0 imported, ${rows.length} were there already\n$`));
  const both = await ok('import', at('twice.ccpx'), at('twice.ccpx'), '--data-dir', at('thrice'));
  assert.match(both.out.toString(), new RegExp(`: ${rows.length} imported, 0 .*\n.*: 0 imported, ${rows.length} were`));
  const there = await ok('import', at('twice.ccpx'), ...ours());
  assert.match(there.out.toString(), /: 0 imported/, 'into the store it comes from');
});

test('into a running proxy: all is there when the command ends, and watchers hear of it', async () => {
  await ok('export', '-o', at('live.ccpx'), ...ours());
  const p = await Proxy.start({ upstream: t.up });
  try {
    const conn = await Conn.open(p.port);
    await conn.request('GET', '/api/stream', { headers: [['Accept', 'text/event-stream']] });
    await until(() => conn.rest.includes('200 OK'), 'the live stream');
    const c = await ok('import', at('live.ccpx'), '--data-dir', p.data_dir);
    assert.match(c.out.toString(), new RegExp(`: ${rows.length} imported`));
    assert.deepEqual((await p.rows()).map(shown), rows.map(shown));
    await until(() => conn.rest.toString().split('event: request.ended').length > rows.length, 'an event for each');
    conn.destroy();
    assert.doesNotMatch(p.log, /forward failed/, 'what failed long ago is no news');
    await ok('export', '-o', at('live2.ccpx'), '--data-dir', p.data_dir);
    same_bytes(await fs.readFile(at('live2.ccpx')), await fs.readFile(at('live.ccpx')), 'exported beside the proxy');
    const stats = await p.api('/api/stats');
    assert.equal(stats.recorder.lag_bytes, 0);
    assert.deepEqual(stats.losses.filter((l) => l.since_start), [], 'nothing was lost on the way');
  } finally {
    await p.stop();
  }
});

for (const format of ['jsonl', 'json', 'har']) {
  test(`${format}: out and in again keeps what was said, when, and what it used`, async () => {
    const file = at(`out.${format}`);
    await ok('export', '-o', file, ...ours());
    await ok('import', file, '--data-dir', at(`from-${format}`));
    await ok('export', '-o', at(`again.${format}.jsonl`), '--data-dir', at(`from-${format}`));
    const again = (await fs.readFile(at(`again.${format}.jsonl`), 'utf8')).trim().split('\n').map((l) => JSON.parse(l));
    assert.equal(again.length, rows.length);
    for (const a of again) {
      const r = rows.find((x) => x.id === a.id);
      for (const key of ['started_at', 'model', 'response_model', 'session_id', 'agent_id', 'usage', 'status', 'state', 'title', 'stop_reason'])
        if (format !== 'har' || key !== 'response_model' || !r.losses) /* HAR has no place for what was translated */
          assert.deepEqual(a[key], r[key], `${key} of ${a.id}`);
      if (format !== 'har') assert.deepEqual([a.losses, a.class, a.flags.includes('translated')], [r.losses, r.class, r.flags.includes('translated')]);
    }
  });
}

test('formats: by name, by the file\'s ending, JSONL otherwise; standard output too', async () => {
  const lines = (await ok('export', ...ours())).out.toString().trim().split('\n');
  assert.equal(lines.length, rows.length);
  assert.deepEqual(lines.map((l) => JSON.parse(l).id), rows.map((r) => r.id).reverse(), 'oldest first');
  const csv = (await ok('export', '--format', 'csv', '-o', '-', ...ours())).out.toString().trim().split('\r\n');
  assert.match(csv[0], /^id,started_at,/);
  assert.equal(csv.length, rows.length + 1);
  await ok('export', '-o', at('x.md'), ...ours());
  assert.match(await fs.readFile(at('x.md'), 'utf8'), /^# /);
  assert.equal((await fs.stat(at('x.md'))).mode & 0o777, 0o600);
  const api = await t.proxy.get('/api/export?format=jsonl');
  same_bytes((await ok('export', ...ours())).out, api.body, 'the same as from the API');
});

test('CSV: what a row of the list says, but for its lists, stands in columns of these names', async () => {
  const elsewhere = ['query', 'bodies', 'shadow', 'agent_name']; /* the last is agent_type */
  const [head, ...lines] = (await ok('export', '--format', 'csv', ...ours())).out.toString().trim().split('\r\n');
  const cells = (line) => [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain);
  const names = head.split(',');
  for (const [i, row] of rows.toReversed().entries()) {
    const found = Object.fromEntries(cells(lines[i]).map((cell, at) => [names[at], cell]));
    for (const [name, value] of Object.entries({ ...row, ...row.usage })) {
      if ((value !== null && typeof value === 'object') || elsewhere.includes(name)) continue;
      if (value === null && ['error', 'losses', 'tried'].includes(name)) continue;
      assert.equal(found[name], value === null ? '' : /_ms$/.test(name) ? value.toFixed(1) : String(value), `${name} of ${row.id}`);
    }
  }
});

test('every filter of the list', async () => {
  const some = rows.find((r) => r.agent_id === 'agent-1');
  const filters = [['model', 'claude-other'], ['provider', 'anthropic'], ['session', some.session_id], ['agent', 'agent-1'], ['agent', 'main'],
    ['status', '429'], ['status', '4xx'], ['state', 'upstream_reset'], ['q', 'question'], ['tool', 'Bash'], ['start', rows[3].started_at], ['end', rows[3].started_at]];
  for (const [name, value] of filters) {
    const want = (await t.proxy.rows(`${name}=${encodeURIComponent(value)}`)).map((r) => r.id).reverse();
    const got = (await ok('export', `--${name}`, value, ...ours())).out.toString().trim().split('\n').filter(Boolean).map((l) => JSON.parse(l).id);
    assert.deepEqual(got, want, name);
    assert.ok(want.length > 0, `${name} finds something`);
  }
});

test('wrong words: exit 64', async () => {
  for (const args of [['export', '--format', 'xml'], ['export', '--status', 'abc'], ['export', '--state', 'gone'], ['export', '--start', 'yesterday'],
    ['export', '--nope', '1'], ['export', 'extra'], ['export', '-x', '1'], ['export', '-o'], ['import'], ['import', '--format', 'x', 'f'],
    ['export', '--start', '2026-01-02T00:00:00Z', '--end', '2026-01-01T00:00:00Z']]) {
    const c = await run(...args);
    assert.equal(c.code, 64, `${args.join(' ')}: ${c.code} ${c.err}`);
    assert.match(c.err, /Usage: /);
    assert.equal(c.out.length, 0);
  }
});

test('files that are not there, or no folder to write to, or nothing recorded', async () => {
  const missing = await run('import', at('missing.jsonl'), at('also-missing'), '--data-dir', at('none'));
  assert.equal(missing.code, 66);
  assert.match(missing.err, /missing\.jsonl: No such file/);
  assert.match(missing.err, /also-missing: No such file/);
  const folder = await run('import', dir, '--data-dir', at('none'));
  assert.equal(folder.code, 66);
  const nothing = await run('export', '--data-dir', at('none'));
  assert.equal(nothing.code, 66);
  assert.match(nothing.err, /nothing has been recorded/);
  await assert.rejects(fs.stat(at('none')), 'and no folder was made');
  const nowhere = await run('export', '-o', at('no/such/folder/x.jsonl'), ...ours());
  assert.equal(nowhere.code, 73);
  const full = await run('export', '-o', '/dev/full', ...ours());
  assert.equal(full.code, 74);
  assert.match(full.err, /No space left/);
});

/* The command under a limit of `blocks` (512 bytes, in dash and most others) for each file. */
function limited(blocks, args) {
  const found = spawnSync('sh', ['-c', 'ulimit -f "$0"; exec "$@"', String(blocks), BINARY, ...args], { cwd: dir, encoding: 'utf8', env: { PATH: process.env.PATH, HOME: dir, ...store_env_of(args) } });
  return { code: found.status, signal: found.signal, err: found.stderr, out: found.stdout };
}

test('a disk that is full: the commands say so, and nothing is half done', async () => {
  const out = limited(64, ['export', '-o', at('limit.jsonl'), ...ours()]);
  assert.equal(out.code, 74, JSON.stringify(out));
  assert.match(out.err, /limit\.jsonl: File too large/);
  await assert.rejects(fs.stat(at('limit.jsonl')));
  await assert.rejects(fs.stat(at('limit.jsonl.part')));
  await ok('export', '-o', at('fits.ccpx'), ...ours());
  const into = limited(64, ['import', at('fits.ccpx'), '--data-dir', at('limited')]);
  assert.ok([73, 74].includes(into.code), JSON.stringify(into));
  const again = await ok('import', at('fits.ccpx'), '--data-dir', at('limited'));
  const got = (await ok('export', '--data-dir', at('limited'))).out.toString().trim().split('\n').map((l) => JSON.parse(l).id);
  assert.deepEqual(got, rows.map((r) => r.id).reverse(), again.out.toString());
});

test('an export that fails leaves an older file as it was', async () => {
  await fs.writeFile(at('kept.jsonl'), 'old');
  await fs.mkdir(at('kept.jsonl.part'));
  const c = await run('export', '-o', at('kept.jsonl'), ...ours());
  assert.equal(c.code, 73);
  assert.equal(await fs.readFile(at('kept.jsonl'), 'utf8'), 'old');
});

test('damaged files: what is whole comes in, the rest is named by file and line', async () => {
  await ok('export', '-o', at('good.jsonl'), ...ours());
  const lines = (await fs.readFile(at('good.jsonl'), 'utf8')).trim().split('\n');
  await fs.writeFile(at('bad.jsonl'), [lines[0], '{"half": ', lines[1], '{"other": 1}', '', lines[2].replace('"state":"', '"state":"x')].join('\n'));
  const c = await run('import', at('bad.jsonl'), '--data-dir', at('bad'));
  assert.equal(c.code, 65);
  assert.match(c.out.toString(), /bad\.jsonl: 2 imported, 0 were there already, 3 could not be read/);
  assert.match(c.err, /bad\.jsonl:2: is not JSON/);
  assert.match(c.err, /bad\.jsonl:4: is none of the kinds/);
  assert.match(c.err, /bad\.jsonl:6: has no id or no state/);

  await ok('export', '-o', at('good.ccpx'), ...ours());
  const whole = await fs.readFile(at('good.ccpx'));
  await fs.writeFile(at('cut.ccpx'), whole.subarray(0, whole.length - 40));
  const cut = await run('import', at('cut.ccpx'), '--data-dir', at('cut'));
  assert.equal(cut.code, 65);
  assert.match(cut.err, /cut\.ccpx: .*too early/);
  const flipped = Buffer.from(whole);
  flipped[whole.length >> 1] ^= 0x10;
  await fs.writeFile(at('flipped.ccpx'), flipped);
  const damaged = await run('import', at('flipped.ccpx'), '--data-dir', at('flipped'));
  assert.equal(damaged.code, 65);

  await fs.writeFile(at('any.txt'), 'hello');
  const any = await run('import', at('any.txt'), '--data-dir', at('any'));
  assert.equal(any.code, 65);
  assert.match(any.err, /any\.txt: it is none of the kinds/);
  await fs.writeFile(at('empty'), '');
  assert.match((await run('import', at('empty'), '--data-dir', at('any'))).err, /it is empty/);
});

test('standard input', async () => {
  await ok('export', '-o', at('in.ccpx'), ...ours());
  const c = await run_command(['import', '-', '--data-dir', at('stdin')], { cwd: dir, input: await fs.readFile(at('in.ccpx')) });
  assert.equal(c.code, 0, c.err);
  assert.match(c.out.toString(), new RegExp(`-: ${rows.length} imported`));
});

test('one import at a time; the second is told of the first', async () => {
  await ok('export', '-o', at('one.ccpx'), ...ours());
  const whole = await fs.readFile(at('one.ccpx'));
  const held = await hold_stdin(['import', '-', '--data-dir', at('both')], whole.subarray(0, 1000));
  const second = await run('import', at('one.ccpx'), '--data-dir', at('both'));
  assert.equal(second.code, 75);
  assert.match(second.err, new RegExp(`another import .* process ${held.child.pid}\\b`));
  held.child.stdin.end(whole.subarray(1000));
  const c = await held.end();
  assert.equal(c.code, 0, c.err);
  assert.match(c.out.toString(), new RegExp(`${rows.length} imported`));
});

/* A command whose input has not ended, once it has its lock. */
async function hold_stdin(args, bytes) {
  const c = Command.start(args, { cwd: dir, input: null });
  c.child.stdin.write(bytes);
  const data = args[args.indexOf('--data-dir') + 1];
  await until(async () => (await fs.readFile(path.join(data, 'import.lock'), 'utf8')).trim() === String(c.child.pid), 'its lock');
  return c;
}

test('the proxy dies while it takes an import in: the import goes on by itself', async () => {
  const p = await Proxy.start({ upstream: t.up, keep: true });
  try {
    p.child.kill('SIGSTOP');
    await ok('export', '-o', at('die.ccpx'), ...ours());
    const c = Command.start(['import', at('die.ccpx'), '--data-dir', p.data_dir], { cwd: dir });
    const incoming = path.join(p.data_dir, 'journal/incoming');
    await until(async () => (await fs.readdir(incoming)).length > 0, 'a segment for the stopped proxy');
    p.child.kill('SIGKILL');
    await c.end();
    assert.equal(c.code, 0, c.err);
    const left = (await fs.readdir(path.join(p.data_dir, 'journal'))).filter((n) => n.endsWith('.seg'));
    assert.deepEqual(left, []);
    const again = await p.restart();
    assert.deepEqual((await again.rows()).map(shown), rows.map(shown));
    await again.stop();
  } finally {
    await fs.rm(p.dir, { recursive: true, force: true });
  }
});

test('an import that is killed leaves whole exchanges only, and the next one completes it', async () => {
  await ok('export', '-o', at('kill.jsonl'), ...ours());
  const whole = await fs.readFile(at('kill.jsonl'));
  const held = await hold_stdin(['import', '-', '--data-dir', at('killed')], whole.subarray(0, whole.length >> 1));
  held.child.kill('SIGKILL');
  await held.end();
  await ok('import', at('kill.jsonl'), '--data-dir', at('killed'));
  const got = (await ok('export', '--data-dir', at('killed'))).out.toString().trim().split('\n').map((l) => JSON.parse(l).id);
  assert.deepEqual(got, rows.map((r) => r.id).reverse());
});

test('what a crashed proxy had in its journal is exported too', async () => {
  const p = await Proxy.start({ upstream: t.up, keep: true });
  try {
    const session = session_id();
    t.up.on(session, async (x) => { await x.received(); });
    const conn = await Conn.open(p.port);
    await conn.request('POST', '/v1/messages', { headers: headers_for(session), body: ask_body('unanswered') });
    await until(async () => (await p.rows()).length === 1, 'a running row');
    await p.kill();
    const c = await ok('export', '--data-dir', p.data_dir);
    const row = JSON.parse(c.out);
    assert.equal(row.state, 'proxy_crash');
    assert.match(row.request_body, /unanswered/);
  } finally {
    await fs.rm(p.dir, { recursive: true, force: true });
  }
});

test('a damaged database is left where it is, and the export says so', { skip: only_a_file }, async () => {
  await ok('export', '-o', at('whole.ccpx'), ...ours());
  await ok('import', at('whole.ccpx'), '--data-dir', at('damaged'));
  const db = at('damaged/requests.db');
  const file = await fs.open(db, 'r+');
  await file.write(Buffer.alloc(4096, 0xaa), 0, 4096, 0);
  await file.close();
  const c = await run('export', '--data-dir', at('damaged'));
  assert.equal(c.code, 65, c.err);
  assert.match(c.err, /damaged/);
  assert.deepEqual((await fs.readdir(at('damaged'))).filter((n) => n.includes('corrupt')), []);
  assert.ok((await fs.readFile(db)).subarray(0, 4096).every((b) => b === 0xaa));
});

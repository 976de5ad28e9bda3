/*
 * export_postgres.test.mjs: export and import where the store is a PostgreSQL, with a proxy beside
 * them and without one. Skipped where PostgreSQL is not installed.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { run_command } from '../lib/cli.mjs';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { same_bytes } from '../lib/suite.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

const SCRIPT = fileURLToPath(new URL('../lib/postgres.sh', import.meta.url));
const TURNS = 5;
let dir, up, url, why_not;
const at = (name) => path.join(dir, name);

before(async () => {
  dir = await temp_dir('ccp-pg');
  await fs.chmod(dir, 0o755); // the server runs as somebody else
  const started = spawnSync('sh', [SCRIPT, 'start', at('server')], { encoding: 'utf8' });
  if (started.status === 77) why_not = started.stderr.trim();
  else assert.equal(started.status, 0, started.stderr);
  url = started.stdout.trim();
  up = await Upstream.start();
});
after(async () => {
  Conn.destroy_all();
  await up?.stop();
  if (!why_not) spawnSync('sh', [SCRIPT, 'stop', at('server')]);
  await fs.rm(dir, { recursive: true, force: true });
});

const on_postgres = () => ({ DB_TYPE: 'postgres', DATABASE_URL: url });
const run = async (args, env) => {
  const c = await run_command(args, { cwd: dir, env });
  assert.equal(c.code, 0, `${args.join(' ')}: ${c.code}\n${c.err}`);
  return c;
};

/* A file with a few exchanges, recorded in SQLite. */
async function make_file() {
  const p = await Proxy.start({ upstream: up });
  for (let i = 0; i < TURNS; i += 1) {
    const session = session_id();
    up.on(session, async (x) => {
      await x.received();
      await x.events(text_stream(`answer ${i}`));
    });
    await ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body(`turn ${i}`) });
    await p.row(session);
  }
  await run(['export', '-o', at('first.ccpx'), '--data-dir', p.data_dir]);
  await p.stop();
}

test('a file from SQLite goes into PostgreSQL and comes out the same, without a proxy and beside one', async (t) => {
  if (why_not) {
    t.skip(why_not);
    return;
  }
  await make_file();
  const first = await fs.readFile(at('first.ccpx'));
  const ours = ['--data-dir', at('data')];
  const c = await run(['import', at('first.ccpx'), ...ours], on_postgres());
  assert.match(c.out.toString(), new RegExp(`${TURNS} imported, 0 were`));
  await run(['export', '-o', at('second.ccpx'), ...ours], on_postgres());
  same_bytes(await fs.readFile(at('second.ccpx')), first, 'out of PostgreSQL');
  const p = await Proxy.start({ upstream: up, dir, env: on_postgres() });
  try {
    await until(async () => (await p.rows()).length === TURNS, 'the imported rows');
    await run(['export', '-o', at('third.ccpx'), ...ours], on_postgres());
    same_bytes(await fs.readFile(at('third.ccpx')), first, 'beside a proxy');
    const again = await run(['import', at('first.ccpx'), ...ours], on_postgres());
    assert.match(again.out.toString(), new RegExp(`0 imported, ${TURNS} were`));
    await fs.writeFile(at('trace.jsonl'), `${JSON.stringify({
      request: { timestamp: 1750000000, method: 'POST', url: 'https://api.anthropic.com/v1/messages', headers: {}, body: { model: 'from-a-trace' } },
      response: { timestamp: 1750000001, status_code: 200, headers: {}, body: {} }, logged_at: '2025-06-15T15:06:43.500Z',
    })}\n`);
    await run(['import', at('trace.jsonl'), ...ours], on_postgres());
    const [row] = await p.rows('model=from-a-trace');
    assert.equal(row.started_at, '2025-06-15T15:06:40.000Z');
  } finally {
    await p.stop();
  }
});

test('the database is away: the command says so, and nothing is lost', async (t) => {
  if (why_not) {
    t.skip(why_not);
    return;
  }
  const c = await run_command(['export', '--data-dir', at('data')],
    { cwd: dir, env: { DB_TYPE: 'postgres', DATABASE_URL: 'postgresql:///postgres?host=/nowhere&user=tester' } });
  assert.equal(c.code, 75, c.err);
  assert.match(c.err, /database/);
});

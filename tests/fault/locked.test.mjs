/*
 * locked.test.mjs: another program holds the database: BEGIN EXCLUSIVE for 5 s (long: 60 s) while
 * requests go on. They cost no more than before, the journal waits, and nothing is missing after.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Conn } from '../lib/client.mjs';
import { CALM_KINDS, Load } from '../lib/load.mjs';
import { Proxy } from '../lib/proxy.mjs';
import { assert_clients_served, assert_no_losses, losses, reconcile } from '../lib/reconcile.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { random, until } from '../lib/wait.mjs';

const HELD_MS = process.env.TEST_LENGTH === 'long' ? 60000 : 5000;
const SLACK_MS = 500; // of a machine that does other things
const A_SECOND = 50; // requests
const SEED = Number(process.env.SEED ?? 20261123);

let up;
let proxy;
before(async () => {
  up = await Upstream.start();
  up.is_raw_kept = false;
  proxy = await Proxy.start({ upstream: up });
});
after(async () => {
  Conn.destroy_all();
  await proxy.stop();
  await up.stop();
});

/* Requests at an even pace, whatever each takes. Gives the lines, with `ms` each. */
async function paced(load, ms) {
  const ours = [];
  const from = performance.now();
  for (let i = 0; performance.now() - from < ms; i += 1) {
    const line = load.line();
    const began = performance.now();
    ours.push(load.ask(proxy, line).then(() => {
      line.ms = performance.now() - began;
      return line;
    }));
    await delay(Math.max(0, from + (i + 1) * (1000 / A_SECOND) - performance.now()));
  }
  return Promise.all(ours);
}

const p99 = (lines) => lines.map((l) => l.ms).sort((a, b) => a - b)[Math.floor(lines.length * 0.99)];

test(`the database is locked for ${HELD_MS} ms`, { timeout: 120000 + 3 * HELD_MS }, async (t) => {
  const { DatabaseSync } = await import('node:sqlite');
  const load = new Load(up, random(SEED), CALM_KINDS);
  const usual = await paced(load, 2000);
  await reconcile({ proxy, up, lines: usual });
  const other = new DatabaseSync(path.join(proxy.data_dir, 'requests.db'));
  other.exec('PRAGMA busy_timeout = 5000; BEGIN EXCLUSIVE');
  let held;
  try {
    held = await paced(load, HELD_MS);
    assert_clients_served(up, held);
    assert.equal((await proxy.get('/api/requests')).status, 200, 'what is there can be read');
    await until(async () => (await losses(proxy)).store_commit > 0, 'a commit to have failed', 10000);
  } finally {
    other.exec('ROLLBACK');
    other.close();
  }
  const from = performance.now();
  await reconcile({ proxy, up, lines: [...usual, ...held] });
  t.diagnostic(`p99 ${p99(usual).toFixed(1)} ms, locked ${p99(held).toFixed(1)} ms; `
    + `${held.length} requests caught up with in ${Math.round(performance.now() - from)} ms`);
  /* Waiting for the database would cost seconds. How much less it is, the line above tells. */
  assert.ok(p99(held) < 1.1 * p99(usual) + SLACK_MS, `p99 ${p99(usual)} ms, while locked ${p99(held)} ms`);
  await assert_no_losses(proxy, ['store_commit']);
});

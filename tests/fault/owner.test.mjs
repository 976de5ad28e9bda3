/*
 * owner.test.mjs: a data directory, and a database, have one owner at a time; who comes second is
 * told by whom, leaves with 75, and has touched nothing.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Conn } from '../lib/client.mjs';
import { CALM_KINDS, Load } from '../lib/load.mjs';
import { BINARY, Proxy, temp_dir } from '../lib/proxy.mjs';
import { assert_no_losses, reconcile } from '../lib/reconcile.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { random } from '../lib/wait.mjs';

const TRY_LATER = 75;
let up;
before(async () => { up = await Upstream.start(); });
after(async () => {
  Conn.destroy_all();
  await up.stop();
});

/* Starts another one, which must not come up; gives { code, stderr }. */
/* Starts another one, which must not come up; gives { code, stderr }. */
const second = (data_dir, env = {}) => new Promise((resolve) => {
  execFile(BINARY, ['serve', '--port', '0', '--data-dir', data_dir],
    { env: { PATH: process.env.PATH, HOME: path.dirname(data_dir), ...env }, timeout: 10000 },
    (e, stdout, stderr) => resolve({ code: e?.code, stderr }));
});

test('the second on a data directory is refused, and the first goes on', async () => {
  const load = new Load(up, random(1), CALM_KINDS);
  let p = await Proxy.start({ upstream: up });
  try {
    const first = await load.run(p, 20);
    for (let i = 0; i < 5; i += 1) {
      const running = load.run(p, 20);
      const found = await second(p.data_dir);
      assert.equal(found.code, TRY_LATER, found.stderr);
      assert.match(found.stderr, new RegExp(`in use by process ${p.pid}\\b`));
      await running;
    }
    await reconcile({ proxy: p, up, lines: load.lines });
    await assert_no_losses(p);
    await p.kill();
    p = await p.restart();
    assert.equal((await second(p.data_dir)).code, TRY_LATER);
    await reconcile({ proxy: p, up, lines: load.lines });
    assert.ok(first.length);
  } finally {
    await p.stop();
  }
});

test('two data directories, one database: the second is refused', async () => {
  const dir = await temp_dir('owner');
  const env = { DB_PATH: path.join(dir, 'shared.db') };
  const p = await Proxy.start({ upstream: up, env });
  try {
    const found = await second(path.join(dir, 'data'), env);
    assert.equal(found.code, TRY_LATER, found.stderr);
    assert.match(found.stderr, /shared\.db is in use by process \d+/);
    assert.match(found.stderr, new RegExp(`process ${p.pid}\\b`), 'it names who has it');
  } finally {
    await p.stop();
    await fs.rm(dir, { recursive: true, force: true });
  }
});

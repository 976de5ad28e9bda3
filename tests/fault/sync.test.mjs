/*
 * sync.test.mjs: the nth fsync or write fails, of the journal and of the database, for n = 1, 2, 3 …
 * Nothing that failed is taken for kept: the books agree after a kill too.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Conn } from '../lib/client.mjs';
import { CALM_KINDS, Load } from '../lib/load.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { assert_clients_served, losses, reconcile } from '../lib/reconcile.mjs';
import { EIO, ENOSPC, Shim, shim_missing } from '../lib/shim.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { random, until } from '../lib/wait.mjs';

const NTH_MAX = process.env.TEST_LENGTH === 'long' ? 40 : 3;
const SEED = Number(process.env.SEED ?? 20261124);
const skip = shim_missing();

let up;
let dir;
let shim;
before(async () => {
  up = await Upstream.start();
  up.is_raw_kept = false;
  dir = await temp_dir('sync');
  if (!skip) shim = new Shim(dir);
});
after(async () => {
  Conn.destroy_all();
  await up.stop();
  shim?.close();
  await fs.rm(dir, { recursive: true, force: true });
});

/* What may fail, and what must be counted when it has. `loses`: some is missing then, and told.
 * `rotates`: what follows goes into a new segment, for the pages of this one may be lost and pass for clean. */
const CASES = [
  { name: 'fsync of the journal', kind: 'sync', match: '/journal', errno: EIO, loss: 'journal_sync', rotates: true },
  { name: 'fsync of the database', kind: 'sync', match: 'requests.db-wal', errno: EIO, most: 3 }, // most are a checkpoint's, which loses nothing; one for many requests
  { name: 'write to the database (EIO)', kind: 'write', match: 'requests.db-wal', errno: EIO, loss: 'store_commit' },
  { name: 'write to the database (ENOSPC)', kind: 'write', match: 'requests.db-wal', errno: ENOSPC, loss: 'store_commit' },
  { name: 'short write to the database', kind: 'write', match: 'requests.db-wal', errno: 0 }, // is gone on with
  { name: 'any write to anything of the database and the search', kind: 'write', match: 'requests.db', errno: EIO },
  { name: 'write to the journal (EIO)', kind: 'write', match: '/journal/', errno: EIO, loss: 'journal_write', loses: true },
  { name: 'short write to the journal', kind: 'write', match: '/journal/', errno: 0, loss: 'journal_write', loses: true },
];

const newest_segment = async (p) => (await fs.readdir(path.join(p.data_dir, 'journal'))).filter((n) => n.endsWith('.seg')).sort().at(-1);

for (const { name, kind, match, errno, loss, loses = false, rotates = false, most = NTH_MAX } of CASES) {
  test(`${name} fails`, { skip, timeout: 60000 + NTH_MAX * 10000 }, async (t) => {
    const load = new Load(up, random(SEED), CALM_KINDS);
    const options = { upstream: up, env: shim.env, dir: await temp_dir('sync'), config: { server: { workers: rotates ? 1 : 2 }, storage: { durability: 'sync', search: loss !== 'store_commit' } } };
    let p = await Proxy.start(options);
    let failed = 0;
    let counted = 0;
    try {
      assert.ok(shim.is_loaded, 'the binary can be lied to');
      for (let round = 1; round <= NTH_MAX; round += 1) {
        const from = 1 + ((round - 1) % most);
        if (round === 1) await load.run(p, 1);
        const segment = await newest_segment(p);
        shim.fail(kind, match, { from, errno });
        const lines = await load.run(p, 12, { width: 4 });
        await load.run(p, 4 + from, { width: 1 });
        assert_clients_served(up, lines);
        await until(() => shim.calls >= from || shim.failed, 'the call that fails', 2000).catch(() => {});
        failed += shim.failed;
        shim.stop_failing();
        if (rotates && round === 1) {
          await load.run(p, 1);
          assert.ok(await newest_segment(p) > segment, `after a failed sync a new segment follows ${segment}`);
        }
        counted += loss ? (await losses(p))[loss] : 0;
        if (round % 2) {
          await p.kill();
          p = await Proxy.start(options);
        }
        const fresh = load.lines.filter((l) => !l.is_forgotten);
        await reconcile({ proxy: p, up, lines: fresh, may_lose: loses, ms: loses ? 300 : 10000 });
        load.forget(fresh);
      }
      t.diagnostic(`${failed} calls failed`);
      /* Not each of them: checkpoints write and sync the same file, and lose nothing. */
      if (loss) assert.ok(counted > 0, `${loss} is counted`);
      assert.ok(failed >= NTH_MAX / 3, `only ${failed} calls failed`);
      await p.kill();
      p = await Proxy.start(options);
      await reconcile({ proxy: p, up, lines: load.lines, may_lose: loses, ms: loses ? 300 : 10000 });
    } finally {
      await p.stop();
      await fs.rm(options.dir, { recursive: true, force: true });
    }
  });
}

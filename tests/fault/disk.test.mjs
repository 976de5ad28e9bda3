/*
 * disk.test.mjs: a disk that is full, and then is not; files that may grow no further. Traffic goes
 * on, what is lost is counted, recording resumes by itself, and what was recorded stays.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Conn } from '../lib/client.mjs';
import { Load } from '../lib/load.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { assert_clients_served, assert_no_losses, losses, reconcile } from '../lib/reconcile.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { random, until } from '../lib/wait.mjs';

const COUNT = process.env.TEST_LENGTH === 'long' ? 1000 : 150;
const SEED = Number(process.env.SEED ?? 20261122);

let up;
before(async () => {
  up = await Upstream.start();
  up.is_raw_kept = false;
});
after(async () => {
  Conn.destroy_all();
  await up.stop();
});

const works = (command, ...args) => spawnSync(command, args).status === 0;

/* Disks of our own: why there can be none here, or false; and how to mount one of 16 MB. */
const DISKS = {
  tmpfs: {
    missing: () => !works('unshare', '-m', 'mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', '/mnt') && 'mounting is not permitted',
    mount: (at) => execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${COUNT > 150 ? 64 : 16}m,mode=700`, 'tmpfs', at]),
  },
  ext4: {
    missing: () => (!works('mkfs.ext4', '-V') && 'mkfs.ext4 is missing')
      || (!works('unshare', '-m', 'sh', '-c', 'f=$(mktemp) && truncate -s 1m $f && mkfs.ext4 -q $f && mount -o loop $f /mnt; r=$?; rm -f $f; exit $r')
        && 'loop devices cannot be mounted'),
    mount: (at) => {
      const image = `${at}.ext4`;
      execFileSync('truncate', ['-s', '24m', image]); /* of which it keeps some to itself */
      execFileSync('mkfs.ext4', ['-q', '-m', '0', image]);
      execFileSync('mount', ['-o', 'loop', image, at]);
    },
  },
};
const missing = (disk) => (process.platform !== 'linux' ? 'mounting is Linux' : disk.missing());

/* Takes what room there is, to the last byte. */
async function fill(file) {
  const f = await fs.open(file, 'w');
  try {
    for (let size = 1 << 20; size >= 1; size = Math.floor(size / 16)) {
      const bytes = Buffer.alloc(size);
      for (;;) {
        const { bytesWritten } = await f.write(bytes);
        if (bytesWritten < size) break;
      }
    }
  } catch (e) {
    if (e.code !== 'ENOSPC') throw e;
  } finally {
    await f.close();
  }
}

/* One more request is recorded: that it can be again. Gives how long that took. */
async function resumed(p, load, ms) {
  const from = performance.now();
  await until(async () => {
    const line = load.line({ kind: 'json' });
    await load.ask(p, line);
    return until(async () => (await p.rows(`session=${line.session}`)).length === 1, 'a row', 300);
  }, 'recording to resume', ms);
  return performance.now() - from;
}

/* `harm` and `heal` the disk under a load, and look at the books. */
async function full_and_freed(t, dir, { harm, heal }) {
  const load = new Load(up, random(SEED));
  let p = await Proxy.start({ upstream: up, dir });
  try {
    const first = await load.run(p, COUNT / 3);
    await reconcile({ proxy: p, up, lines: first });
    /* It happens in the middle of some requests, of one for certain. */
    const held = Promise.withResolvers();
    const line = load.line({ kind: 'stream', held: held.promise });
    const asked = load.ask(p, line);
    await until(() => line.answer?.reader?.size > 0, 'the one to have begun');
    const running = load.run(p, COUNT, { width: 20 });
    const seen = load.seen;
    await until(() => load.seen > seen + 20000, 'the load to be under way');
    await harm(p);
    const during = await running;
    held.resolve();
    during.push(await asked);
    assert_clients_served(up, during);
    assert.equal((await p.get('/health')).status, 200);
    const counted = await losses(p);
    assert.ok(counted.journal_write > 0, 'what could not be written is counted');
    assert.equal(p.log.match(/the journal cannot be written/g).length, 1, 'and said once a minute');
    await heal(p);
    const ms = await resumed(p, load, 5000);
    const then = await load.run(p, COUNT / 3);
    assert_clients_served(up, then);
    await reconcile({ proxy: p, up, lines: [...first, ...then] });
    const at_risk = load.lines.filter((l) => !first.includes(l) && !then.includes(l));
    const found = await reconcile({ proxy: p, up, lines: at_risk, may_lose: true, ms: 500 });
    t.diagnostic(`of ${at_risk.length} ${found.missing.length} missing, ${found.partial.length} in part; `
      + `${counted.journal_write} frames counted; recording again after ${Math.round(ms)} ms`);
    const all = await losses(p);
    assert.equal(all.journal_begin, found.missing.length, 'as many as are missing');
    assert.equal(all.body_truncated, found.partial.length, 'as many as are there in part');
    assert.equal(all.journal_orphan, 0);
    assert.ok(found.missing.length > 0);
    assert.ok(found.partial.length > 0);
    await p.kill();
    p = await Proxy.start({ upstream: up, dir });
    await reconcile({ proxy: p, up, lines: [...first, ...then] });
    const again = await reconcile({ proxy: p, up, lines: at_risk, may_lose: true, ms: 500 });
    assert.equal(again.missing.length, found.missing.length, 'nothing more is missing after a kill');
    await assert_no_losses(p);
  } finally {
    await p.stop();
  }
}

for (const [name, disk] of Object.entries(DISKS)) {
  test(`a full disk that is freed: ${name}`, { skip: missing(disk), timeout: 60000 + COUNT * 400 }, async (t) => {
    const dir = await temp_dir('disk');
    const data = path.join(dir, 'data');
    await fs.mkdir(data, { mode: 0o700 });
    disk.mount(data);
    try {
      await fs.chmod(data, 0o700);
      const filler = path.join(data, 'filler');
      await full_and_freed(t, dir, { harm: () => fill(filler), heal: () => fs.rm(filler) });
    } finally {
      execFileSync('umount', ['-l', data]);
      await fs.rm(dir, { recursive: true, force: true });
    }
  });
}

test('files that may grow no further, and then may (RLIMIT_FSIZE)', { timeout: 60000 + COUNT * 400, skip: spawnSync('prlimit', ['--version']).status !== 0 && 'prlimit is missing' }, async (t) => {
  const dir = await temp_dir('disk');
  const limit = (p, bytes) => execFileSync('prlimit', ['--pid', String(p.pid), `--fsize=${bytes}:`]);
  try {
    await full_and_freed(t, dir, { harm: (p) => limit(p, 0), heal: (p) => limit(p, 'unlimited') });
  } finally {
    await fs.rm(dir, { recursive: true, force: true });
  }
});

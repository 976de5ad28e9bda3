/*
 * database.test.mjs: a database that is damaged, cut, replaced or too new. The proxy starts or says in
 * one line why not; what was there stays on the disk, byte for byte; new requests are recorded, if
 * need be after the next start; and whatever could not be done is counted.
 * 24 flipped bytes; TEST_LENGTH=long: 200 each in the database and its log.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Conn } from '../lib/client.mjs';
import { CALM_KINDS, Load } from '../lib/load.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { assert_clients_served, losses, reconcile } from '../lib/reconcile.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { random, until } from '../lib/wait.mjs';

const FLIPS = process.env.TEST_LENGTH === 'long' ? 200 : 12;
const SEED = Number(process.env.SEED ?? 20261126);

let up;
let calm; // a data directory that was left in order
let killed; // one whose process was killed: with a -wal
const load = () => new Load(up, random(SEED), CALM_KINDS);

async function make_data(ends) {
  const p = await Proxy.start({ upstream: up, config: { storage: { search: false } }, keep: true });
  const lines = await load().run(p, 60);
  await reconcile({ proxy: p, up, lines });
  await ends(p);
  return { dir: p.dir, lines };
}

before(async () => {
  up = await Upstream.start();
  calm = await make_data((p) => p.stop());
  killed = await make_data((p) => p.kill());
});
after(async () => {
  Conn.destroy_all();
  for (const made of [calm, killed]) await fs.rm(made.dir, { recursive: true, force: true });
  await up.stop();
});

const db_of = (dir) => path.join(dir, 'data', 'requests.db');

/* A copy of it, damaged; `look` at what a proxy makes of it. */
async function with_damaged(made, damage, look) {
  const dir = await temp_dir('database');
  try {
    await fs.cp(made.dir, dir, { recursive: true });
    await damage(db_of(dir), dir);
    await look(dir, () => Proxy.start({ upstream: up, dir, config: { storage: { search: false } } }));
  } finally {
    await fs.rm(dir, { recursive: true, force: true });
  }
}

async function is_stored(p, lines, ms) {
  return until(async () => {
    for (const l of lines) if (!(await p.rows(`session=${l.session}`)).some((r) => r.state !== 'running')) return false;
    return true;
  }, 'rows', ms).catch(() => false);
}

/* One life on it: five requests more. Tells how that went: true, or what was counted or said. */
async function one_life(p, asked, owed, what) {
  const lines = await asked.run(p, 5, { width: 2 });
  owed.push(...lines);
  assert_clients_served(up, lines);
  assert.equal((await p.get('/health')).status, 200);
  const damaged = (list) => {
    if (list.status === 200) return false;
    assert.equal(JSON.parse(list.body).error.code, 'corrupt', `${what}: ${list.body}`);
    owed.splice(0); // some are in the file that will be set aside
    return true;
  };
  if (damaged(await p.get('/api/requests?limit=500'))) return 'the list is damaged';
  if (!(await is_stored(p, owed, 1500))) {
    const counts = await losses(p);
    assert.ok(counts.store_commit + counts.store_refused > 0, `${what}: not stored, and not counted: ${JSON.stringify(counts)}`);
    return 'commits fail';
  }
  /* What is there can be asked for; damage is told, not shown. */
  const list = await p.get('/api/requests?limit=30'); // the new rows may need what those before did not
  if (damaged(list)) return 'the list is damaged';
  for (const row of JSON.parse(list.body).requests) {
    const { status, body } = await p.get(`/api/requests/${row.id}/response/body`);
    if (status !== 200) assert.equal(JSON.parse(body).error.code, 'corrupt', what);
  }
  return true;
}

/* Starts on it. What is asked is answered and recorded: now, or when a later start has set the
 * damaged file aside. Gives the names of what was set aside. */
async function still_serves(dir, start, what) {
  const asked = load();
  const lives = [];
  const owed = [];
  while (lives.at(-1) !== true) {
    assert.ok(lives.length < 3, `${what}: ${lives.join(', ')}`);
    const p = await start();
    try {
      lives.push(await one_life(p, asked, owed, what));
      if (lives.length > 1) assert.equal((await losses(p)).store_set_aside, 1, `${what}: ${lives.join(', ')}`);
    } finally {
      await p.stop();
    }
  }
  return (await fs.readdir(path.join(dir, 'data'))).filter((f) => f.includes('.corrupt-'));
}

function flip_at(file, at, bit) {
  return fs.open(file, 'r+').then(async (f) => {
    const b = Buffer.alloc(1);
    await f.read(b, 0, 1, at);
    b[0] ^= bit;
    await f.write(b, 0, 1, at);
    await f.close();
  });
}

for (const [suffix, made] of [['', () => calm], ['-wal', () => killed]]) {
  test(`${FLIPS} flipped bytes in requests.db${suffix}`, { timeout: 60000 + FLIPS * 6000 }, async (t) => {
    const r = random(SEED);
    let set_aside = 0;
    const { size } = await fs.stat(`${db_of(made().dir)}${suffix}`);
    for (let i = 0; i < FLIPS; i += 1) {
      const at = i < 4 ? [18, 30, 100, 105][i] : r.below(size);
      const bit = 1 << r.below(8);
      await with_damaged(made(), (db) => flip_at(db + suffix, at, bit), async (dir, start) => {
        const damaged = await fs.readFile(db_of(dir) + suffix);
        const names = await still_serves(dir, start, `bit ${bit} of byte ${at}`).catch((e) => {
          /* A version that is newer is left alone, and said so. */
          if (!/exited at start/.test(e.message)) throw e;
          assert.match(e.message, /error ended error=\w+ detail=/, `byte ${at}`);
          return [];
        });
        set_aside += names.length > 0;
        const kept = names.find((n) => n.endsWith(suffix || names[0].slice(-1)) && (suffix || !/-(wal|shm)$/.test(n)));
        if (kept && !suffix) assert.ok((await fs.readFile(path.join(dir, 'data', kept))).length >= damaged.length, 'nothing of it is thrown away');
      });
    }
    t.diagnostic(`${set_aside} set aside`);
  });
}

const aside = (names) => names.find((n) => !/-(wal|shm)$/.test(n));

for (const [name, damage] of [
  ['text', (db) => fs.writeFile(db, 'this is no database\n'.repeat(500))],
  ['half of it', async (db) => fs.truncate(db, Math.floor((await fs.stat(db)).size / 2 / 4096) * 4096)],
  ['a part of a page', (db) => fs.truncate(db, 5000)],
  ['zeros', async (db) => fs.writeFile(db, Buffer.alloc((await fs.stat(db)).size))],
  ['its first page gone', async (db) => fs.writeFile(db, (await fs.readFile(db)).fill(0, 0, 4096))],
]) {
  test(`${name} instead of the database: set aside, not overwritten`, { timeout: 30000 }, () => with_damaged(calm, damage, async (dir, start) => {
    const damaged = await fs.readFile(db_of(dir));
    const names = await still_serves(dir, start, name);
    assert.ok(aside(names), 'it was set aside');
    assert.ok((await fs.readFile(path.join(dir, 'data', aside(names)))).equals(damaged), 'byte for byte');
  }));
}

test('an empty file is begun anew', () => with_damaged(calm, (db) => fs.truncate(db, 0), async (dir, start) => {
  assert.deepEqual(await still_serves(dir, start, 'empty'), []);
}));

for (const [name, damage, reason] of [
  ['a folder', (db) => fs.rm(db).then(() => fs.mkdir(db)), /not a regular file|is a directory/],
  ['a link to nowhere', (db) => fs.rm(db).then(() => fs.symlink('/nonexistent/x', db)), /No such file|not a regular file/],
  ['a newer schema', newer_schema, /newer/],
]) {
  test(`${name} instead of the database: left alone, with a reason`, () => with_damaged(calm, damage, async (dir, start) => {
    const before_start = await fs.readFile(db_of(dir)).catch((e) => e.code);
    const from = performance.now();
    await assert.rejects(start(), reason);
    assert.ok(performance.now() - from < 5000);
    assert.deepEqual(await fs.readFile(db_of(dir)).catch((e) => e.code), before_start);
    assert.ok(!(await fs.readdir(path.join(dir, 'data'))).some((f) => f.includes('.corrupt-')));
  }));
}

async function newer_schema(db) {
  const { DatabaseSync } = await import('node:sqlite');
  const d = new DatabaseSync(db);
  const { user_version } = d.prepare('PRAGMA user_version').get();
  d.exec(`PRAGMA user_version = ${user_version + 1}; PRAGMA wal_checkpoint(TRUNCATE)`);
  d.close();
}

/* What SQLite writes to a file without a name is gone when it is closed. */
for (const [what, act] of [
  ['deleted', async (db) => { for (const end of ['', '-wal', '-shm']) await fs.rm(db + end, { force: true }); }],
  ['replaced', async (db) => { await fs.copyFile(db, `${db}.new`); await fs.rename(`${db}.new`, db); }],
]) {
  test(`${what} while in use: told, and what came since is recorded after the next start`, { timeout: 120000 }, async () => {
    const dir = await temp_dir('database');
    let p = await Proxy.start({ upstream: up, dir, config: { storage: { search: false } } });
    try {
      const before_it = await load().run(p, 5);
      await reconcile({ proxy: p, up, lines: before_it });
      await act(db_of(dir));
      const since = await load().run(p, 10);
      assert_clients_served(up, since);
      await until(() => new RegExp(`loss=store_commit.*was ${what} while in use`).test(p.log), 'the log to say so');
      await p.stop();
      await fs.rm(`${db_of(dir)}-wal`, { force: true });
      await fs.rm(`${db_of(dir)}-shm`, { force: true });
      p = await Proxy.start({ upstream: up, dir, config: { storage: { search: false } } });
      await reconcile({ proxy: p, up, lines: since });
    } finally {
      await p.stop();
      await fs.rm(dir, { recursive: true, force: true });
    }
  });
}

/*
 * power.test.mjs: the power goes off at a random moment. What is left is made from what had been
 * synced (lib/shim.mjs), and by chance from some pages, names and removals that had not: the disk writes
 * in its own order. storage.durability says what must be there then; in no mode is anything broken.
 * TEST_LENGTH=long: 300 cuts in all. SEED repeats a run.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Conn } from '../lib/client.mjs';
import { Load } from '../lib/load.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { assert_no_losses, assert_verified, losses, reconcile } from '../lib/reconcile.mjs';
import { Shim, shim_missing } from '../lib/shim.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { random, until } from '../lib/wait.mjs';

const IS_LONG = process.env.TEST_LENGTH === 'long';
const SEED = Number(process.env.SEED ?? 20261128);
const PAGE = 4096;
/* A batch is due after 100 ms; the sync itself takes what it takes on a machine under test. */
const BATCH_MS = 1000;
const skip = shim_missing();

let up;
let tools;
let shim;
before(async () => {
  up = await Upstream.start();
  up.is_raw_kept = false;
  tools = await temp_dir('power');
  if (!skip) shim = new Shim(tools);
});
after(async () => {
  Conn.destroy_all();
  await up.stop();
  shim?.close();
  await fs.rm(tools, { recursive: true, force: true });
});

/* --- what is left on the disk --- */

const shadow_of = (shadow, file) => path.join(shadow, file.replaceAll('/', '%'));
const read = (file) => (existsSync(file) ? readFileSync(file) : null);

/* Some pages as synced, some as they were in memory; and either length. */
function mix(synced, newest, r) {
  if (!newest) return synced;
  if (!synced) return [Buffer.alloc(0), newest, Buffer.alloc(newest.length)][r.below(3)];
  const size = r.below(2) ? newest.length : synced.length;
  const out = Buffer.alloc(size);
  synced.copy(out, 0, 0, Math.min(size, synced.length));
  for (let at = 0; at < Math.min(size, newest.length); at += PAGE)
    if (r.below(2)) newest.copy(out, at, at, Math.min(at + PAGE, newest.length, size));
  return out;
}

/* Rebuilds `from` in `to`. */
function leave(from, to, shadow, r) {
  mkdirSync(to, { recursive: true, mode: 0o700 });
  const now = existsSync(from) ? readdirSync(from) : [];
  const names_file = `${shadow_of(shadow, from)}%`;
  const sure = new Set(existsSync(names_file) ? readFileSync(names_file, 'utf8').split('\n').filter((n) => n && n !== '.' && n !== '..') : []);
  for (const name of new Set([...now, ...sure])) {
    const file = path.join(from, name);
    const is_folder = existsSync(file) && statSync(file).isDirectory();
    if (is_folder) {
      leave(file, path.join(to, name), shadow, r);
      continue;
    }
    /* A name that no sync has seen may not be there yet; one that was removed may be there still. */
    const is_certain = sure.has(name) && now.includes(name);
    if (!is_certain && r.below(2)) continue;
    const bytes = mix(read(shadow_of(shadow, file)), read(file), r);
    if (bytes) writeFileSync(path.join(to, name), bytes, { mode: 0o600 });
  }
}

/* --- cuts --- */

/* One life and its end; gives what happened to the lines that had to survive. */
async function cut(durability, r, is_due) {
  const load = new Load(up, r);
  const shadow = await temp_dir('shadow');
  const options = { upstream: up, dir: await temp_dir('power'), config: { storage: { durability } } };
  const left = await temp_dir('left');
  let p = null;
  try {
    shim.set_shadow(shadow);
    p = await Proxy.start({ ...options, env: shim.env });
    const running = load.run(p, 1e9, { width: 6, pause_ms: 30, is_over: () => p.exit !== null || p.child.killed });
    const from = performance.now();
    const limit = 1000 + r.below(60000);
    const at_least_ms = durability === 'batch' ? BATCH_MS + 500 : 0;
    await until(() => load.seen > limit && performance.now() - from > at_least_ms, 'the load to be under way', 20000);
    const finished = load.lines.filter((l) => l.answer?.is_clean && is_due(l));
    await assert_no_losses(p);
    await p.kill();
    await running;
    leave(p.data_dir, path.join(left, 'data'), shadow, r);
    p = await Proxy.start({ ...options, dir: left });
    assert.equal((await losses(p)).store_set_aside, 0, 'the database is whole');
    await reconcile({ proxy: p, up, lines: finished, may_be_killed: true });
    const others = load.lines.filter((l) => !finished.includes(l));
    const { missing } = await reconcile({ proxy: p, up, lines: others, may_be_killed: true, may_lose: true, ms: 100 });
    await assert_verified(p);
    return { finished: finished.length, others: others.length, missing: missing.length };
  } catch (e) {
    e.message += `\n${p?.log.slice(-2000)}`;
    throw e;
  } finally {
    await p?.stop().catch(() => {});
    for (const dir of [shadow, options.dir, left]) await fs.rm(dir, { recursive: true, force: true });
  }
}

const PROMISES = {
  sync: { cuts: IS_LONG ? 150 : 8, name: 'what a client saw finished is there', is_due: () => true },
  batch: { cuts: IS_LONG ? 50 : 2, name: 'what was finished a moment ago is there', is_due: (l) => performance.now() - l.done_at > BATCH_MS },
  process: { cuts: IS_LONG ? 100 : 4, name: 'nothing is broken', is_due: () => false },
};

for (const [durability, { cuts, name, is_due }] of Object.entries(PROMISES)) {
  test(`${durability}: ${name}, ${cuts} cuts`, { skip, timeout: 60000 + cuts * 20000 }, async (t) => {
    const r = random(SEED);
    const total = { finished: 0, others: 0, missing: 0 };
    for (let i = 0; i < cuts; i += 1) {
      const found = await cut(durability, r, is_due);
      for (const key of Object.keys(total)) total[key] += found[key];
    }
    t.diagnostic(`SEED=${SEED}: ${JSON.stringify(total)}`);
    if (durability !== 'process') assert.ok(total.finished > cuts, 'something had to survive');
  });
}

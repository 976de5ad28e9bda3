/*
 * journal.test.mjs: a small journal, cut at every byte and with every byte flipped, is played back.
 * Damage costs the exchange that it hit, and no other; each is counted; nothing comes twice.
 *
 * Many damaged copies lie in one folder, each with exchanges of its own, so that one start reads
 * hundreds. Every 7th byte; TEST_LENGTH=long: every one.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { assert_no_losses, losses } from '../lib/reconcile.mjs';
import { HEAD_BYTES, segment_copy, segment_name, segment_read, uuid_text } from '../lib/segment.mjs';
import { is_prefix, same_bytes } from '../lib/suite.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { random, until } from '../lib/wait.mjs';

const STEP = process.env.TEST_LENGTH === 'long' ? 1 : 7;
const AT_ONCE = 300; // copies in one folder
const SEED = Number(process.env.SEED ?? 20261125);

let up;
let made; // { bytes, frames }, and `bodies` by exchange
before(async () => {
  up = await Upstream.start();
  made = await make_journal();
});
after(async () => {
  Conn.destroy_all();
  await up.stop();
});

/* Three exchanges that a locked database keeps in the journal, and a kill. */
async function make_journal() {
  const { DatabaseSync } = await import('node:sqlite');
  const p = await Proxy.start({ upstream: up, config: { server: { workers: 1 } } });
  const other = new DatabaseSync(path.join(p.data_dir, 'requests.db'));
  other.exec('PRAGMA busy_timeout = 10000; BEGIN EXCLUSIVE');
  for (let i = 0; i < 3; i += 1) {
    const session = session_id();
    up.on(session, async (x) => {
      await x.received();
      const events = text_stream(`answer ${i}`);
      await x.events([events.slice(0, 3).join(''), events.slice(3).join('')]);
    });
    await ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body(`question ${i}`) });
  }
  await p.kill();
  other.close();
  const dir = path.join(p.data_dir, 'journal');
  const files = (await fs.readdir(dir)).filter((f) => f.endsWith('.seg'));
  assert.equal(files.length, 1);
  const segment = segment_read(path.join(dir, files[0]));
  await fs.rm(p.dir, { recursive: true, force: true });
  const ids = [...new Set(segment.frames.map((f) => f.id))];
  const bodies = new Map(ids.map((id, i) => [id, { request: up.ledger[i].body, response: up.ledger[i].sent_body }]));
  return { ...segment, ids, bodies };
}

/* Ids of its own for copy number `n`. */
const ids_of = (n) => new Map(made.ids.map((id, i) => [id, `${id.slice(0, 20)}${(n * 4 + i).toString(16).padStart(12, '0')}`]));

/* What is to be found of an exchange whose frames are not all there. */
function expected(id, is_lost) {
  const frames = made.frames.filter((f) => f.id === id);
  if (is_lost(frames[0])) return 'none';
  const lost = frames.filter(is_lost);
  if (!lost.length) return 'whole';
  return lost.includes(frames.at(-1)) ? 'unfinished' : 'partial';
}

const row_is = {
  none: (row) => row === undefined,
  whole: (row) => row?.state === 'complete' && !row.flags.includes('body_truncated'),
  unfinished: (row) => row?.state === 'proxy_crash',
  /* By its ending, or because what is missing shows: an answer that breaks off in the middle. */
  partial: (row) => row?.flags.includes('body_truncated') === true,
};

async function check_bodies(p, row, id, how, what) {
  for (const side of ['request', 'response']) {
    const stored = await p.body(row.id, side);
    if (how === 'whole') same_bytes(stored, made.bodies.get(id)[side], `${side}: ${what}`);
    if (how === 'unfinished') is_prefix(stored, made.bodies.get(id)[side], `${side}: ${what}`);
  }
}

/* `cases`: { name, bytes(copy) damaged, is_lost(frame) }. Returns the counters. */
async function play_back(cases) {
  const dir = await temp_dir('journal');
  const journal = path.join(dir, 'data', 'journal');
  await fs.mkdir(journal, { recursive: true, mode: 0o700 });
  for (const [n, c] of cases.entries())
    await fs.writeFile(path.join(journal, segment_name(n + 1)), c.damage(segment_copy(made, n + 1, ids_of(n))), { mode: 0o600 });
  const p = await Proxy.start({ upstream: up, dir });
  try {
    await until(async () => {
      const { recorder } = await p.api('/api/stats');
      return recorder.lag_bytes === 0 && recorder.running === 0;
    }, 'the journal to be read', 60000);
    const rows = await p.rows();
    const by_id = new Map(rows.map((r) => [r.id, r]));
    assert.equal(by_id.size, rows.length, 'no row twice');
    for (const [n, c] of cases.entries()) {
      for (const [id, own] of ids_of(n)) {
        const row = by_id.get(uuid_text(own));
        const how = expected(id, c.is_lost);
        const what = `${c.name}: exchange ${made.ids.indexOf(id)} should be ${how}, is ${row?.state} ${row?.flags}`;
        assert.ok(row_is[how](row), what);
        if (row && (how !== 'whole' || n % 10 === 0)) await check_bodies(p, row, id, how, what);
      }
    }
    return await losses(p);
  } finally {
    await p.stop();
    await fs.rm(dir, { recursive: true, force: true });
  }
}

async function in_parts(cases, check) {
  for (let i = 0; i < cases.length; i += AT_ONCE) {
    const part = cases.slice(i, i + AT_ONCE);
    check(await play_back(part), part);
  }
}

const places = (from, to) => Array.from({ length: Math.ceil((to - from) / STEP) }, (_, i) => from + i * STEP);

test('the journal as it is', async () => {
  const counts = await play_back([{ name: 'nothing', damage: (b) => b, is_lost: () => false }]);
  assert.deepEqual(Object.values(counts).filter((n) => n), []);
});

test('cut at a byte', { timeout: 600000 }, async (t) => {
  const cases = places(0, made.bytes.length).map((at) => ({
    at, name: `cut at ${at}`, damage: (b) => b.subarray(0, at), is_lost: (f) => f.end > at,
  }));
  t.diagnostic(`${cases.length} cuts`);
  await in_parts(cases, (counts, part) => {
    const torn = part.filter((c) => made.frames.some((f) => c.at > f.start && c.at < f.end)).length;
    assert.ok(counts.journal_torn + counts.journal_damage >= torn, `each is counted: ${JSON.stringify(counts)}`);
  });
});

test('a flipped byte', { timeout: 600000 }, async (t) => {
  const r = random(SEED);
  const end = made.frames.at(-1).end;
  const cases = places(0, end).map((at) => {
    const bit = 1 << r.below(8);
    return {
      at, name: `bit ${bit} of byte ${at}`, is_lost: (f) => at >= f.start && at < f.end,
      damage: (b) => {
        b[at] ^= bit;
        return b;
      },
    };
  });
  t.diagnostic(`${cases.length} flips`);
  await in_parts(cases, (counts, part) => {
    assert.ok(counts.journal_damage + counts.journal_torn >= part.filter((c) => c.at >= HEAD_BYTES).length, `each is counted: ${JSON.stringify(counts)}`);
    /* What follows a beginning that is damaged belongs to nothing. */
    const orphans = part.map((c) => made.frames.filter((f) => !c.is_lost(f) && made.frames.some((b) => b.type === 'begin' && b.id === f.id && c.is_lost(b))).length);
    assert.equal(counts.journal_orphan, orphans.reduce((a, b) => a + b, 0), `each is counted: ${JSON.stringify(counts)}`);
  });
});

test('a segment that lies there twice, and one that is gone', async () => {
  const dir = await temp_dir('journal');
  const journal = path.join(dir, 'data', 'journal');
  await fs.mkdir(journal, { recursive: true, mode: 0o700 });
  for (const n of [1, 2, 5]) await fs.writeFile(path.join(journal, segment_name(n)), segment_copy(made, n, ids_of(n === 2 ? 1 : n)), { mode: 0o600 });
  const p = await Proxy.start({ upstream: up, dir });
  try {
    const rows = await until(async () => {
      const all = await p.rows();
      return all.length >= 6 && all.every((r) => r.state === 'complete') && all;
    }, 'rows');
    assert.equal(rows.length, 6);
    await assert_no_losses(p, ['journal_orphan']);
  } finally {
    await p.stop();
    await fs.rm(dir, { recursive: true, force: true });
  }
});

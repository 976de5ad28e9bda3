/*
 * retention.test.mjs: what leaves the store: because somebody deletes it, or because it is too
 * much; and that the disk has it back, with nothing left of what was said.
 */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { run_command } from '../lib/cli.mjs';
import { Conn, ask } from '../lib/client.mjs';
import { ask_body, headers_for, session_id, text_stream } from '../lib/messages.mjs';
import { Proxy, temp_dir } from '../lib/proxy.mjs';
import { only_a_file } from '../lib/storing.mjs';
import { same_bytes } from '../lib/suite.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { until } from '../lib/wait.mjs';

let up;
before(async () => { up = await Upstream.start(); });
after(async () => {
  Conn.destroy_all();
  await up.stop();
});

/* In a folder that outlives each process of the test. */
async function with_dir(run) {
  const dir = await temp_dir();
  try {
    await run(dir);
  } finally {
    await fs.rm(dir, { recursive: true, force: true });
  }
}

async function exchange(p, text, session = session_id()) {
  const body = ask_body(text);
  up.on(session, async (x) => {
    await x.received();
    await x.events(text_stream('an answer'));
  });
  const got = await ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body });
  assert.equal(got.status, 200);
  return { row: await p.row_where((r) => r.state !== 'running' && r.title?.includes(text.slice(0, 20)), `session=${session}`), body, session };
}

async function remove(p, target, confirmation) {
  const headers = confirmation ? { 'X-Confirm-Delete': confirmation } : {};
  const res = await fetch(p.url + target, { method: 'DELETE', headers });
  return { status: res.status, body: await res.json() };
}

const is_wiped = (p) => until(async () => (await p.api('/api/storage')).wiping_chains === 0, 'what was deleted to be wiped');

/* Files that have these words in them. */
async function files_with(p, words) {
  const found = (await p.remains()).filter(([name, bytes]) => name !== 'log' && bytes.includes(words));
  return found.map(([name]) => path.relative(p.data_dir, name));
}

test('one request is deleted, and nothing else', { timeout: 60000 }, () => with_dir(async (dir) => {
  const p = await Proxy.start({ upstream: up, dir });
  try {
    const kept = await exchange(p, 'parrots-are-kept in the store');
    const gone = await exchange(p, 'badgers-are-not kept in the store');
    assert.notDeepEqual(await files_with(p, 'badgers-are-not'), []);
    assert.deepEqual(await remove(p, `/api/requests/${gone.row.id}`), { status: 200, body: { deleted: 1, done: true } });
    assert.equal((await remove(p, `/api/requests/${gone.row.id}`)).status, 404);
    assert.deepEqual((await p.rows()).map((r) => r.id), [kept.row.id]);
    assert.equal((await p.get(`/api/requests/${gone.row.id}/request/body`)).status, 404);
    await is_wiped(p);
    const left_in_database = async () => (await files_with(p, 'badgers-are-not')).filter((name) => /^requests\.db(-wal)?$/.test(name));
    await until(async () => !(await left_in_database()).length, 'the database to lose its title, though nothing else is recorded');
    same_bytes(await p.body(kept.row.id, 'request'), kept.body, 'the other body');
    assert.equal((await p.api('/api/stats')).total.request_count, 1);
    assert.equal((await p.stop()).code, 0);
    const again = await p.restart();
    same_bytes(await again.body(kept.row.id, 'request'), kept.body, 'the other body, later');
    await again.stop();
    assert.deepEqual(await files_with(p, 'badgers-are-not'), [], 'nothing of it is on the disk');
    assert.notDeepEqual(await files_with(p, 'parrots-are-kept'), []);
  } finally {
    await p.stop();
  }
}));

test('what a conversation shares stays as long as one turn needs it', { timeout: 60000 }, async () => {
  const p = await Proxy.start({ upstream: up });
  const session = session_id();
  const said = Array.from({ length: 6 }, (_, i) => ({ role: i % 2 ? 'assistant' : 'user', content: `${i} ${randomBytes(2000).toString('hex')}` }));
  try {
    const turns = [];
    for (let i = 1; i <= 6; i += 1) {
      up.on(session, async (x) => {
        await x.received();
        await x.events(text_stream('go on'));
      });
      const body = ask_body('', { messages: said.slice(0, i) });
      await ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body });
      const rows = await until(async () => {
        const all = await p.rows(`session=${session}`);
        return all.length === i && all.every((r) => r.state !== 'running') && all;
      }, `turn ${i}`);
      turns.push({ id: rows[0].id, body });
    }
    for (const i of [0, 1, 4]) assert.equal((await remove(p, `/api/requests/${turns[i].id}`)).body.deleted, 1);
    await is_wiped(p);
    for (const i of [2, 3, 5]) same_bytes(await p.body(turns[i].id, 'request'), turns[i].body, `turn ${i}`);
    const { requests } = await p.api('/api/storage');
    assert.equal(requests, 3);
  } finally {
    await p.stop();
  }
});

test('all, or what the filters let through, goes only when it is confirmed', { timeout: 60000 }, async () => {
  const p = await Proxy.start({ upstream: up });
  try {
    const one = await exchange(p, 'one of them is enough');
    await exchange(p, 'two of them are company');
    await exchange(p, 'three of them are a crowd');
    assert.equal((await remove(p, '/api/requests')).status, 400);
    assert.equal((await remove(p, '/api/requests', 'matching')).status, 400);
    assert.equal((await remove(p, `/api/requests?session=${one.session}`, 'all')).status, 400);
    assert.equal((await p.rows()).length, 3);
    assert.deepEqual((await remove(p, `/api/requests?session=${one.session}`, 'matching')).body, { deleted: 1, done: true });
    assert.equal((await p.rows()).length, 2);
    assert.deepEqual((await remove(p, '/api/requests', 'all')).body, { deleted: 2, done: true });
    assert.equal((await p.rows()).length, 0);
    assert.deepEqual((await p.api('/api/sessions')).sessions, []);
    const empty = await until(async () => {
      const s = await p.api('/api/storage');
      /* SQLite: the newest one's number stays, for numbers only grow; there is nothing in it */
      return s.blocks <= 1 && s.stored_bytes === 0 && s;
    }, 'all blocks to go');
    assert.deepEqual([empty.requests, empty.pieces, empty.stored_bytes, empty.raw_bytes], [0, 0, 0, 0]);
    const later = await exchange(p, 'recording goes on all the same');
    same_bytes(await p.body(later.row.id, 'request'), later.body, 'a body recorded afterwards');
  } finally {
    await p.stop();
  }
});

test('live lists hear that something was deleted', { timeout: 60000 }, async () => {
  const p = await Proxy.start({ upstream: up });
  try {
    const { row } = await exchange(p, 'somebody is watching this');
    const stream = await fetch(`${p.url}/api/stream`);
    const reader = stream.body.getReader();
    await remove(p, `/api/requests/${row.id}`);
    let text = '';
    await until(async () => {
      const { value } = await reader.read();
      text += Buffer.from(value).toString();
      return text.includes('event: resync');
    }, 'a resync');
    await reader.cancel();
  } finally {
    await p.stop();
  }
});

test('the oldest bodies go when the database is too large, and their requests stay', { timeout: 120000 }, () => with_dir(async (dir) => {
  const p = await Proxy.start({ upstream: up, dir });
  const all = [];
  try {
    for (let i = 0; i < 30; i += 1) all.push(await exchange(p, `${String(i).padStart(4, '0')} of thirty things: ${randomBytes(60000).toString('base64')}`));
    const before_it = await p.api('/api/storage');
    assert.equal(before_it.retention.dropped_bytes, 0);
    await p.stop();
    const small = await p.restart({ config: { storage: { retention: { max_bytes: '1MiB' } } } });
    const size = await until(async () => {
      const s = await small.api('/api/storage');
      return s.retention.runs > 0 && s;
    }, 'a run of retention', 90000); // in PostgreSQL: what has just been done by others is left for a minute
    assert.ok(size.retention.dropped_bytes > 0);
    assert.equal(size.retention.max_bytes, 1048576);
    assert.ok(size.stored_bytes < before_it.stored_bytes);
    assert.equal(size.requests, 30);
    const rows = await small.rows();
    assert.equal(rows.length, 30);
    assert.equal(rows.at(-1).bodies, 'aged_out');
    const gone = await small.get(`/api/requests/${rows.at(-1).id}/request/body`);
    assert.equal(gone.status, 410);
    assert.equal(JSON.parse(gone.body).error.code, 'aged_out');
    assert.equal(rows[0].bodies, 'stored');
    same_bytes(await small.body(rows[0].id, 'request'), all.at(-1).body, 'the newest body');
    await small.stop();
  } finally {
    await p.stop();
  }
}));

test('store stats and store verify: what is there, and whether all of it comes back', { skip: only_a_file, timeout: 60000 }, () => with_dir(async (dir) => {
  const p = await Proxy.start({ upstream: up, dir });
  const store = (word) => run_command(['store', word, '--data-dir', p.data_dir], { cwd: dir });
  try {
    const all = [];
    for (let i = 0; i < 5; i += 1) all.push(await exchange(p, `${i} of the things that are said: ${'so much '.repeat(500)}`));
    const beside = await store('verify');
    assert.equal(beside.code, 0, beside.err);
    await p.stop();
    const stats = await store('stats');
    assert.equal(stats.code, 0, stats.err);
    assert.match(String(stats.out), /^requests +5$/m);
    assert.match(String(stats.out), /^ratio +\d+\.\d$/m);
    assert.match(String(stats.out), /^journal +0 /m);
    const whole = await store('verify');
    assert.equal(whole.code, 0, whole.err);
    assert.match(String(whole.out), /^5 requests, 10 bodies rebuilt and compared/m);
    assert.match(String(whole.out), /^no body is damaged$/m);
    /* a byte in the middle of what was recorded last, past what SQLite itself would miss */
    const database = path.join(p.data_dir, 'requests.db');
    const bytes = await fs.readFile(database);
    const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]); /* zstd */
    const at = bytes.indexOf(magic);
    assert.ok(at > 0);
    for (let from = at; from > 0; from = bytes.indexOf(magic, from + 1)) bytes[from + 12] ^= 0xff;
    await fs.writeFile(database, bytes);
    const damaged = await store('verify');
    assert.equal(damaged.code, 65, `${damaged.out}${damaged.err}`);
    assert.match(String(damaged.out), new RegExp(`^damaged: ${all[0].row.id}, the request's body: `, 'm'));
    assert.match(damaged.err, /what is recorded is damaged/);
  } finally {
    await p.stop();
  }
}));

test('store stats beside a proxy: how much of the journal the store does not have yet', { timeout: 60000 }, () => with_dir(async (dir) => {
  const p = await Proxy.start({ upstream: up, dir });
  const lag = async () => {
    const { code, out, err } = await run_command(['store', 'stats', '--data-dir', p.data_dir], { cwd: dir });
    assert.equal(code, 0, err);
    return Number(/^journal lag +.*\((\d+) bytes\)$/m.exec(String(out))[1]);
  };
  try {
    await exchange(p, 'what the store has');
    await until(async () => await lag() === 0, 'nothing to wait');
    const session = session_id();
    const { promise: held, resolve: release } = Promise.withResolvers();
    up.on(session, async (x) => {
      await x.received();
      await held;
      await x.json(200, { type: 'message', content: [] });
    });
    const body = ask_body('x'.repeat(20000));
    const answer = ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body });
    const waits = await until(async () => { const bytes = await lag(); return bytes > body.length && bytes; }, 'the request to be in the journal');
    assert.ok(waits < body.length + 4096, `${waits} bytes`);
    release();
    await answer;
    await until(async () => await lag() === 0, 'all of it to be in the store');
  } finally {
    await p.stop();
  }
}));

test('there is nothing to verify where nothing was recorded', { timeout: 60000 }, () => with_dir(async (dir) => {
  const nothing = await run_command(['store', 'verify', '--data-dir', path.join(dir, 'none')], { cwd: dir });
  assert.equal(nothing.code, 66);
}));

/* As root only: a disk of our own. */
async function with_small_disk(size, run) {
  const dir = await temp_dir('ccp-disk');
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', dir]).status === 0;
  try {
    return mounted ? await run(dir) : undefined;
  } finally {
    if (mounted) execFileSync('umount', ['-l', dir]);
    await fs.rm(dir, { recursive: true, force: true });
  }
}

test('deleting works on a full disk', { skip: only_a_file, timeout: 120000 }, async (t) => {
  const ran = await with_small_disk('96m', async (disk) => {
    const config = { storage: { reserve: '8MiB' } };
    const p = await Proxy.start({ upstream: up, config, dir: disk });
    try {
      await until(async () => (await p.api('/api/storage')).reserve_bytes === 8 << 20, 'the reserve to be made');
      for (let i = 0; i < 20; i += 1) await exchange(p, `${String(i).padStart(4, '0')} things: ${randomBytes(150000).toString('base64')}`);
      await until(async () => (await p.api('/api/storage')).lag_bytes < 4096, 'all to be stored');
      /* the last byte, and the last page of the write-ahead log's room */
      const filler = await fs.open(path.join(disk, 'filler'), 'w');
      for (let step = 1 << 20; step >= 512; step >>= 1) {
        for (;;) {
          try {
            await filler.appendFile(Buffer.alloc(step, 1));
          } catch (e) {
            assert.equal(e.code, 'ENOSPC');
            break;
          }
        }
      }
      await filler.close();
      let deleted = 0;
      for (const row of (await p.rows()).slice(0, 15)) {
        const res = await remove(p, `/api/requests/${row.id}`);
        assert.equal(res.status, 200, `${deleted} ${JSON.stringify(res.body)} ${p.log.slice(-3000)}`);
        deleted += res.body.deleted;
      }
      assert.equal(deleted, 15);
      await until(async () => (await p.api('/api/storage')).wiping_chains === 0, 'what was deleted to be wiped', 60000);
      await until(async () => (await p.api('/api/storage')).disk_free_bytes > 2 << 20, 'the disk to have room again', 60000);
      assert.equal((await p.rows()).length, 5);
      assert.ok((await exchange(p, 'and recording goes on')).row);
    } finally {
      await p.stop();
    }
    return true;
  });
  if (!ran) t.skip('no file system can be mounted here');
});

test('deleting works on a disk that the record itself has filled, small as it is', { skip: only_a_file, timeout: 120000 }, async (t) => {
  const ran = await with_small_disk('60m', async (disk) => {
    const p = await Proxy.start({ upstream: up, dir: disk });
    const told = () => p.api('/api/storage');
    try {
      const { reserve_bytes } = await until(async () => (await told()).reserve_bytes > 0 && told(), 'a reserve, though not all that is wanted');
      assert.ok(reserve_bytes < 16 << 20 && reserve_bytes > 4 << 20, `${reserve_bytes}`);
      const session = session_id();
      up.on(session, async (x) => { await x.received(); await x.json(200, {}); });
      const full = async () => (await p.api('/api/stats')).losses.find((l) => l.reason === 'journal_write').since_start > 0;
      while (!await full())
        for (let i = 0; i < 20; i += 1) await ask(p.port, 'POST', '/v1/messages', { headers: headers_for(session), body: ask_body(randomBytes(150000).toString('base64')) });
      assert.equal((await told()).reserve_bytes, reserve_bytes, 'it is kept while the disk fills');
      const res = await remove(p, '/api/requests', 'all');
      assert.equal(res.status, 200, `${JSON.stringify(res.body)} ${p.log.slice(-3000)}`);
      assert.ok(res.body.deleted > 50, JSON.stringify(res.body));
      await until(async () => {
        await remove(p, '/api/requests', 'all'); /* what had waited in the journal, too */
        return (await told()).disk_free_bytes > 16 << 20;
      }, 'the disk to have room again', 60000);
    } finally {
      await p.stop();
    }
    return true;
  });
  if (!ran) t.skip('no file system can be mounted here');
});

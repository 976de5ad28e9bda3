/*
 * reconcile.mjs: three books must agree, whatever was done to the proxy: what the provider saw and
 * sent, what the clients sent and got, what the store has.
 *
 *   I1 each request that the provider saw has exactly one row
 *   I2 complete: the stored body is what the provider sent and what the client got
 *   I3 interrupted: the stored body is a prefix of what the provider sent, and no shorter than
 *      what the client got
 *   I4 no request has two rows, and none reached the provider twice
 *   I5 the ending fits what happened; none is left running
 *
 * What may be missing must be said: a row that is not there, or that has the flag body_truncated,
 * passes only where `may_lose` is set; both are given back, to be held against the counters.
 */
import assert from 'node:assert/strict';
import { Command } from './cli.mjs';
import { is_prefix, same_bytes } from './suite.mjs';
import { until } from './wait.mjs';

/* Endings that fit, by what the provider did. A kill may come before any of them. */
const ENDINGS = {
  stream: ['complete'],
  json: ['complete'],
  error: ['upstream_error'],
  cut: ['upstream_truncated'],
  reset: ['upstream_reset', 'upstream_truncated'],
  leave: ['client_disconnected'],
  endless: [],
};
const WHOLE = new Set(['complete', 'upstream_error']);

/* The rows of these lines, by session, once all are there or `ms` have passed. */
async function rows_of(proxy, lines, up, ms, query) {
  const wanted = lines.filter((l) => up.seen(l.session).length).map((l) => l.session);
  let by_session;
  const look = async () => {
    by_session = new Map();
    for (const row of await proxy.rows(query)) {
      if (by_session.has(row.session_id)) throw Object.assign(new Error(`I4: two rows for session ${row.session_id}`), { isFatal: true });
      by_session.set(row.session_id, row);
    }
    return by_session;
  };
  const told_later = (e) => { if (e.isFatal || !by_session) throw e; };
  const is_there = async () => {
    const found = await look();
    return wanted.every((s) => found.has(s));
  };
  const is_at_rest = async () => [...(await look()).values()].every((r) => r.state !== 'running');
  await until(is_there, 'all rows', ms).catch(told_later);
  await until(is_at_rest, 'none to be running').catch(told_later);
  return by_session;
}

function check_ending(line, row, may_be_killed, what) {
  const fits = [...ENDINGS[line.kind], ...(may_be_killed ? ['proxy_crash'] : [])];
  assert.ok(fits.includes(row.state), `I5: ${what}`);
  if (line.answer?.is_clean) assert.notEqual(row.state, 'proxy_crash', `I5: the client has all of it: ${what}`);
  if (row.state === 'complete') assert.equal(line.x.is_finished, true, `I5: complete without an end: ${what}`);
}

async function check_bodies(proxy, line, row, what) {
  const { x, answer } = line;
  const request = await proxy.body(row.id, 'request');
  if (x.is_received && row.state !== 'proxy_crash') same_bytes(request, line.body, `request body: ${what}`);
  else is_prefix(request, Buffer.from(line.body), `request body: ${what}`);
  const stored = await proxy.body(row.id, 'response');
  if (WHOLE.has(row.state)) {
    same_bytes(stored, x.sent_body, `I2: ${what}`);
    if (answer?.is_clean) same_bytes(answer.body, stored, `I2: the client's: ${what}`);
  } else {
    is_prefix(stored, x.sent_body, `I3: a prefix of what was sent: ${what}`);
    assert.ok(stored.length >= (answer?.body.length ?? 0), `I3: shorter than the client's: ${what}`);
  }
}

/*
 * `may_be_killed`: the proxy was. `may_lose`: some was not recorded, and counted. `ms`: how long
 * rows may take to come. `only_these`: earlier rows are not read again. Gives { endings, missing, partial, checked }.
 */
export async function reconcile({ proxy, up, lines, may_be_killed = false, may_lose = false, ms = 10000, only_these = false }) {
  const from = Math.min(...lines.map((l) => l.asked_at)) - 1000;
  const by_session = await rows_of(proxy, lines, up, ms, only_these ? `start=${new Date(from).toISOString()}` : '');
  const found = { endings: {}, missing: [], partial: [], checked: 0 };
  for (const line of lines) {
    const row = by_session.get(line.session);
    const seen = up.seen(line.session);
    assert.ok(seen.length <= 1, `I4: sent ${seen.length} times`);
    [line.x] = seen;
    const what = `session ${line.session}, ${line.kind}, row ${row?.state}`;
    if (row) assert.notEqual(row.state, 'running', `I5: left running: ${what}`);
    if (!line.x) {
      /* The provider does not know it: a row is right only for what the proxy had begun. */
      if (row) assert.ok(['proxy_crash', 'client_disconnected'].includes(row.state), what);
      continue;
    }
    if (!row) {
      assert.ok(may_lose, `I1: no row: ${what}`);
      found.missing.push(line);
      continue;
    }
    found.endings[row.state] = (found.endings[row.state] ?? 0) + 1;
    if (row.flags.includes('body_truncated') || (may_lose && row.state === 'proxy_crash')) {
      assert.ok(may_lose, `not all of it was recorded: ${what}`);
      found.partial.push(line);
      continue;
    }
    check_ending(line, row, may_be_killed, what);
    if (!line.is_forgotten) await check_bodies(proxy, line, row, what);
    found.checked += 1;
  }
  return found;
}

/* The counters of everything that can be lost, by reason. */
export async function losses(proxy) {
  return Object.fromEntries((await proxy.api('/api/stats')).losses.map((l) => [l.reason, l.since_start]));
}

/* Nothing was lost, damaged or refused. `but`: reasons that are right here. */
export async function assert_no_losses(proxy, but = []) {
  const counts = Object.entries(await losses(proxy)).filter(([reason, n]) => n && !but.includes(reason));
  assert.deepEqual(counts, [], 'nothing is counted as lost');
}

/* Every body comes back with the hash that it had when it was stored. */
export async function assert_verified(proxy, ms) {
  const found = await Command.start(['store', 'verify', '--data-dir', proxy.data_dir], { env: proxy.options.env }).end(ms);
  assert.equal(found.code, 0, `${found.out}${found.err}`);
}

/* Every client that stayed got exactly what the provider sent it: whatever became of the record. */
export function assert_clients_served(up, lines) {
  for (const line of lines) {
    const [x] = up.seen(line.session);
    const what = `session ${line.session}, ${line.kind}: ${line.error?.message ?? line.answer?.line}`;
    assert.ok(x, `not asked: ${what}`);
    if (line.kind === 'leave') continue;
    const is_cut = line.kind === 'cut' || line.kind === 'reset';
    assert.equal(line.error && !is_cut, undefined, what);
    assert.equal(line.answer.is_clean, !is_cut, what);
    (is_cut ? is_prefix : same_bytes)(line.answer.body, x.sent_body, what);
  }
}

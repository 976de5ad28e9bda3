// Memory: at rest, per idle connection, per running stream, and under 1,500 big requests.

import { drained, startPeer } from '../peers.mjs';
import { family, pause, peakRssKb, rssKb } from '../proc.mjs';
import { keep, runLoad } from '../rounds.mjs';
import { median } from '../stats.mjs';
import { valueRow } from '../table.mjs';

// All that was relayed is in the store, and what is kept for more to come has been given back.
async function atRest(peer) {
  await drained(peer);
  await pause(2500);
}

// Resident memory while the generator holds everything open.
async function heldRssKb(ctx, peer, args, isIdle) {
  let kb = NaN;
  await runLoad(ctx, peer.port, args, async (child) => {
    await pause(700);
    if (isIdle) await atRest(peer);
    kb = rssKb(peer.pid);
    if (isIdle) child.stdin.end();
  });
  return kb;
}

const idle = (n) => ['idle', '--connections', String(n), '--bytes', '300'];
const streams = (n) => ['streams', '--connections', String(n), '--answer', 'sse', '--interval-us', '250000',
  '--chunks', '12', '--ramp-ms', '400'];

// The slope between few and many, so that what is needed once is not counted for each.
async function slopeBytes(ctx, peer, argsOf, few, many, isIdle) {
  const low = await heldRssKb(ctx, peer, argsOf(few), isIdle);
  await drained(peer);
  const high = await heldRssKb(ctx, peer, argsOf(many), isIdle);
  return ((high - low) * 1024) / (many - few);
}

// Brings what grows with the first tens of thousands of requests (the store's caches, the indexer's
// memory of conversations) to its size, so that it is not counted as the connections'. Gives the
// memory after the first 20,000 or so.
async function warm(ctx, peer) {
  const seen = [];
  while (seen.length < 8 && !(seen.at(-1) < seen.at(-2) * 1.01)) {
    await runLoad(ctx, peer.port, ['closed', '--connections', '16', '--seconds', '1.5', '--seed', String(ctx.seed + ctx.nextNumber())]);
    await atRest(peer);
    seen.push(rssKb(family(peer.pid).at(-1)));
  }
  return seen[0];
}

async function measure(ctx, name) {
  const values = {};
  let peer = await startPeer(ctx, name);
  await pause(1000);
  values.idle_mb = rssKb(family(peer.pid).at(-1)) / 1024; // nginx: its worker
  values.warm_mb = (await warm(ctx, peer)) / 1024;
  await peer.stop();
  peer = await startPeer(ctx, name === 'ours' ? 'ours-off' : name); // see README.md
  await warm(ctx, peer);
  values.idle_connection_bytes = await slopeBytes(ctx, peer, idle, 200, 3200, true);
  await peer.stop();
  peer = await startPeer(ctx, name);
  await warm(ctx, peer);
  values.stream_bytes = await slopeBytes(ctx, peer, streams, 100, 1100, false);
  await peer.stop();
  return values;
}

export async function memory(ctx) {
  const names = ctx.peers(['ours', 'r0', 'haproxy']);
  const all = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < Math.min(ctx.rounds, 3); round++) {
    for (const name of names) {
      const values = await measure(ctx, name);
      all[name].push(values);
      keep(ctx, 'memory', round, name, values);
      ctx.progress(`memory ${round + 1} ${name}`);
    }
  }
  const of = (name, key) => median((all[name] ?? []).map((values) => values[key]));
  const row = (figure, key, unit, must, wanted) => valueRow({ figure, unit, value: of('ours', key), base: of('r0', key),
    must, wanted, beside: all.haproxy ? `haproxy ${of('haproxy', key).toFixed(1)}` : '' });
  return [
    row('memory at rest', 'idle_mb', ' MB', 12, 6),
    row('memory at rest again, after some 20,000 requests', 'warm_mb', ' MB'),
    row('memory per idle connection', 'idle_connection_bytes', ' B', 1024, 400),
    row('memory per running plaintext stream', 'stream_bytes', ' B', 16384, 4096),
  ];
}

export async function big1500(ctx) {
  const names = ctx.peers(['ours', 'r0', 'haproxy']);
  const args = ['streams', '--connections', '1500', '--profile', 'big', '--delay-us', '1500000', '--ramp-ms', '0',
    '--check-every', '1', '--bytes', '1000', '--seed', String(ctx.seed + ctx.nextNumber())];
  const found = {};
  for (const name of names) {
    const peer = await startPeer(ctx, name);
    await pause(500);
    const before = rssKb(peer.pid) / 1024;
    const report = await runLoad(ctx, peer.port, args);
    await pause(ctx.quick ? 2000 : 30000);
    found[name] = { before_mb: before, peak_mb: peakRssKb(peer.pid) / 1024, after_mb: rssKb(peer.pid) / 1024,
      errors: report.errors + report.non_2xx, bad_hashes: report.bad_hashes, requests: report.requests };
    keep(ctx, 'big-1500', 0, name, found[name]);
    ctx.progress(`big-1500 ${name}`);
    await peer.stop();
  }
  const beside = Object.entries(found).map(([name, v]) =>
    `${name}: ${v.before_mb.toFixed(1)} → ${v.peak_mb.toFixed(1)} → ${v.after_mb.toFixed(1)} MB, ${v.requests - v.errors - v.bad_hashes}/1500 intact`).join('; ');
  return [valueRow({ figure: '1,500 requests of 150 KB at once, peak memory', unit: ' MB', value: found.ours?.peak_mb ?? NaN,
    base: found.r0?.peak_mb, wanted: 110, beside })];
}

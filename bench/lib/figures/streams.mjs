// Streams: CPU per chunk, one-way delay, chunks that arrive unmerged; and five thousand at once.

import { startPeer } from '../peers.mjs';
import { doubts, interleave, split } from '../rounds.mjs';
import { medianOf, ratioOf } from '../stats.mjs';
import { ratioRow, text, valueRow } from '../table.mjs';

const sse = (ctx, streams, intervalUs, seconds) => () => [
  'streams', '--connections', String(streams), '--answer', 'sse', '--interval-us', String(intervalUs),
  '--chunks', String(Math.round((seconds * 1e6) / intervalUs)), '--chunk-bytes', '190',
  '--check-every', '20', '--ramp-ms', String(ctx.rampMs ?? 200)];

async function together(ctx, names, run, options) {
  const peers = [];
  try {
    for (const name of names) peers.push(await startPeer(ctx, name, options));
    return await run(peers);
  } finally {
    for (const peer of peers) await peer.stop();
  }
}

function others(rounds, key, unit) {
  return Object.keys(rounds[0]).filter((name) => name !== 'ours' && name !== 'r0')
    .map((name) => `${name} ${text(medianOf(rounds, name, key), unit)}`).join(', ');
}

export async function chunkCpu(ctx) {
  const names = ctx.peers(['ours', 'r0', 'haproxy', 'direct']);
  const rounds = await together(ctx, names, (peers) =>
    interleave(ctx, 'chunk-cpu', peers, sse(ctx, 500, 20000, ctx.seconds)));
  const row = (figure, key, unit, must, wanted) => ratioRow({
    figure, unit, ours: medianOf(rounds, 'ours', key), base: medianOf(rounds, 'r0', key),
    compared: ratioOf(rounds, 'ours', 'r0', key), must, wanted,
    beside: [...(key === 'cpu_per_chunk' ? split(rounds, 'chunk') : []), others(rounds, key, unit)].join('; ') });
  return [
    row('CPU per chunk, 500 × 50/s', 'cpu_per_chunk', ' µs', 1.0, 0.85),
    row('one-way delay of a chunk, p50', 'delay_p50', ' µs', 1.2, 1.0),
    row('one-way delay of a chunk, p99', 'delay_p99', ' µs', 1.2, 1.0),
    valueRow({ figure: 'chunks arriving unmerged', value: medianOf(rounds, 'ours', 'unmerged'),
      base: medianOf(rounds, 'r0', 'unmerged'), must: 0.99, wanted: 0.999, atLeast: true,
      beside: [others(rounds, 'unmerged', ''), ...doubts(rounds)].join('; ') }),
  ];
}

// The same stream out of another provider's language; what relaying it as it is costs stands beside.
export async function translatedChunk(ctx) {
  const names = ctx.peers(['ours-translating', 'ours', 'r0', 'direct']);
  const streams = sse(ctx, 500, 20000, ctx.seconds);
  const chunks = Math.round((ctx.seconds * 1e6) / 20000);
  const answer = `answer=sse&chunks=${chunks}&interval_us=20000&chunk_bytes=190`;
  const unchecked = (line) => line.map((word, i) => (line[i - 1] === '--check-every' ? '0' : word)); // other bytes come out than went in
  const rounds = await together(ctx, names, (peers) => interleave(ctx, 'translated-chunk', peers,
    (number, peer) => (peer.name === 'ours-translating' ? unchecked(streams()) : streams())), { answer });
  const row = (figure, key, unit, base) => ratioRow({
    figure: `${figure}, against ${base === 'r0' ? 'nginx' : 'ours untranslated'}`, unit, ours: medianOf(rounds, 'ours-translating', key),
    base: medianOf(rounds, base, key), compared: ratioOf(rounds, 'ours-translating', base, key),
    beside: [...(key === 'cpu_per_chunk' ? split(rounds, 'chunk', 'ours-translating') : []),
      names.slice(1).map((name) => `${name} ${text(medianOf(rounds, name, key), unit)}`).join(', '), ...doubts(rounds)].join('; ') });
  return [['CPU per translated chunk', 'cpu_per_chunk'], ['delay of a translated chunk, p50', 'delay_p50'], ['delay of a translated chunk, p99', 'delay_p99']]
    .flatMap(([figure, key]) => [row(figure, key, ' µs', 'ours'), row(figure, key, ' µs', 'r0')]);
}

export async function streams5000(ctx) {
  const names = ctx.peers(['ours', 'r0', 'haproxy']);
  const rounds = await together(ctx, names, (peers) =>
    interleave({ ...ctx, rampMs: 2000 }, 'streams-5000', peers, sse({ rampMs: 2000 }, 5000, 250000, 8),
      Math.min(ctx.rounds, 2)));
  const errors = (name) => rounds.reduce((sum, round) => sum + (round[name]?.errors ?? NaN) + (round[name]?.bad_hashes ?? NaN), 0);
  return [
    valueRow({ figure: '5,000 streams at once: errors', value: errors('ours'), base: errors('r0'),
      must: 0, wanted: 0, beside: ['ours', 'r0', 'haproxy'].filter((name) => rounds[0][name]).map((name) =>
        `${name} p50 ${text(medianOf(rounds, name, 'delay_p50'))} p99 ${text(medianOf(rounds, name, 'delay_p99'))} µs`).join(', ') }),
  ];
}

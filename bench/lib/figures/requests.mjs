// Whole requests: CPU for each, small ones and a growing conversation's; latency at half load;
// and what recording adds.

import { startMock, startPeer } from '../peers.mjs';
import { PROXY_CORE } from '../proc.mjs';
import { doubts, interleave, split } from '../rounds.mjs';
import { addedBy, addedRatio, medianOf, ratioOf } from '../stats.mjs';
import { ratioRow, text } from '../table.mjs';

const small = (ctx) => ['closed', '--connections', '32', '--seconds', String(ctx.seconds),
  '--bytes', '1200'];
const agent = (ctx) => ['closed', '--connections', '16', '--seconds', String(ctx.seconds),
  '--profile', 'agent', '--bytes', '1200'];
const open = (ctx, rate) => ['open', '--connections', '64', '--seconds', String(ctx.seconds), '--poisson',
  '--rate', String(Math.round(rate)), '--bytes', '1200'];

async function withPeers(ctx, names, run) {
  const peers = [];
  try {
    for (const name of names) peers.push(await startPeer(ctx, name));
    return await run(peers);
  } finally {
    for (const peer of peers) await peer.stop();
  }
}

const beside = (rounds, key, unit) =>
  Object.keys(rounds[0]).filter((name) => !['ours', 'r0', 'direct'].includes(name))
    .map((name) => `${name} ${text(medianOf(rounds, name, key), unit)}`);

// The mock must be able to do half as much again, or it is the mock that is measured.
function ceiling(rounds) {
  if (!rounds[0].direct) return 'ceiling of the mock not measured';
  const busiest = Math.max(...Object.keys(rounds[0]).filter((name) => name !== 'direct')
    .map((name) => medianOf(rounds, name, 'per_second')));
  return `mock's ceiling ${text(medianOf(rounds, 'direct', 'per_second') / busiest)}× the busiest`;
}

export async function requestCpu(ctx) {
  const names = ctx.peers(['ours', 'r0', 'r1', 'haproxy', 'direct']);
  const rounds = await withPeers(ctx, names, (peers) =>
    interleave(ctx, 'request-cpu', peers, () => small(ctx)));
  return [ratioRow({ figure: 'CPU per request, 1–4 KB', unit: ' µs', must: 1.5, wanted: 1.0,
    ours: medianOf(rounds, 'ours', 'cpu_per_request'), base: medianOf(rounds, 'r0', 'cpu_per_request'),
    compared: ratioOf(rounds, 'ours', 'r0', 'cpu_per_request'),
    beside: [...split(rounds, 'request'), ...beside(rounds, 'cpu_per_request', ' µs'), ceiling(rounds), ...doubts(rounds)].join('; ') })];
}

export async function conversationCpu(ctx) {
  const names = ctx.peers(['ours', 'r0', 'r1', 'haproxy']);
  const rounds = await withPeers(ctx, names, (peers) =>
    interleave(ctx, 'conversation-cpu', peers, () => agent(ctx)));
  const row = (base, must, wanted) => ratioRow({
    figure: `CPU per request, conversation of 64 KB, against ${base.toUpperCase()}`, unit: ' µs', must, wanted,
    ours: medianOf(rounds, 'ours', 'cpu_per_request'), base: medianOf(rounds, base, 'cpu_per_request'),
    compared: ratioOf(rounds, 'ours', base, 'cpu_per_request'),
    beside: [...split(rounds, 'request'), ...beside(rounds, 'cpu_per_request', ' µs'), ...doubts(rounds)].join('; ') });
  return [row('r0', 2.0, 1.15), ...(names.includes('r1') ? [row('r1', '–', 0.2)] : [])];
}

// Half of what R0 can do on this machine today, the same for everybody.
async function halfLoad(ctx, peer) {
  const rounds = await interleave(ctx, 'capacity', [peer], () => small(ctx), 3);
  return medianOf(rounds, peer.name, 'per_second') / 2;
}

export async function latency(ctx) {
  // The direct way has to cross cores as the proxied ways do, so its mock has the proxy's core.
  const mock = await startMock(ctx, PROXY_CORE);
  try {
    const names = ctx.peers(['ours', 'r0', 'haproxy']);
    const { rate, rounds } = await withPeers(ctx, names, async (peers) => {
      const half = ctx.rate ?? (await halfLoad(ctx, peers.find((peer) => peer.name === 'r0')));
      const direct = { name: 'direct', port: mock.port };
      return { rate: half, rounds: await interleave(ctx, 'latency', [...peers, direct], () => open(ctx, half)) };
    });
    return ['p50', 'p99', 'p999'].map((key) => latencyRow(rounds, key, rate));
  } finally {
    await mock.stop();
  }
}

// What the proxy adds: through it, minus direct. Where R0 itself adds too little to divide by (the
// machine's noise is larger), the times are compared as they are.
const LEAST_ADDED_US = 10;

function latencyRow(rounds, key, rate) {
  const base = addedBy(rounds, 'r0', key);
  const whole = ratioOf(rounds, 'ours', 'r0', key);
  const isAdded = base >= LEAST_ADDED_US;
  const others = Object.keys(rounds[0]).filter((name) => !['ours', 'r0', 'direct'].includes(name))
    .map((name) => `${name} ${text(addedBy(rounds, name, key), ' µs')}`);
  return ratioRow({ figure: `${isAdded ? 'added' : 'whole'} latency at ${Math.round(rate)}/s, ${key}`, unit: ' µs',
    must: key === 'p999' ? '–' : 1.2, wanted: 1.0,
    ours: isAdded ? addedBy(rounds, 'ours', key) : medianOf(rounds, 'ours', key),
    base: isAdded ? base : medianOf(rounds, 'r0', key),
    compared: isAdded ? addedRatio(rounds, 'ours', 'r0', key) : whole,
    beside: [`whole: ${text(medianOf(rounds, 'ours', key))} / ${text(medianOf(rounds, 'r0', key))} = ${whole.ratio.toFixed(2)}; ` +
      `direct ${text(medianOf(rounds, 'direct', key))}`, ...others, ...doubts(rounds)].join('; ') });
}

export async function recordingTax(ctx) {
  const r0 = await startPeer(ctx, 'r0');
  const half = ctx.rate ?? (await halfLoad(ctx, r0));
  await r0.stop();
  const [cpu, late] = await withPeers(ctx, ['ours', 'ours-off'], async (peers) => [
    await interleave(ctx, 'recording-tax-cpu', peers, () => small(ctx)),
    await interleave(ctx, 'recording-tax-latency', peers, () => open(ctx, half)),
  ]);
  const row = (figure, rounds, key, must, wanted) => ratioRow({ figure, unit: ' µs', must, wanted,
    ours: medianOf(rounds, 'ours', key), base: medianOf(rounds, 'ours-off', key),
    compared: ratioOf(rounds, 'ours', 'ours-off', key), beside: ['base: recording off', ...doubts(rounds)].join('; ') });
  return [
    row('recording on / off: CPU per request', cpu, 'cpu_per_request', 1.5, 1.25),
    row('recording on / off: p50', late, 'p50', 1.05, 1.02),
    row('recording on / off: p99', late, 'p99', 1.2, 1.1),
  ];
}


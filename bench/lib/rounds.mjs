// Rounds: short, interleaved (A B … then … B A), every one kept.

import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cpuUs, LOAD_CORE, machine, start, stolen, threadsUs } from './proc.mjs';
import { drained, isOurs } from './peers.mjs';
import { medianOf } from './stats.mjs';

// Runs the generator once; `onReady` is called when everything it opens is open.
export async function runLoad(ctx, port, args, onReady) {
  const command = [join(ctx.build, 'bench/bench-load'), args[0], '--port', String(port), ...args.slice(1)];
  const child = start(LOAD_CORE, command);
  let ready;
  child.stdout.on('data', () => {
    if (onReady && !ready && child.text.includes('"ready":true')) ready = onReady(child);
  });
  const { code } = await child.ended;
  await ready;
  const line = child.text.trim().split('\n').reverse().find((text) => text.startsWith('{"mode"'));
  if (!line) throw new Error(`bench-load ${args.join(' ')}: exit ${code}: ${child.text.slice(-1000)}`);
  return { ...JSON.parse(line), code };
}

// Ours makes the text index on this thread whenever there is time, also after a round: its CPU, all
// of it, is told apart from the rest.
const APART = 'chores';
const threadsOf = (peer) => (peer.pid && isOurs(peer.name) ? threadsUs(peer.pid) : {});

// One round of one peer: the generator's report, and the CPU the peer used until all it had to do
// because of it was done.
export async function oneRound(ctx, peer, args) {
  const before = machine();
  const cpuBefore = peer.pid ? cpuUs(peer.pid) : 0;
  const threadsBefore = threadsOf(peer);
  const report = await runLoad(ctx, peer.port, args);
  const isDrained = await drained(peer);
  const threads = threadsOf(peer);
  const used = (name) => (threads[name] ?? 0) - (threadsBefore[name] ?? 0);
  const apart = used(APART);
  const cpu = (peer.pid ? cpuUs(peer.pid) - cpuBefore : 0) - apart;
  const after = machine();
  return {
    cpu_us: cpu, is_drained: isDrained,
    cpu_per_request: cpu / report.requests, cpu_per_chunk: cpu / report.chunks,
    loop_per_request: used('loop') / report.requests, loop_per_chunk: used('loop') / report.chunks,
    apart_per_request: apart / report.requests, apart_per_chunk: apart / report.chunks,
    per_second: report.per_second, requests: report.requests, chunks: report.chunks,
    errors: report.errors + report.non_2xx + report.short_streams, bad_hashes: report.bad_hashes,
    p50: report.latency_us.p50, p99: report.latency_us.p99, p999: report.latency_us.p999,
    max: report.latency_us.max,
    delay_p50: report.delay_us.p50, delay_p99: report.delay_us.p99, delay_p999: report.delay_us.p999,
    unmerged: report.measured_chunks ? 1 - report.merged_chunks / report.measured_chunks : NaN,
    load_cpu_us: report.load_cpu_us, steal: stolen(before, after), load_average: after.load,
  };
}

// `args(round, peer)` gives the generator's arguments; the seed differs by round and not by peer, so
// that all peers of a round do the same work.
export async function interleave(ctx, figure, peers, args, count = ctx.rounds) {
  const rounds = [];
  for (let number = 0; number < count; number++) {
    const order = number % 2 ? [...peers].reverse() : peers;
    const seed = String(ctx.seed + ctx.nextNumber());
    const round = {};
    for (const peer of order) {
      round[peer.name] = await oneRound(ctx, peer, [...args(number, peer), '--seed', seed]);
      keep(ctx, figure, number, peer.name, round[peer.name]);
    }
    rounds.push(round);
    ctx.progress(`${figure} ${number + 1}/${count}`);
  }
  return rounds;
}

const begun = new Set();

// Raw values, one line each, for whoever wants to look again.
export function keep(ctx, figure, number, peer, values) {
  const file = join(ctx.results, `${figure}-${ctx.stamp}.csv`);
  if (!begun.has(file)) {
    mkdirSync(dirname(file), { recursive: true });
    appendFileSync(file, `round,peer,${Object.keys(values).join(',')}\n`);
    begun.add(file);
  }
  const text = (value) =>
    typeof value === 'number' ? String(Number.isInteger(value) ? value : Number(value.toPrecision(7))) : String(value);
  appendFileSync(file, `${number},${peer},${Object.values(values).map(text).join(',')}\n`);
}

// How much of ours is the loop's (relaying, the journal) and how much the indexer's; and what the
// text index took, which is not counted.
export function split(rounds, unit, peer = 'ours') {
  if (!rounds[0][peer]) return [];
  const loop = medianOf(rounds, peer, `loop_per_${unit}`);
  const all = medianOf(rounds, peer, `cpu_per_${unit}`);
  const apart = medianOf(rounds, peer, `apart_per_${unit}`);
  return [`of ours ${loop.toFixed(1)} µs on the loop, ${(all - loop).toFixed(1)} µs in the indexer` +
    `; apart, for the text index ${apart.toFixed(1)} µs`];
}

// What makes a figure worthless, or doubtful, said beside it.
export function doubts(rounds) {
  const all = rounds.flatMap((round) => Object.entries(round));
  const count = (test) => all.filter(([name, values]) => test(values, name)).length;
  const found = [
    [count((v) => v.errors > 0), 'rounds with errors'],
    [count((v) => v.bad_hashes > 0), 'rounds with altered bytes'],
    [count((v, name) => isOurs(name) && !v.is_drained), 'rounds not indexed in time'],
    [count((v) => v.steal > 0.02), 'rounds with over 2 % stolen time'],
  ];
  return found.filter(([n]) => n > 0).map(([n, what]) => `${n}/${all.length} ${what}`);
}

// System calls per request and per chunk, by name: exact where CPU time is noisy. strace slows
// what it looks at, so nothing else is read from these runs.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPeer } from '../peers.mjs';
import { family, LOAD_CORE, pause, start } from '../proc.mjs';
import { keep, runLoad } from '../rounds.mjs';
import { text, valueRow } from '../table.mjs';

const runs = {
  request: { args: ['closed', '--connections', '32', '--seconds', '1', '--bytes', '1200'], per: 'requests' },
  conversation: { args: ['closed', '--connections', '16', '--seconds', '1', '--profile', 'agent', '--bytes', '1200'], per: 'requests' },
  chunk: { args: ['streams', '--connections', '100', '--answer', 'sse', '--chunks', '100', '--interval-us', '20000'], per: 'chunks' },
};

async function count(ctx, peer, run) {
  const file = join(ctx.scratch, `strace-${ctx.nextNumber()}`);
  const pids = family(peer.pid).flatMap((pid) => ['-p', String(pid)]);
  const strace = start(LOAD_CORE, ['strace', '-f', '-c', '-o', file, ...pids]);
  await pause(500); // attached to every thread
  const report = await runLoad(ctx, peer.port, run.args);
  strace.kill('SIGINT');
  await strace.ended;
  const calls = readFileSync(file, 'utf8').split('\n').map((line) => line.trim().split(/\s+/))
    .filter((fields) => /^[0-9.]+$/.test(fields[0]) && fields.at(-1) !== 'total')
    .map((fields) => [fields.at(-1), Number(fields[3]) / report[run.per]]);
  return Object.fromEntries(calls);
}

export async function syscalls(ctx) {
  const names = ctx.peers(['ours', 'r0']);
  const rows = [];
  const found = {};
  for (const name of names) {
    const peer = await startPeer(ctx, name);
    for (const [what, run] of Object.entries(runs)) {
      (found[what] ??= {})[name] = await count(ctx, peer, run);
      ctx.progress(`syscalls ${name} ${what}`);
    }
    await peer.stop();
  }
  for (const [what, by] of Object.entries(found)) {
    const total = (name) => Object.values(by[name] ?? { none: NaN }).reduce((sum, each) => sum + each, 0);
    const list = (name) => Object.entries(by[name] ?? {}).filter(([, each]) => each >= 0.01)
      .sort((a, b) => b[1] - a[1]).map(([call, each]) => `${call} ${text(each)}`).join(', ');
    for (const name of names) keep(ctx, `syscalls-${what}`, 0, name, { total: total(name), calls: list(name).replaceAll(',', ';') });
    rows.push(valueRow({ figure: `system calls per ${what}`, value: total('ours'), base: total('r0'),
      beside: names.map((name) => `${name}: ${list(name)}`).join('; ') }));
  }
  return rows;
}

// The store's: start with much in it, and what a turn costs on disk.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { commandOf, drained, getJson, isOurs, startPeer } from '../peers.mjs';
import { PROXY_CORE, LOAD_CORE, pause, pinned } from '../proc.mjs';
import { keep, runLoad } from '../rounds.mjs';
import { median } from '../stats.mjs';
import { valueRow } from '../table.mjs';

// Fills a data folder with small requests through the proxy itself.
async function fill(ctx, dataDir, wanted) {
  const peer = await startPeer(ctx, 'ours', { dataDir });
  for (let count = 0; count < wanted; ) {
    const report = await runLoad(ctx, peer.port, ['closed', '--connections', '32', '--seconds', '1', '--small-from', '600',
      '--small-to', '900', '--bytes', '300', '--seed', String(ctx.seed + ctx.nextNumber())]);
    if (report.requests === 0 || report.non_2xx > 0) throw new Error('filling the store failed');
    count += report.requests;
    await drained(peer);
  }
  const { total } = await getJson(peer.port, '/api/requests?limit=1');
  await peer.stop();
  return total;
}

function startOnce(ctx, peer) {
  const command = [join(ctx.build, 'bench/bench-load'), 'startup', '--port', String(peer.port), '--core',
    String(PROXY_CORE), '--', ...peer.command];
  const [program, ...args] = pinned(LOAD_CORE, command);
  const { stdout, stderr } = spawnSync(program, args, { cwd: peer.dir, env: peer.env, encoding: 'utf8' });
  const line = stdout.split('\n').find((text) => text.startsWith('{"mode"'));
  if (!line) throw new Error(`startup of ${peer.name}: ${stderr.slice(-1000)}`);
  return JSON.parse(line);
}

export async function startup(ctx) {
  const dataDir = join(ctx.scratch, 'store-100000');
  const names = ctx.peers(['ours', 'r0', 'haproxy']);
  const total = names.includes('ours') ? await fill(ctx, dataDir, ctx.quick ? 5000 : 100000) : 0;
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < Math.max(ctx.rounds, 15); round++) {
    for (const name of round % 2 ? [...names].reverse() : names) {
      const peer = await commandOf(ctx, name, { dataDir: isOurs(name) ? dataDir : undefined });
      const report = startOnce(ctx, peer);
      if (report.status !== 200) throw new Error(`startup of ${name}: status ${report.status}`);
      times[name].push(report.first_byte_us / 1000);
      keep(ctx, 'startup', round, name, { listening_us: report.listening_us, first_byte_us: report.first_byte_us });
    }
    ctx.progress(`startup ${round + 1}`);
  }
  rmSync(dataDir, { recursive: true, force: true });
  return [valueRow({ figure: 'exec to first relayed byte', unit: ' ms', value: median(times.ours ?? []), base: median(times.r0 ?? []),
    must: 10, wanted: 5, beside: `store of ${total} requests; ` +
      (times.haproxy ? `haproxy ${median(times.haproxy).toFixed(1)} ms` : '') })];
}

// Blocks of the file system. What is kept for a full disk (`reserve`) does not grow with turns.
function diskBytes(dir, ...except) {
  const options = except.map((name) => `--exclude=${name}`);
  return Number(execFileSync('du', ['-sk', ...options, dir], { encoding: 'utf8' }).split('\t')[0]) * 1024;
}

// Each record compressed by itself: what a proxy gets that compresses bodies and shares nothing.
function comparison(dir) {
  const files = readdirSync(dir).map((name) => join(dir, name));
  const out = `${dir}.zst`;
  mkdirSync(out, { recursive: true });
  const { status, stderr } = spawnSync('zstd', ['-3', '-q', '-f', '--output-dir-flat', out, ...files], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`zstd: ${stderr}`);
  const sum = (paths) => paths.reduce((total, path) => total + statSync(path).size, 0);
  return { raw: sum(files), zstd: sum(readdirSync(out).map((name) => join(out, name))) };
}

// Until logs have gone into their files and words are merged, as they are a few seconds after the last turn.
async function settled(dataDir, timeoutMs = 60000) {
  const logs = () => readdirSync(dataDir, { recursive: true }).filter((name) => name.endsWith('-wal'));
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await pause(200))
    if (logs().every((name) => statSync(join(dataDir, name)).size === 0)) return;
  throw new Error('the store did not come to rest');
}

async function converse(ctx, turns, seed) {
  const dataDir = join(ctx.scratch, `disk-${turns}`);
  const saved = join(ctx.scratch, `turns-${turns}`);
  mkdirSync(saved, { recursive: true });
  const peer = await startPeer(ctx, 'ours', { dataDir });
  const report = await runLoad(ctx, peer.port, ['turns', '--turns', String(turns), '--save', saved, '--profile', 'agent',
    '--agent-to', '4000000', '--answer', 'sse', '--chunks', '100', '--interval-us', '2000', '--chunk-bytes', '125',
    '--no-stamp', '--check-every', '0', '--seed', String(seed)]);
  if (report.requests !== turns || report.errors) throw new Error('the conversation broke off');
  await drained(peer);
  await settled(dataDir);
  await peer.stop();
  const values = { turns, ...comparison(saved), disk: diskBytes(dataDir, 'reserve'),
    store: diskBytes(dataDir, 'reserve', '*.search') };
  rmSync(saved, { recursive: true, force: true });
  return values;
}

export async function diskPerTurn(ctx) {
  const kib = (values, key) => values[key] / values.turns / 1024;
  const rows = [];
  const seed = ctx.seed + ctx.nextNumber();
  let before;
  for (const turns of [30, 100, 200]) {
    const values = await converse(ctx, turns, seed);
    keep(ctx, 'disk-per-turn', turns, 'ours', values);
    const limits = turns === 100 ? { must: 4, wanted: 1.2 } : {};
    rows.push(valueRow({ figure: `disk per turn, conversation of ${turns} turns`, unit: ' KiB', value: kib(values, 'disk'), ...limits,
      beside: `raw ${kib(values, 'raw').toFixed(1)}, zstd -3 each ${kib(values, 'zstd').toFixed(1)} KiB; without the text index: ` +
        `${kib(values, 'store').toFixed(2)} KiB` + (before ? `; each turn after the first ${before.turns}: ` +
        `${((values.disk - before.disk) / (turns - before.turns) / 1024).toFixed(2)} KiB` : '') }));
    before = values;
    ctx.progress(`disk-per-turn ${turns}`);
  }
  return rows;
}

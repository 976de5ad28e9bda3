// The bench's command line: picks figures, starts the mock, prints the table.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { conversationCpu, latency, recordingTax, requestCpu } from './lib/figures/requests.mjs';
import { big1500, memory } from './lib/figures/memory.mjs';
import { chunkCpu, streams5000, translatedChunk } from './lib/figures/streams.mjs';
import { diskPerTurn, startup } from './lib/figures/store.mjs';
import { syscalls } from './lib/figures/syscalls.mjs';
import { startMock } from './lib/peers.mjs';
import { LOAD_CORE, setNiceness, stopAll } from './lib/proc.mjs';
import { header } from './lib/table.mjs';

const here = dirname(fileURLToPath(import.meta.url));

const figures = {
  'chunk-cpu': chunkCpu,
  'translated-chunk': translatedChunk,
  'request-cpu': requestCpu,
  'conversation-cpu': conversationCpu,
  latency,
  'recording-tax': recordingTax,
  memory,
  'streams-5000': streams5000,
  'big-1500': big1500,
  startup,
  'disk-per-turn': diskPerTurn,
  syscalls,
};

const usage = `usage: bench/run [options] FIGURE… | all
figures: ${Object.keys(figures).join(' ')}
  --rounds N      interleaved rounds (default 9)
  --seconds S     length of a round (default 1.5)
  --quick         3 rounds of 1 s: to see that everything works, not for figures
  --only LIST     peers, of: ours,r0,r1,haproxy,direct
  --rate R        open-loop requests a second (default: half of what R0 can do)
  --build DIR     where the binaries are (default build)
  --scratch DIR   where configurations and stores go (default: the system's temporary folder)
  --nice N        run everything at this niceness: -15 (as root) on a machine with other work
  --tick-us T     the mock sends on multiples of T (default 0: each chunk at its own moment)
  --seed N`;

function options() {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: {
    rounds: { type: 'string', default: '9' }, seconds: { type: 'string', default: '1.5' },
    quick: { type: 'boolean', default: false }, only: { type: 'string' }, rate: { type: 'string' },
    build: { type: 'string', default: join(here, '../build') }, scratch: { type: 'string', default: os.tmpdir() },
    'tick-us': { type: 'string', default: '0' }, seed: { type: 'string', default: '1' }, nice: { type: 'string', default: '0' } } });
  const names = positionals.includes('all') ? Object.keys(figures) : positionals;
  if (names.length === 0 || names.some((name) => !figures[name])) throw new Error(usage);
  return { ...values, names };
}

function context(given) {
  let number = 0;
  const only = given.only?.split(',');
  return {
    rounds: given.quick ? 3 : Number(given.rounds), seconds: given.quick ? 1 : Number(given.seconds),
    quick: given.quick, rate: given.rate ? Number(given.rate) : undefined, seed: Number(given.seed) * 100000,
    build: resolve(given.build), binary: join(resolve(given.build), 'claude-code-proxy'),
    scratch: mkdtempSync(join(given.scratch, 'bench-')), results: join(here, 'results'),
    stamp: new Date().toISOString().replace(/[:.]/g, '-').slice(0, 19),
    nextNumber: () => ++number,
    peers: (names) => (only ? names.filter((name) => only.includes(name)) : names),
    progress: (text) => process.stderr.isTTY && process.stderr.write(`\r\x1b[K${text}`),
  };
}

async function main() {
  const given = options();
  const ctx = context(given);
  const rows = [];
  let failed = 0;
  setNiceness(Number(given.nice));
  try {
    if (!existsSync(join(ctx.build, 'bench/bench-load'))) throw new Error(`no bench-load in ${ctx.build}: build first`);
    ctx.mock = await startMock(ctx, LOAD_CORE, ['--tick-us', given['tick-us']]);
    console.log(`${os.cpus()[0]?.model}, ${os.cpus().length} cores, ${os.release()}, load ${os.loadavg()[0].toFixed(2)}, ` +
      `${ctx.rounds} rounds of ${ctx.seconds} s\n\n${header}`);
    for (const name of given.names) {
      try {
        const found = await figures[name](ctx);
        ctx.progress('');
        console.log(found.join('\n'));
        rows.push(...found);
      } catch (error) {
        failed++;
        console.log(`| ${name} | failed | | | | | not measured | ${String(error.message).split('\n')[0].slice(0, 300)} |`);
      }
    }
    await ctx.mock.stop();
    console.log(`\nmock: ${ctx.mock.child.text.trim().split('\n').at(-1)}`);
    mkdirSync(ctx.results, { recursive: true });
    writeFileSync(join(ctx.results, `table-${ctx.stamp}.md`), `${header}\n${rows.join('\n')}\n`);
  } finally {
    await stopAll();
    rmSync(ctx.scratch, { recursive: true, force: true });
  }
  return failed ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => stopAll().then(() => process.exit(130)));

main().then(
  (code) => (process.exitCode = code),
  (error) => {
    console.error(error.message);
    process.exitCode = 2;
  },
);

// Processes: starting them on a core, their CPU time and memory, read from /proc.

import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';

const canPin = os.platform() === 'linux' && spawnSync('taskset', ['-V']).status === 0;
const running = new Set();

// Two cores: what is measured has the first to itself, load and mock share the second.
export const PROXY_CORE = 0;
export const LOAD_CORE = os.cpus().length > 1 ? 1 : 0;

let niceness = 0;

// Above other work on the machine (needs root): for all that is measured and measures alike.
// Where Linux groups processes by session, a niceness weighs within the group only: so the
// group, which is ours alone when bench/run has begun a session, is moved too.
export function setNiceness(value) {
  niceness = value;
  if (value === 0) return;
  try {
    writeFileSync('/proc/self/autogroup', String(value));
  } catch {
    // no groups here, or not allowed: the niceness alone has to do
  }
}

export function pinned(core, command) {
  if (niceness !== 0) command = ['nice', '-n', String(niceness), ...command];
  return canPin
    ? ['taskset', '-c', String(core), ...command]
    : command;
}

export function start(core, command, options = {}) {
  const [program, ...args] = pinned(core, command);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  child.text = '';
  child.stdout?.on('data', (data) => (child.text += data));
  child.stderr?.on('data', (data) => (child.text = (child.text + data).slice(-65536)));
  child.ended = new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
    child.once('error', (error) => resolve({ code: 127, error }));
  });
  running.add(child);
  return child;
}

export async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 15000);
  await child.ended;
  clearTimeout(timer);
}

export const stopAll = () => Promise.all([...running].map(stop));

// The first match in what a process prints; fails when it ends without.
export async function said(child, pattern, timeoutMs = 20000) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const match = child.text.match(pattern);
    if (match) return match;
    if (child.exitCode !== null) throw new Error(`ended early: ${child.text.slice(-2000)}`);
    if (Date.now() > deadline) throw new Error(`did not say ${pattern}: ${child.text.slice(-2000)}`);
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, 50);
      const wake = () => (clearTimeout(timer), resolve());
      child.stdout?.once('data', wake);
      child.stderr?.once('data', wake);
    });
  }
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export async function accepts(port, child) {
  for (let tries = 0; tries < 400; tries++) {
    const ok = await new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.once('connect', () => (socket.destroy(), resolve(true)));
      socket.once('error', () => resolve(false));
    });
    if (ok) return;
    if (child.exitCode !== null) break;
    await pause(25);
  }
  throw new Error(`nobody listens at ${port}: ${child.text.slice(-2000)}`);
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export function family(pid) {
  const children = read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean);
  return [pid, ...children.flatMap((child) => family(Number(child)))];
}

// CPU time of a process, its threads and its children, in µs. schedstat counts nanoseconds;
// stat (where there is no schedstat) counts ticks of 10 ms.
function cpuOfOne(pid) {
  let total = 0;
  let threads = [];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return 0;
  }
  for (const thread of threads) {
    const text = read(`/proc/${pid}/task/${thread}/schedstat`);
    if (text) total += Number(text.split(' ')[0]) / 1000;
  }
  if (total > 0) return total;
  const fields = read(`/proc/${pid}/stat`).replace(/^.*\) /s, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10000;
}

// Of a process's threads, in µs: the first one is the loop, with one worker; the others have names.
export function threadsUs(pid) {
  const found = { loop: 0 };
  let threads = [];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return found;
  }
  for (const thread of threads) {
    const dir = `/proc/${pid}/task/${thread}`;
    const name = Number(thread) === pid ? 'loop' : read(`${dir}/comm`).trim();
    found[name] = (found[name] ?? 0) + Number(read(`${dir}/schedstat`).split(' ')[0]) / 1000;
  }
  return found;
}

export const cpuUs = (pid) => family(pid).reduce((sum, each) => sum + cpuOfOne(each), 0);

function statusKb(pid, key) {
  return Number(read(`/proc/${pid}/status`).match(new RegExp(`^${key}:\\s+(\\d+)`, 'm'))?.[1] ?? NaN);
}

export const rssKb = (pid) => family(pid).reduce((sum, each) => sum + statusKb(each, 'VmRSS'), 0);
export const peakRssKb = (pid) => family(pid).reduce((sum, each) => sum + statusKb(each, 'VmHWM'), 0);

// What the machine did meanwhile: stolen time and others' work make a round suspect.
export function machine() {
  const fields = read('/proc/stat').split('\n')[0].trim().split(/\s+/).slice(1).map(Number);
  const all = fields.reduce((sum, each) => sum + each, 0);
  return { steal: fields[7] ?? 0, all, load: os.loadavg()[0] };
}

export function stolen(before, after) {
  return after.all > before.all ? (after.steal - before.steal) / (after.all - before.all) : 0;
}

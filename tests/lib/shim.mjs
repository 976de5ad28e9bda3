/*
 * shim.mjs: builds fault/shim.c with the system's compiler, and steers it: which syncs and writes
 * fail, and what the wall clock says. Linux only; nothing that is linked statically can be lied to.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../fault/shim.c', import.meta.url));
const COMPILER = process.env.CC ?? 'cc';
const FIELDS = ['wall_offset_us', 'fail_kind', 'fail_from', 'fail_count', 'fail_errno', 'calls', 'failed', 'is_loaded'];
const MATCH_AT = FIELDS.length * 8;
const MATCH_BYTES = 64;
const SHADOW_AT = MATCH_AT + MATCH_BYTES;
const SHADOW_BYTES = 128;
const KINDS = { sync: 1, write: 2, read: 3 };
export const { EIO, ENOSPC } = os.constants.errno;

/* Why it cannot be used here, or false. */
export function shim_missing() {
  if (process.platform !== 'linux') return 'LD_PRELOAD and /proc are Linux';
  if (spawnSync(COMPILER, ['--version']).status !== 0) return `no compiler (${COMPILER})`;
  if (process.env.ASAN_OPTIONS || process.env.TSAN_OPTIONS) return 'a sanitizer comes first';
  return false;
}

export class Shim {
  /* `dir`: where its files go; the caller removes them. */
  constructor(dir) {
    this.object = path.join(dir, 'shim.so');
    this.control = path.join(dir, 'shim.control');
    execFileSync(COMPILER, ['-std=c17', '-O1', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', this.object, SOURCE]);
    this.fd = openSync(this.control, 'w+', 0o600);
    writeSync(this.fd, Buffer.alloc(SHADOW_AT + SHADOW_BYTES), 0, SHADOW_AT + SHADOW_BYTES, 0);
    this.env = { LD_PRELOAD: this.object, FAULT_CONTROL: this.control };
  }

  #set(field, value) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    writeSync(this.fd, bytes, 0, 8, FIELDS.indexOf(field) * 8);
  }

  #get(field) {
    const bytes = Buffer.alloc(8);
    readSync(this.fd, bytes, 0, 8, FIELDS.indexOf(field) * 8);
    return Number(bytes.readBigInt64LE());
  }

  /* The nth call (from 1) and those after it, `count` in all, fail: `errno`, or 0 to cut a write
   * short. Counting begins anew. */
  fail(kind, match, { from = 1, count = 1, errno = EIO } = {}) {
    this.#set('fail_kind', 0);
    const name = Buffer.alloc(MATCH_BYTES);
    name.write(match);
    writeSync(this.fd, name, 0, MATCH_BYTES, MATCH_AT);
    for (const [field, value] of Object.entries({ fail_from: from, fail_count: count, fail_errno: errno, calls: 0, failed: 0 })) this.#set(field, value);
    this.#set('fail_kind', KINDS[kind]);
  }

  stop_failing() {
    this.#set('fail_kind', 0);
  }

  /* The wall clock says so many milliseconds more than it is. */
  set_clock(offset_ms) {
    this.#set('wall_offset_us', Math.round(offset_ms * 1000));
  }

  /* Keeps there what is on the disk itself, from now on; '': no more. */
  set_shadow(dir) {
    const name = Buffer.alloc(SHADOW_BYTES);
    if (Buffer.byteLength(dir) >= SHADOW_BYTES) throw new Error(`too long: ${dir}`);
    name.write(dir);
    writeSync(this.fd, name, 0, SHADOW_BYTES, SHADOW_AT);
  }

  get calls() { return this.#get('calls'); }

  get failed() { return this.#get('failed'); }

  get is_loaded() { return this.#get('is_loaded') === 1; }

  close() {
    closeSync(this.fd);
    for (const file of [this.object, this.control]) rmSync(file, { force: true });
  }
}

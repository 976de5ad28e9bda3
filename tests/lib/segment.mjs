/*
 * segment.mjs: the journal's format (src/journal/frame.h), read and written by hand, so that a test
 * can make many journals out of one.
 */
import { readFileSync } from 'node:fs';

export const HEAD_BYTES = 64;
const FRAME_HEAD = 44;
const CRC_AT = 40;
const NUMBER_AT = 32;
const HEAD_CRC_AT = 60;
export const TYPES = ['', 'begin', 'request', 'response_head', 'response', 'end'];

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k += 1) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  return c >>> 0;
});

function crc32c(...parts) {
  let c = 0xffffffff;
  for (const part of parts) for (const b of part) c = TABLE[(c ^ b) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

/* The frames of a segment, up to its end mark: { type, id, start, end }. */
export function frames_of(bytes) {
  const found = [];
  let at = HEAD_BYTES;
  while (at + 4 <= bytes.length && bytes.readUInt32LE(at) !== 0) {
    const len = bytes.readUInt32LE(at + 4);
    const end = at + FRAME_HEAD + len;
    if (crc32c(bytes.subarray(at, at + CRC_AT), bytes.subarray(at + FRAME_HEAD, end)) !== bytes.readUInt32LE(at + CRC_AT))
      throw new Error(`a frame at ${at} has another sum`);
    found.push({ type: TYPES[bytes[at + 8]], id: bytes.subarray(at + 16, at + 32).toString('hex'), start: at, end });
    at = end;
  }
  return found;
}

/* A segment, without the room behind its end. */
export function segment_read(file) {
  const bytes = readFileSync(file);
  const frames = frames_of(bytes);
  return { bytes: bytes.subarray(0, frames.at(-1).end + 4), frames };
}

/* The same under another number, and its exchanges under other ids: `ids` maps hex to hex. */
export function segment_copy({ bytes, frames }, number, ids) {
  const copy = Buffer.from(bytes);
  copy.writeBigUInt64LE(BigInt(number), NUMBER_AT);
  copy.writeUInt32LE(crc32c(copy.subarray(0, HEAD_CRC_AT)), HEAD_CRC_AT);
  for (const { id, start, end } of frames) {
    copy.write(ids.get(id), start + 16, 'hex');
    copy.writeUInt32LE(crc32c(copy.subarray(start, start + CRC_AT), copy.subarray(start + FRAME_HEAD, end)), start + CRC_AT);
  }
  return copy;
}

export const segment_name = (number) => `${number.toString(16).padStart(16, '0')}.seg`;
export const uuid_text = (hex) => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

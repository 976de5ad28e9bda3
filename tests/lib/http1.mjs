/*
 * http1.mjs: HTTP/1.1 as bytes, read by hand, so that tests see what was really on the wire.
 * Shared by the scripted upstream and the raw client. Latin-1 throughout: one char, one byte.
 */

export const bytes = (x) => (Buffer.isBuffer(x) ? x : Buffer.from(x, 'latin1'));

/* Splits a head (without its empty line) into its first line and its headers, as spelled. */
export function parse_head(raw) {
  const lines = raw.toString('latin1').split('\r\n');
  const headers = lines.slice(1).map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')];
  });
  return { line: lines[0], headers };
}

export const header_all = (headers, name) =>
  headers.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, v]) => v);
export const header = (headers, name) => header_all(headers, name)[0];

export function head_bytes(line, headers) {
  return bytes(`${line}\r\n${headers.map(([n, v]) => `${n}: ${v}\r\n`).join('')}\r\n`);
}

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate',
  'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade']);

/* What must arrive unchanged: everything but the hop-by-hop headers and those `Connection` names. */
export function end_to_end(headers, also_without = []) {
  const without = new Set([...HOP_BY_HOP, ...also_without.map((n) => n.toLowerCase())]);
  for (const value of header_all(headers, 'connection'))
    for (const token of value.split(',')) without.add(token.trim().toLowerCase());
  return headers.filter(([n]) => !without.has(n.toLowerCase()));
}

/*
 * Takes transfer coding off a body, piece by piece. `feed` gives what is left over once the body
 * has ended. `is_done` is true only when the framing says so: a cut body is never done.
 */
export class BodyReader {
  constructor(framing, length = 0) {
    this.framing = framing; // 'none' | 'length' | 'chunked' | 'close'
    this.left = length;
    this.is_done = framing === 'none' || (framing === 'length' && length === 0);
    this.pieces = [];
    this.size = 0;
    this.raw = Buffer.alloc(0); // chunked: not yet understood
    this.step = 'size';
    this.has_last_chunk = false;
    this.trailers = '';
    this.on_piece = () => {};
    this.is_kept = true; // false: count only
  }

  #take(piece) {
    if (piece.length === 0) return;
    this.size += piece.length;
    if (this.is_kept) this.pieces.push(piece);
    this.on_piece(piece);
  }

  /* Gives the bytes that do not belong to this body. */
  feed(data) {
    if (this.is_done) return data;
    if (this.framing === 'close') {
      this.#take(data);
      return Buffer.alloc(0);
    }
    if (this.framing === 'length') {
      const piece = data.subarray(0, this.left);
      this.left -= piece.length;
      this.is_done = this.left === 0;
      this.#take(piece);
      return data.subarray(piece.length);
    }
    return this.#feed_chunked(data);
  }

  #feed_chunked(data) {
    let buf = this.raw.length ? Buffer.concat([this.raw, data]) : data;
    for (;;) {
      if (this.step === 'data') {
        const piece = buf.subarray(0, this.left);
        this.left -= piece.length;
        buf = buf.subarray(piece.length);
        this.#take(piece);
        if (this.left > 0) break;
        this.step = 'data-end';
      }
      const end = buf.indexOf('\r\n');
      if (end < 0) break;
      const line = buf.subarray(0, end).toString('latin1');
      buf = buf.subarray(end + 2);
      if (this.step === 'data-end') {
        if (line !== '') throw new Error(`chunk data is longer than its size: ${line}`);
        this.step = 'size';
      } else if (this.step === 'size') {
        if (!/^[0-9a-fA-F]+(;.*)?$/.test(line)) throw new Error(`bad chunk size: ${JSON.stringify(line)}`);
        this.left = parseInt(line, 16);
        this.has_last_chunk = this.left === 0;
        this.step = this.left === 0 ? 'trailer' : 'data';
      } else if (line === '') {
        this.is_done = true;
        this.raw = Buffer.alloc(0);
        return buf;
      } else {
        this.trailers += `${line}\r\n`;
      }
    }
    this.raw = Buffer.from(buf);
    return Buffer.alloc(0);
  }

  get body() {
    if (this.pieces.length > 1) this.pieces = [Buffer.concat(this.pieces)];
    return this.pieces[0] ?? Buffer.alloc(0);
  }
}

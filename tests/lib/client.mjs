/*
 * client.mjs: a client that sends exactly the bytes it is told to, and sees exactly what comes
 * back: heads as spelled, chunks as they come, and whether the end was a FIN, a RST or a framing
 * that says "done".
 */
import net from 'node:net';
import { Signal, DEADLINE_MS, within } from './wait.mjs';
import { BodyReader, bytes, head_bytes, header, header_all, parse_head } from './http1.mjs';

/* One answer, growing while it is read. */
class Answer {
  constructor(raw_head, method) {
    this.raw_head = raw_head;
    const { line, headers } = parse_head(raw_head);
    this.line = line;
    this.headers = headers;
    const found = /^HTTP\/(\d\.\d) (\d{3})(?: (.*))?$/.exec(line);
    if (!found) throw new Error(`not a status line: ${JSON.stringify(line)}`);
    this.version = found[1];
    this.status = Number(found[2]);
    this.reason = found[3];
    this.reader = this.#framing(method);
  }

  #framing(method) {
    if (method === 'HEAD' || this.status === 204 || this.status === 304 || this.status < 200)
      return new BodyReader('none');
    const te = header(this.headers, 'transfer-encoding');
    const lengths = header_all(this.headers, 'content-length');
    if (te !== undefined && lengths.length) throw new Error('answer has both CL and TE');
    if (lengths.length > 1) throw new Error('answer has two Content-Length');
    if (te !== undefined) return new BodyReader('chunked');
    if (lengths.length) return new BodyReader('length', Number(lengths[0]));
    return new BodyReader('close');
  }

  header(name) {
    return header(this.headers, name);
  }

  get body() {
    return this.reader.body;
  }

  get text() {
    return this.body.toString('utf8');
  }

  get json() {
    return JSON.parse(this.text);
  }

  /* The framing said that it was all. */
  get is_clean() {
    return this.reader.is_done;
  }
}

export class Conn {
  static #open = new Set();

  /* What a failed test left behind would keep its file from ending. */
  static destroy_all() {
    for (const conn of Conn.#open) conn.destroy();
  }

  constructor(socket) {
    this.socket = socket;
    Conn.#open.add(this);
    this.signal = new Signal();
    this.buffer = [];
    this.received = 0; // bytes
    this.is_ended = false; // FIN came
    this.is_closed = false;
    this.error = null;
    socket.setNoDelay(true);
    socket.unref(); // every wait has a deadline, which keeps the process
    socket.on('data', (data) => {
      this.received += data.length;
      try {
        if (this.answer) data = this.answer.reader.feed(data);
        if (data.length) this.buffer.push(data);
      } catch (e) {
        this.error = e;
      }
      this.signal.fire();
    });
    socket.on('end', () => {
      this.is_ended = true;
      if (this.answer?.reader.framing === 'close') this.answer.reader.is_done = true;
      this.signal.fire();
    });
    socket.on('error', (e) => {
      this.error = e;
      this.signal.fire();
    });
    socket.on('close', () => {
      Conn.#open.delete(this);
      this.is_closed = true;
      this.signal.fire();
    });
  }

  static open(port, options = {}) {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host: options.address ?? '127.0.0.1', allowHalfOpen: true });
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Conn(socket));
      });
      socket.once('error', reject);
    });
  }

  get local() {
    return `${this.socket.localAddress}:${this.socket.localPort}`;
  }

  get rest() {
    if (this.buffer.length > 1) this.buffer = [Buffer.concat(this.buffer)];
    return this.buffer[0] ?? Buffer.alloc(0);
  }

  get is_over() {
    return this.is_ended || this.is_closed || this.error !== null;
  }

  /* Resolves when the kernel has taken the bytes; never rejects: a closed peer is seen elsewhere. */
  write(data) {
    return new Promise((resolve) => this.socket.write(bytes(data), () => resolve()));
  }

  /* A request with its body; `body` may be a string, a Buffer, or nothing. */
  request(method, target, { headers = [], body, host } = {}) {
    const all = [['Host', host ?? `127.0.0.1:${this.socket.remotePort}`], ...headers];
    const data = body === undefined ? Buffer.alloc(0) : Buffer.from(body);
    if (body !== undefined && header(all, 'content-length') === undefined)
      all.push(['Content-Length', String(data.length)]);
    return this.write(Buffer.concat([head_bytes(`${method} ${target} HTTP/1.1`, all), data]));
  }

  /* The next answer's head. Its body is read on with `answer.reader`. */
  async head(method = 'GET', ms = DEADLINE_MS) {
    this.answer = null;
    const end = await this.signal.when(() => {
      const at = this.rest.indexOf('\r\n\r\n');
      if (at >= 0) return { at };
      if (this.is_over)
        throw new Error(`connection ended before an answer (${this.error?.code ?? 'FIN'}), `
          + `got ${JSON.stringify(this.rest.toString('latin1').slice(0, 200))}`);
      return null;
    }, 'an answer\'s head', ms);
    const rest = this.rest;
    const answer = new Answer(rest.subarray(0, end.at), method);
    this.buffer = [];
    this.answer = answer;
    const left = answer.reader.feed(rest.subarray(end.at + 4));
    if (left.length) this.buffer.push(left);
    if (this.is_ended && answer.reader.framing === 'close') answer.reader.is_done = true;
    return answer;
  }

  /* At least `size` bytes of the current answer's body have come. */
  async body_at_least(size, ms = DEADLINE_MS) {
    const { reader } = this.answer;
    await this.signal.when(() => {
      if (reader.size >= size) return true;
      if (this.is_over || reader.is_done) throw new Error(`body ended at ${reader.size} of ${size} bytes`);
      return false;
    }, `${size} bytes of body`, ms);
  }

  /* Until the answer's end, or the connection's. */
  async finish(ms = DEADLINE_MS) {
    const { answer } = this;
    await this.signal.when(() => answer.reader.is_done || this.is_over, 'the end of an answer', ms);
    return answer;
  }

  async answer_whole(method = 'GET', ms = DEADLINE_MS) {
    let answer = await this.head(method, ms);
    while (answer.status < 200) answer = await this.head(method, ms);
    return this.finish(ms);
  }

  async ask(method, target, options) {
    await this.request(method, target, options);
    return this.answer_whole(method, options?.ms);
  }

  /* How the peer closed: 'fin' or 'rst'. */
  async closed(ms = DEADLINE_MS) {
    await this.signal.when(() => this.is_over, 'the connection to be closed', ms);
    return this.error ? 'rst' : 'fin';
  }

  pause() {
    this.socket.pause();
  }

  resume() {
    this.socket.resume();
  }

  fin() {
    this.socket.end();
  }

  rst() {
    this.socket.resetAndDestroy();
  }

  destroy() {
    this.socket.destroy();
  }
}

/* One request on a connection of its own. */
export async function ask(port, method, target, options = {}) {
  const conn = await Conn.open(port, options);
  try {
    return await within(conn.ask(method, target, options), options.ms ?? DEADLINE_MS,
      `${method} ${target.slice(0, 80)}`);
  } finally {
    conn.destroy();
  }
}

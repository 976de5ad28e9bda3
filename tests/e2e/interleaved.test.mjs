/*
 * interleaved.test.mjs: clients and a provider that both do as they please: answers before the request
 * is whole, bodies where none belong, breaks at any place, clients that leave, stop reading or break
 * the framing. Whatever meets whatever, nobody gets another's bytes, nothing is sent twice, all ends,
 * and all is remembered. Seeds are fixed; INTERLEAVED=COUNT[,FIRST SEED] tries more.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Conn } from '../lib/client.mjs';
import { headers_for, session_id } from '../lib/messages.mjs';
import { with_proxy } from '../lib/suite.mjs';
import { random, until } from '../lib/wait.mjs';

const [count, first_seed] = (process.env.INTERLEAVED ?? '60,1').split(',').map(Number);
const AT_ONCE = 20;
const config = { server: { timeouts: { read: '2s' } }, providers: { anthropic: { response_header_timeout: '2s', max_retries: 0 } } };
const kinds = {
  'a client that leaves ends it': with_proxy({ config }),
  'the provider is read to its end': with_proxy({ config: { ...config, server: { ...config.server, on_client_disconnect: 'drain' } } }),
  'the end is on the disk first': with_proxy({ config: { ...config, storage: { durability: 'sync' } } }),
};

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const pick = (r, list) => list[Math.floor(r() * list.length)];
/* Bytes that tell whose they are. */
const marked = (mark, size) => Buffer.from(`<${mark}>`.repeat(Math.ceil(size / (mark.length + 2)))).subarray(0, size);

/* What the provider does with one request. `mark`: in every byte of its answer. */
function provider_script(r, mark) {
  const before = pick(r, ['head', 'head', 'some', 'all', 'all', 'all']);
  const interim = pick(r, ['', '', '', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(3)]);
  const framing = pick(r, ['length', 'length', 'chunked', 'chunked', 'close', '204', '304', 'none']);
  const size = pick(r, [0, 1, 100, 5000, 70000, 400000]);
  const end = pick(r, ['whole', 'whole', 'whole', 'extra', 'fin', 'rst', 'stall']);
  const pieces = pick(r, [1, 2, 7]);
  const waits_ms = pick(r, [0, 0, 5, 60]);
  const stops_reading = r() < 0.2;
  const closes = r() < 0.2;
  return async (x) => {
    const { socket } = x.link;
    if (stops_reading) socket.pause();
    if (before === 'some') await pause(10);
    if (before === 'all' && !stops_reading) await x.received();
    if (interim) await x.write(interim);
    if (framing === 'none') {
      socket.resume(); // else it would not see the end
      if (end === 'stall') await x.closed(20000);
      return end === 'rst' ? x.rst() : x.fin();
    }
    const body = marked(mark, size);
    /* Bytes behind an answer belong to nobody where no other can be due; elsewhere they are the next answer. */
    const says_close = closes || end === 'extra' || framing.length === 3 || x.method === 'HEAD';
    const status = framing.length === 3 ? framing : '200';
    let head = `HTTP/1.1 ${status} Fine\r\nX-Mark: ${mark}\r\n${says_close ? 'Connection: close\r\n' : ''}`;
    if (framing === 'chunked') head += 'Transfer-Encoding: chunked\r\n';
    if (framing === 'length' || framing === '304') head += `Content-Length: ${body.length}\r\n`;
    await x.write(`${head}\r\n`);
    const whole = end === 'whole' || end === 'extra';
    const sent = whole ? body.length : Math.floor(body.length / 2);
    for (let i = 0; i < pieces; i += 1) {
      const part = body.subarray(Math.floor(sent * i / pieces), Math.floor(sent * (i + 1) / pieces));
      if (!part.length) continue;
      await x.write(framing === 'chunked' ? Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]) : part);
      if (waits_ms) await pause(waits_ms);
    }
    if (whole && framing === 'chunked') await x.write('0\r\n\r\n');
    if (end === 'extra' && framing !== 'close') await x.write(`HTTP/1.1 200 Extra\r\nX-Mark: extra\r\nContent-Length: 0\r\n\r\n`);
    if (stops_reading) {
      await pause(100);
      socket.resume();
    }
    if (end === 'rst') x.rst();
    else if (end === 'stall' && (size || framing !== 'length')) await x.closed(20000); // else it was whole
    else if (end === 'fin' || framing === 'close') x.fin();
  };
}

/* One connection of a client that sends some requests. */
async function client(r, t, name) {
  const conn = await Conn.open(t.proxy.port);
  const requests = [];
  const bytes = [];
  const many = pick(r, [1, 1, 2, 3]);
  for (let i = 0; i < many; i += 1) {
    const session = session_id();
    const mark = `${name}.${i}`;
    const method = pick(r, ['POST', 'POST', 'POST', 'GET', 'HEAD', 'DELETE']);
    const size = method === 'POST' ? pick(r, [0, 10, 3000, 200000, 3 << 20]) : 0;
    const framing = pick(r, ['length', 'chunked', 'broken']);
    t.up.on(session, provider_script(r, mark));
    let head = `${method} /v1/files HTTP/1.1\r\nHost: 127.0.0.1:${t.proxy.port}\r\n`;
    for (const [n, v] of headers_for(session)) head += `${n}: ${v}\r\n`;
    if (r() < 0.1 && size) head += 'Expect: 100-continue\r\n';
    const body = marked(`>${mark}`, size);
    if (method !== 'POST') bytes.push(Buffer.from(`${head}\r\n`));
    else if (framing === 'length') bytes.push(Buffer.from(`${head}Content-Length: ${size}\r\n\r\n`), body);
    else {
      bytes.push(Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n`));
      for (let at = 0; at < size; at += 50000) {
        const part = body.subarray(at, at + 50000);
        bytes.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'));
      }
      const is_broken = framing === 'broken' && r() < 0.3;
      bytes.push(Buffer.from(is_broken ? 'zz\r\n\r\n' : '0\r\n\r\n'));
    }
    requests.push({ session, mark, method });
  }
  const all = Buffer.concat(bytes);
  const leaves = pick(r, ['', '', '', 'fin', 'rst', 'half']);
  const leaves_after = leaves ? r() * all.length * 1.3 : Infinity;
  const step = pick(r, [all.length, all.length, 100000, 1 + Math.floor(all.length / 5)]);
  if (r() < 0.15) {
    conn.pause();
    setTimeout(() => conn.resume(), 150).unref();
  }
  const writing = (async () => {
    for (let at = 0; at < all.length && at < leaves_after && !conn.is_over; at += step) {
      const written = conn.write(all.subarray(at, Math.min(at + step, leaves_after)));
      await Promise.race([written, pause(300)]);
      if (step < all.length) await pause(pick(r, [0, 1, 20]));
    }
    if (leaves) await pause(pick(r, [0, 0, 3, 40]));
    if (leaves === 'rst') conn.rst();
    else if (leaves === 'fin') conn.destroy();
    else if (leaves === 'half') conn.fin();
  })();
  /* Each answer is for the request whose turn it is, or ends the connection. */
  for (const q of requests) {
    let answer;
    try {
      answer = await conn.answer_whole(q.method, 30000);
    } catch (e) {
      if (!/ended before an answer/.test(e.message)) throw new Error(`${q.mark}: ${e.message}`);
      break;
    }
    const mark = answer.header('x-mark');
    assert.ok(mark === undefined || mark === q.mark, `${q.mark} got the head of ${mark}`);
    if (mark) assert.ok(marked(mark, answer.body.length).equals(answer.body), `${mark}: bytes of its own`);
    else assert.ok(answer.status >= 400, `${q.mark}: ${answer.line}`);
    if (!answer.is_clean) break;
  }
  await writing;
  conn.destroy();
  return requests;
}

for (const [name, t] of Object.entries(kinds)) {
  test(`whatever meets whatever (${name})`, { timeout: 60000 + count * 1000 }, async () => {
    for (let seed = first_seed; seed < first_seed + count; seed += AT_ONCE) {
      const seeds = Array.from({ length: Math.min(AT_ONCE, first_seed + count - seed) }, (_, i) => seed + i);
      const all = await Promise.all(seeds.map((s) => client(random(s).next, t, `s${s}`)));
      await until(async () => JSON.parse((await t.proxy.get('/livez')).body).in_flight === 0, `nothing in flight (seeds from ${seed})`);
      for (const { session, mark } of all.flat())
        assert.ok(t.up.seen(session).length <= 1, `${mark} was sent more than once`);
    }
    assert.deepEqual(t.up.problems, []);
    const sent = t.up.ledger.length;
    assert.ok(sent > count / 2, `${sent} requests reached the provider`);
    for (const x of t.up.ledger) assert.ok((await t.proxy.row(x.session)).state, 'it has a row');
  });
}

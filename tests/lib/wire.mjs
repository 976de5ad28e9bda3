/*
 * wire.mjs: runs a table of raw requests, one row a case. What is refused gets one answer, the
 * connection is closed, the provider sees not a byte of it, and a request that was smuggled in
 * behind it is never taken for one.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Conn, ask } from './client.mjs';

let number = 0;

/*
 * A row:
 *   name      what is odd about it
 *   bytes     text, or (authority) => text; sent as it is, latin-1
 *   status    the statuses that are right; null: closed without an answer is right too
 *   reach     'none' (default): the provider sees nothing; 'incomplete': it may have seen the
 *             beginning of a body that went wrong later, but never a whole request
 *   shape     of an error: the provider's (default), 'api' (the same, and a code), or 'any' of the two
 *   canary    false: nothing is sent behind it
 *   is_open   true: the connection may stay open (the request was understood)
 *   then      'fin': the client closes its side after sending
 *   pieces    more to send after `bytes`, each a write of its own
 */
export function refused(t, row) {
  test(`refused: ${row.name}`, { timeout: row.ms ?? 20000 }, async () => {
    number += 1;
    const canary = `/v1/canary-${number}`;
    const authority = `127.0.0.1:${t.proxy.port}`;
    const text = typeof row.bytes === 'function' ? row.bytes(authority) : row.bytes;
    const tail = row.canary === false ? '' : `GET ${canary} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;
    const received = t.up.received_size;
    const count = t.up.ledger.length;
    const conn = await Conn.open(t.proxy.port);
    conn.write(text + (row.pieces ? '' : tail));
    for (const piece of row.pieces ?? []) conn.write(piece);
    if (row.pieces) conn.write(tail);
    if (row.then === 'fin') conn.fin();

    let answer = null;
    try {
      answer = await conn.head(row.method ?? 'GET', row.ms ? row.ms - 2000 : 5000);
    } catch (e) {
      assert.ok(row.status.includes(null) && /ended before an answer/.test(e.message), e.message);
    }
    if (answer) {
      await conn.finish();
      assert.ok(row.status.includes(answer.status), `status ${answer.status} instead of ${row.status}`);
      check_shape(answer, row);
      if (!row.is_open) await conn.closed(5000);
      assert.equal(conn.rest.toString('latin1'), '', 'one answer and no more');
    }
    conn.destroy();

    /* A good request comes through; before it, nothing has. */
    const sentinel = `/v1/sentinel-${number}`;
    const before = { received: t.up.received_size, lines: t.up.ledger.slice(count) };
    assert.equal((await ask(t.proxy.port, 'GET', sentinel)).status, 200);
    const seen = t.up.ledger.slice(count).filter((x) => x.path !== sentinel);
    assert.equal(t.up.ledger.filter((x) => x.target?.includes(canary)).length, 0, 'the canary was interpreted');
    if (row.reach === 'incomplete') {
      assert.equal(seen.filter((x) => x.is_received).length, 0, 'a whole request reached the provider');
    } else {
      assert.deepEqual(seen.map((x) => x.line), []);
      assert.equal(before.received, received, 'bytes reached the provider');
    }
  });
}

function check_shape(answer, row) {
  if (answer.status < 400) return;
  assert.match(answer.header('content-type') ?? '', /^application\/json/, 'a JSON error');
  const body = answer.json;
  assert.equal(body.type, 'error');
  assert.equal(typeof body.error.type, 'string');
  assert.equal(typeof body.error.message, 'string');
  if (row.shape !== 'any') assert.equal(typeof body.error.code, row.shape === 'api' ? 'string' : 'undefined');
  if (answer.status === 405) assert.match(answer.header('allow') ?? '', /GET/, 'what is allowed');
  assert.equal(answer.header('access-control-allow-origin'), undefined);
}

/* A row that is fine: it arrives as one request and is answered. */
export function accepted(t, row) {
  test(`accepted: ${row.name}`, async () => {
    const authority = `127.0.0.1:${t.proxy.port}`;
    const count = t.up.ledger.length;
    const conn = await Conn.open(t.proxy.port);
    conn.write(typeof row.bytes === 'function' ? row.bytes(authority) : row.bytes);
    const answer = await conn.answer_whole(row.method ?? 'GET');
    assert.ok((row.status ?? [200]).includes(answer.status), `status ${answer.status}`);
    const seen = t.up.ledger.slice(count);
    assert.equal(seen.length, 1);
    row.check?.(seen[0], answer);
    conn.destroy();
  });
}

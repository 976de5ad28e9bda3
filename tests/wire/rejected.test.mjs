/*
 * rejected.test.mjs: what is refused leaves a row that says so: `rejected`, with the status that the
 * client got. In a file of its own, because such rows are limited in number per second.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { ask } from '../lib/client.mjs';
import { headers_for, session_id } from '../lib/messages.mjs';
import { with_proxy } from '../lib/suite.mjs';

const t = with_proxy({ config: { server: { max_body_bytes: 1048576 } } });

const CASES = [
  ['a body declared larger than allowed', 413, 'request_too_large', { more: [['Content-Length', '1048577']] }],
  ['two framings', 400, 'invalid_request_error', { more: [['Content-Length', '5'], ['Transfer-Encoding', 'chunked']] }],
  ['a foreign Host', 421, 'invalid_request_error', { host: 'evil.example' }],
  ['a foreign Origin', 403, 'permission_error', { more: [['Origin', 'https://evil.example']] }],
  ['an expectation that nobody can meet', 417, 'invalid_request_error', { more: [['Expect', 'wonders']] }],
];

for (const [name, status, type, { more = [], host }] of CASES) {
  test(`${name}: answered in the provider's shape, recorded as rejected`, async () => {
    const session = session_id();
    const answer = await ask(t.proxy.port, 'POST', '/v1/messages', { host, headers: [...headers_for(session), ...more] });
    assert.equal(answer.status, status);
    assert.equal(answer.json.type, 'error');
    assert.equal(answer.json.error.type, type);
    assert.equal(t.up.seen(session).length, 0, 'the provider saw nothing');
    const row = await t.proxy.row(session);
    assert.equal(row.state, 'rejected');
    assert.equal(answer.json.request_id, row.id);
    assert.equal(answer.header('request-id'), row.id);
    assert.equal(row.status, status);
    assert.ok(row.flags.includes('ours'), JSON.stringify(row.flags));
  });
}

test('a body declared larger than allowed closes the connection', async () => {
  const answer = await ask(t.proxy.port, 'POST', '/v1/messages', { headers: [['Content-Length', '1048577']] });
  assert.equal(answer.header('connection')?.toLowerCase(), 'close');
});

test('a flood of refused requests does not become a flood of rows', async () => {
  for (let i = 0; i < 300; i += 1)
    assert.equal((await ask(t.proxy.port, 'GET', '/v1/flood', { host: 'evil.example' })).status, 421);
  const marker = session_id();
  await ask(t.proxy.port, 'GET', '/v1/marker', { headers: headers_for(marker) });
  await t.proxy.row(marker);
  const rows = await t.proxy.rows('state=rejected');
  assert.ok(rows.length < 250, `${rows.length} rows`);
});

// The statistics' page: every table shows what the API says, whatever it divides by; its lines and its charts lead on.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { formatDuration } from '../../web/src/lib/format/duration.ts';
import { formatCostSum } from '../../web/src/lib/format/money.ts';
import { formatCount, formatPercent, formatTokens } from '../../web/src/lib/format/tokens.ts';
import { openPage, rows, shoot, startBrowser, startServer, why_skipped as skip } from './support.mjs';

let server;
let browser;
before(async () => {
  if (skip) return;
  server = await startServer();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

/** The cells that all tables have in common, as the page writes them. */
const usage = (line) => [
  formatTokens(line.usage.input_tokens), formatTokens(line.usage.cache_read_input_tokens), formatTokens(line.usage.cache_creation_input_tokens),
  line.cache_hit_rate === null ? '–' : formatPercent(line.cache_hit_rate, 1), formatTokens(line.usage.output_tokens), formatCostSum(line.cost_usd_micro, line.unknown_cost_count),
  ...[line.first_token_ms, line.duration_ms].flatMap((spread) => [spread.p50, spread.p95, spread.p99].map(formatDuration))
];
const first_cells = {
  tool: (line) => [line.call_count, line.request_count, line.error_count].map(formatCount).concat(formatPercent(line.error_count, line.call_count)),
  other: (line) => [line.request_count, line.error_count].map(formatCount)
};
const divisions = [
  ['model', 'models', 'models'], ['provider', 'providers', 'providers'], ['state', 'states', 'states'], ['agent', 'subagents', 'agents'],
  ['project', 'projects', 'projects'], ['tool', 'tools', 'tools'], ['hour', 'hourly', 'hours'], ['day', `daily?tz=${-new Date().getTimezoneOffset()}`, 'days']
];

test('each table of the statistics is what the API says', { skip }, async () => {
  const { page, trouble, close } = await openPage(browser, server, '/stats', { width: 1440 });
  for (const [name, address, member] of divisions) {
    const lines = (await (await fetch(`${server.url}/api/stats/${address}`)).json())[member];
    if (name === 'hour' || name === 'day') lines.reverse();
    await page.locator(`#tab-${name}`).click();
    await page.waitForFunction(([by, count]) => location.search.includes(`by=${by}`) && document.querySelectorAll('.figures tbody tr').length === count, [name, lines.length]);
    const shown = await page.locator('.figures tbody tr').evaluateAll((found) => found.map((row) => [...row.cells].slice(2).map((cell) => cell.textContent.trim())));
    const told = lines.map((line) => [...(first_cells[name] ?? first_cells.other)(line), ...usage(line)]);
    assert.ok(lines.length > 0, name);
    assert.deepEqual(shown.map((cells) => cells.slice(0, told[0].length)), told, name);
    await shoot(page, `stats-by-${name}`);
  }
  assert.deepEqual(trouble, []);
  await close();
});

test('a line of a table leads to its requests', { skip }, async () => {
  const { page, close } = await openPage(browser, server, '/stats?by=tool', { width: 1440 });
  const line = page.locator('.figures tbody tr').first();
  const count = await line.locator('td').nth(3).textContent();
  await line.getByRole('link').click();
  await rows(page).first().waitFor();
  assert.match(page.url(), /[?&]tool=/);
  await page.getByText(`${count} request`).waitFor();
  await close();
});

test('dragging over a chart filters by that time, and the filter goes along to the list', { skip }, async () => {
  const { page, trouble, close } = await openPage(browser, server, '/stats', { width: 1440 });
  const plot = page.locator('.chart .u-over').first();
  await plot.waitFor();
  const box = await plot.boundingBox();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.98, box.y + 40, { steps: 8 });
  await page.mouse.up();
  await page.waitForURL(/start=.*end=/);
  const { start, end } = Object.fromEntries(new URL(page.url()).searchParams);
  assert.ok(Date.parse(start) < Date.parse(end));
  await page.getByRole('link', { name: 'Requests', exact: true }).click();
  await page.waitForURL((url) => url.pathname === '/' && url.searchParams.get('start') === start && url.searchParams.get('end') === end);
  assert.deepEqual(trouble, []);
  await close();
});

// scroll.mjs — how smoothly the list of requests scrolls when it is long: frame times in Debian's Chromium.
//
//   node bench/scroll.mjs [--rows 100000] [--url http://127.0.0.1:3001] [--width 1440]
//
// Without --url the mock of web/dev serves made-up rows; with it, a proxy over a large store (bench-fill) does.
// The list is read to its end first. Three ways to scroll, 300 frames each: a wheel (120 px a frame), a fling
// (900 px), and jumps to anywhere. For each: time between frames (16.7 ms is the screen's pace), what of it the page
// itself worked (wall clock), and the page's CPU time a frame by kind, which other work on the machine does not change.
// Needs web/build and the packages of tests/browser.
import { parseArgs } from 'node:util';
import { startBrowser } from '../tests/browser/support.mjs';
import { startMock } from '../web/dev/mock-api.mjs';

const frames = 300;
const ways = ['wheel', 'fling', 'jumps'];
const { values } = parseArgs({ options: { rows: { type: 'string', default: '100000' }, url: { type: 'string' }, width: { type: 'string', default: '1440' } } });
const server = values.url ? { url: values.url, close() {} } : await startMock({ rows: Number(values.rows) });
const browser = await startBrowser();
const page = await browser.newPage({ viewport: { width: Number(values.width), height: 900 }, reducedMotion: 'reduce' });
const cdp = await page.context().newCDPSession(page);
await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });

const at = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))].toFixed(1).padStart(6);
const kinds = { script: 'ScriptDuration', style: 'RecalcStyleDuration', layout: 'LayoutDuration', all: 'TaskDuration' };
const spent = async () => Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value * 1000]));

const read = await page.goto(server.url).then(() => page.locator('[role=row][aria-selected]').first().waitFor()).then(() => page.evaluate(async () => {
  const box = document.querySelector('.box');
  const from = performance.now();
  for (let still = 0; still < 60; ) {
    const before = box.scrollHeight;
    box.scrollTop = box.scrollHeight;
    await new Promise(requestAnimationFrame);
    still = box.scrollHeight === before ? still + 1 : 0;
  }
  return { rows: Math.round(box.scrollHeight / 30), took_ms: performance.now() - from };
}));
console.log(`${read.rows} rows read in ${(read.took_ms / 1000).toFixed(1)} s; ${await page.locator('[role=row][aria-selected]').count()} drawn`);
console.log('way      between frames p50   p95    p99   over 17 ms   work p50   p95    p99   CPU a frame: script  style layout    all');
for (const name of ways) {
  await page.evaluate(() => (document.querySelector('.box').scrollTop = 0));
  await page.waitForTimeout(500);
  const before = await spent();
  const { between, work } = await page.evaluate(async ([count, way]) => {
    const box = document.querySelector('.box');
    const next = { wheel: () => box.scrollTop + 120, fling: () => box.scrollTop + 900, jumps: () => Math.random() * box.scrollHeight }[way];
    const [between, work] = [[], []];
    const { port1, port2 } = new MessageChannel();
    let last = await new Promise(requestAnimationFrame);
    for (let n = 0; n < count; n++) {
      box.scrollTop = next(box);
      const began = await new Promise(requestAnimationFrame);
      between.push(began - last);
      last = began;
      // A message is taken after the frame has been laid out and painted.
      await new Promise((done) => { port1.onmessage = done; port2.postMessage(0); });
      work.push(performance.now() - began);
    }
    return { between: between.sort((a, b) => a - b), work: work.sort((a, b) => a - b) };
  }, [frames, name]);
  const after = await spent();
  const late = between.filter((ms) => ms > 17.5).length;
  const cpu = Object.values(kinds).map((kind) => ((after[kind] - before[kind]) / frames).toFixed(2).padStart(6)).join(' ');
  console.log(`${name.padEnd(8)} ${' '.repeat(12)}${at(between, 0.5)} ${at(between, 0.95)} ${at(between, 0.99)}   ${`${((late / frames) * 100).toFixed(0)} %`.padStart(6)}     ${at(work, 0.5)} ${at(work, 0.95)} ${at(work, 0.99)}                ${cpu}`);
}
await browser.close();
await server.close();

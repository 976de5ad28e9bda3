// Makes docs/screenshots/*.png: the real Claude Code, through the real proxy, against a provider that plays
// a small piece of work (play.mjs); then the dashboard in a real browser. Needs a built proxy with the dashboard,
// Claude Code (tests/client/claude, or CLAUDE_BINARY) and Chromium with playwright-core (tests/browser).
//
//     node scripts/screenshots.mjs

import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startBrowser } from '../tests/browser/support.mjs';
import { Proxy } from '../tests/lib/proxy.mjs';
import { play, provider } from './play.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const output = join(root, 'docs/screenshots');
const claude = process.env.CLAUDE_BINARY ?? join(root, 'tests/client/claude/node_modules/@anthropic-ai/claude-code/bin/claude.exe');
if (!existsSync(claude)) throw new Error(`Claude Code is not at ${claude}`);

/** Rules for the picture of them. The gateway is the same provider: one agent's requests take that way. */
const config = (url) => ({
  providers: { gateway: { format: 'anthropic', base_url: url, api_key: 'sk-gateway', fallback_provider: 'anthropic' } },
  subagents: { enable: true, mappings: { reviewer: 'gateway:claude-haiku-4-5', Explore: 'ollama:qwen3-coder' } },
  routing: { models: { 'claude-haiku-*': 'gateway:' } }
});

/** What is on each picture: its address, and a sign that it is there. */
async function pictures(url) {
  const { requests } = await (await fetch(`${url}/api/requests?limit=100`)).json();
  const work = requests.filter((row) => row.title === 'Fix the failing date test' && !row.agent_id);
  const turn = work.find((row) => row.tools?.some((tool) => tool.name === 'Edit')) ?? work[0];
  return {
    requests: ['/', '[role=row][aria-selected]'],
    request: [`/requests/${turn.id}?tab=conversation`, '#tab-panel article'],
    overview: [`/requests/${turn.id}`, '.waterfall'],
    session: [`/sessions/${work[0].session_id}`, '[role=treegrid] .turn'],
    search: ['/search?q=date', '.hit mark'],
    statistics: ['/stats', '.chart canvas'],
    routing: ['/routing', 'tbody tr']
  };
}

async function shoot(url, theme) {
  const browser = await startBrowser();
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 }, colorScheme: theme, reducedMotion: 'reduce' });
  for (const [name, [path, sign]] of Object.entries(await pictures(url))) {
    await page.goto(url + path);
    await page.locator(sign).first().waitFor();
    await page.waitForFunction(() => !document.querySelector('.notice.wait') && document.fonts.status === 'loaded');
    // Code is coloured, and edits are compared, a moment after they are drawn.
    await page.waitForTimeout(700);
    await page.screenshot({ path: join(output, `${name}${theme === 'dark' ? '-dark' : ''}.png`) });
  }
  await browser.close();
}

const base = mkdtempSync(join(tmpdir(), 'ccp-screenshots-'));
const folder = join(base, 'ledger');
mkdirSync(folder);
mkdirSync(output, { recursive: true });
const server = await provider(folder);
const upstream = `http://127.0.0.1:${server.address().port}`;
const proxy = await Proxy.start({ upstream, config: config(upstream) });
try {
  await play(claude, folder, join(base, 'home'), proxy.url);
  await shoot(proxy.url, 'light');
  await shoot(proxy.url, 'dark');
} finally {
  await proxy.stop();
  server.close();
  rmSync(base, { recursive: true, force: true });
}

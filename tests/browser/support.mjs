// What every browser test needs: a server (BASE_URL, or the mock over web/build), a Chromium, and a page that
// remembers everything that went wrong in it.
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { startMock } from '../../web/dev/mock-api.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const output = `${here}/../e2e/output/browser`;
const executable = process.env.CHROMIUM ?? '/usr/bin/chromium';
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Tests that steer the server, or count its rows, need the mock. */
export const onMock = !process.env.BASE_URL;
export const why_skipped = !existsSync(executable)
  ? `no Chromium at ${executable}`
  : onMock && !existsSync(`${here}/../../web/build/index.html`) ? 'web/build is missing: npm run build in web/' : false;

export async function startServer(options = {}) {
  if (process.env.BASE_URL) return { url: process.env.BASE_URL.replace(/\/$/, ''), close: async () => {} };
  return startMock({ rows: 120, ...options });
}

export const startBrowser = () => chromium.launch({ executablePath: executable, args: flags });

/** A page with `trouble`: page errors, refusals of the policy, requests to elsewhere, dialogs. */
export async function openPage(browser, server, path, { width = 1280, height = 800, theme = 'light', ...more } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, reducedMotion: 'reduce', ...more });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const trouble = [];
  page.on('pageerror', (error) => trouble.push(`page error: ${error.message}`));
  page.on('console', (message) => {
    if (/Content Security Policy|TrustedHTML|Trusted Type/i.test(message.text())) trouble.push(`policy: ${message.text()}`);
  });
  page.on('dialog', (dialog) => {
    trouble.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(server.url) && !url.startsWith('data:') && !url.startsWith('blob:')) trouble.push(`outside request: ${url}`);
  });
  await page.goto(server.url + path);
  return { page, trouble, close: () => context.close() };
}

export async function shoot(page, name) {
  mkdirSync(output, { recursive: true });
  await page.screenshot({ path: `${output}/${name}.png` });
}

export const control = async (server, name) => (await fetch(`${server.url}/__mock/${name}`)).json();
export const rows = (page) => page.locator('[role=row][aria-selected]');

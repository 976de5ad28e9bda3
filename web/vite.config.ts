// The dashboard's build: one page application in web/build, served by the proxy from its own port.
// In development the API comes from the mock server (npm run mock) or from a proxy named by API_URL.
import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const api = process.env.API_URL ?? 'http://127.0.0.1:3999';

// SvelteKit's announcer for screen readers brings a style attribute, which style-src 'self' refuses. app.css
// has the same rules; scripts/finish-build.mjs proves that no such attribute is left.
const withoutInlineStyle: Plugin = {
  name: 'announcer-without-inline-style',
  enforce: 'pre',
  transform: {
    filter: { id: /kit\/src\/runtime\/components\/root\.svelte$/ },
    handler: (code) => ({ code: code.replace(/(id="svelte-announcer"[^>]*?)\sstyle="[^"]*"/, '$1'), map: null })
  }
};

export default defineConfig({
  plugins: [
    withoutInlineStyle,
    sveltekit({
      // Compressed copies are made by scripts/finish-build.mjs, after the inline script has been moved out.
      adapter: adapter({ pages: 'build', assets: 'build', fallback: 'index.html', precompress: false }),
      // The same sources give the same files: SvelteKit would otherwise name the build by its time.
      version: { name: process.env.npm_package_version ?? 'dev' }
    })
  ],
  // A data: URL font or image would need a wider policy than 'self'.
  build: { assetsInlineLimit: 0 },
  // The worker loads the highlighter when code is shown, not before.
  worker: { format: 'es' },
  server: { proxy: { '/api': api, '/health': api } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' }
});

// Runs before the first paint, so that a chosen theme does not flash the other one. The rest of the
// theme's life is src/lib/state/theme.svelte.ts.
try {
  const theme = localStorage.getItem('theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be refused; the system's theme then holds.
}

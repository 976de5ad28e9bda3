/* Calls `read` at once, then every so often while the page is seen; gives what ends it. */
export function repeat(read: () => unknown, every_ms: number): () => void {
  void read();
  const timer = setInterval(() => !document.hidden && read(), every_ms);
  return () => clearInterval(timer);
}

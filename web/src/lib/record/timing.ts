// The stretches of one exchange, from the moment the proxy had the request to the last byte of the answer.
export type Stretch = { name: string; from_ms: number; to_ms: number; kind: 'send' | 'wait' | 'think' | 'stream' };

type Times = {
  sent_ms?: number | null;
  connect_ms?: number | null;
  ttfb_ms: number | null;
  first_token_ms: number | null;
};

export function stretchesOf(times: Times, end_ms: number): Stretch[] {
  const out: Stretch[] = [];
  let from = 0;
  const until = (name: string, to: number | null | undefined, kind: Stretch['kind']) => {
    if (to === null || to === undefined || to < from) return;
    const to_ms = Math.min(to, end_ms);
    if (to_ms > from || kind === 'stream') out.push({ name, from_ms: from, to_ms, kind });
    from = to_ms;
  };
  until('Connect', times.connect_ms, 'send');
  until('Send request', times.sent_ms, 'send');
  until('Wait for answer', times.ttfb_ms ?? end_ms, 'wait');
  if (times.ttfb_ms === null) return out;
  until('To first token', times.first_token_ms, 'think');
  until(times.first_token_ms === null ? 'Receive' : 'Stream tokens', end_ms, 'stream');
  return out;
}

/** Output tokens a second, counted from the first token. */
export function tokensPerSecond(output: number | null | undefined, first_token_ms: number | null, end_ms: number | null) {
  if (!output || first_token_ms === null || end_ms === null || end_ms - first_token_ms < 1) return null;
  return output / ((end_ms - first_token_ms) / 1000);
}

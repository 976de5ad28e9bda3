import { describe, expect, it } from 'vitest';
import { placeEvents } from '../conversation/sse.ts';
import type { RequestDetail } from '../api/types.ts';
import { groupLosses } from './losses.ts';
import { curlOf } from './curl.ts';
import { piecesOf, playedUntil } from './replay.ts';
import { axisMarks, rhythmOf } from './timeline.ts';
import { stretchesOf, tokensPerSecond } from './timing.ts';

describe('timeline', () => {
  it('finds gaps and stalls', () => {
    const rhythm = rhythmOf({ ttfb_us: 0, first_token_us: 0, duration_us: 4_000_000, chunks: [[0, 5], [1000, 5], [3_000_000, 10]] }, 4);
    expect(rhythm.columns.map((column) => column.bytes)).toEqual([10, 0, 0, 10]);
    expect(rhythm.stalls).toBe(1);
    expect(rhythm.gaps[0]).toEqual({ from_us: 1000, to_us: 3_000_000, after_chunk: 2 });
  });
  it('survives no chunks', () => expect(rhythmOf({ ttfb_us: null, first_token_us: null, duration_us: null, chunks: [] }, 3).bytes).toBe(0));
  it('marks an axis in round steps', () => expect(axisMarks(4100, 4)).toEqual([0, 2000, 4000]));
});

describe('timing', () => {
  it('cuts an exchange into stretches without holes', () => {
    const stretches = stretchesOf({ connect_ms: 10, sent_ms: 12, ttfb_ms: 800, first_token_ms: 900 }, 5000);
    expect(stretches.map((s) => [s.from_ms, s.to_ms])).toEqual([[0, 10], [10, 12], [12, 800], [800, 900], [900, 5000]]);
  });
  it('is all waiting before the first byte', () => {
    expect(stretchesOf({ ttfb_ms: null, first_token_ms: null }, 70)).toEqual([{ name: 'Wait for answer', from_ms: 0, to_ms: 70, kind: 'wait' }]);
  });
  it('knows no speed without a first token', () => {
    expect(tokensPerSecond(100, null, 10)).toBe(null);
    expect(tokensPerSecond(100, 1000, 3000)).toBe(50);
  });
});

describe('losses of a translation', () => {
  const loss = (what: string, path: string) => ({ what, path, why: 'w', count: 1 });
  it('puts the gravest kind first, an unknown one last, and leaves each kind as it was told', () => {
    const groups = groupLosses([loss('renamed', 'a'), loss('bent', 'b'), loss('dropped', 'c'), loss('approximated', 'd'), loss('dropped', 'a')]);
    expect(groups.map((group) => [group.what, group.losses.map((one) => one.path).join()])).toEqual([['dropped', 'c,a'], ['approximated', 'd'], ['renamed', 'a'], ['bent', 'b']]);
  });
  it.each([[null], [undefined], [[]]])('has no group for %j', (losses) => expect(groupLosses(losses)).toEqual([]));
});

describe('replay', () => {
  const delta = (text: string) => `event: content_block_delta\ndata: ${JSON.stringify({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })}\n\n`;
  const first = delta('one ');
  const second = delta('two');
  const events = placeEvents(first + second)!;
  const times = { ttfb_us: 5, first_token_us: 5, duration_us: 900 };

  it('gives each piece the time of the chunk it ended in', () => {
    const pieces = piecesOf(events, { ...times, chunks: [[5, first.length + 3], [800, second.length - 3]] });
    expect(pieces.map((piece) => [piece.at_us, piece.text])).toEqual([[5, 'one '], [800, 'two']]);
    expect(playedUntil(pieces, 799)).toEqual([{ block: 0, kind: 'text_delta', text: 'one ' }]);
    expect(playedUntil(pieces, 800)[0]!.text).toBe('one two');
  });
  it('places the events of a compressed stream in proportion', () => {
    const pieces = piecesOf(events, { ...times, chunks: [[5, 20], [800, 20]] });
    expect(pieces.map((piece) => piece.at_us)).toEqual([5, 800]);
  });
  it('survives a stream without chunks', () => expect(piecesOf(events, { ...times, chunks: [] }).map((piece) => piece.at_us)).toEqual([0, 0]));
});

describe('curl', () => {
  const head = { id: 'r1', method: 'POST', path: '/v1/messages', query: 'beta=true', stream: true, request_headers: [['Host', 'x'], ['x-api-key', 'sk-…[a1]'], ['X-Odd', "it's"]] } as unknown as RequestDetail;
  it('quotes for a shell, and puts variables where secrets were', () => {
    expect(curlOf(head, `{"a":"it's"}`, 'http://h')).toBe(
      `curl 'http://h/v1/messages?beta=true' \\\n  --no-buffer \\\n  -H "x-api-key: $ANTHROPIC_API_KEY" \\\n  -H 'X-Odd: it'\\''s' \\\n  --data-raw '{"a":"it'\\''s"}'`
    );
  });
  it('reads a large body from a file', () => expect(curlOf(head, 'x'.repeat(200_000), 'http://h')).toMatch(/--data-binary @request-r1\.json$/));
});

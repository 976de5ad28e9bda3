import { describe, expect, it } from 'vitest';
import { formatBytes, formatWrittenSize } from './bytes.ts';
import { formatDuration, formatRound, formatTicking } from './duration.ts';
import { shortId, shortModel } from './names.ts';
import { listLink, requestLink } from './links.ts';
import { formatAgo, formatWhen } from './time.ts';
import { formatPercent, formatTokens, plural } from './tokens.ts';

describe('bytes', () => {
  it.each([
    [null, '–'],
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 KB'],
    [151_234, '151 KB'],
    [99_960, '100 KB'],
    [5_242_880, '5.24 MB'],
    [Number.NaN, '–']
  ])('%s is %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
  it.each([
    ['20GiB', '21.5 GB'],
    ['32MB', '32.0 MB'],
    ['4096B', '4.10 KB'],
    ['0GiB', '0 B'],
    ['30d', '30d'],
    ['3001', '3001'],
    ['/home/me/20GiB', '/home/me/20GiB'],
    ['', '']
  ])('%j as it is written is %j', (written, text) => expect(formatWrittenSize(written)).toBe(text));
});

describe('duration', () => {
  it.each([
    [null, '–'],
    [0, '0 ms'],
    [0.44, '0.4 ms'],
    [812.4, '812 ms'],
    [999.6, '1.00 s'],
    [5120.7, '5.12 s'],
    [64_000, '1 m 04 s'],
    [7_500_000, '2 h 05 m'],
    [-3, '0 ms']
  ])('%s is %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
  it('is round on an axis', () => expect([10_000, 2000, 100, 2500].map(formatRound)).toEqual(['10 s', '2 s', '100 ms', '2.5 s']));
  it('ticks with one digit', () => expect(formatTicking(1249)).toBe('1.2 s'));
});

describe('tokens', () => {
  it.each([
    [null, '–'],
    [0, '0'],
    [9_999, '9,999'],
    [48_000, '48.0k'],
    [999_600, '1.00M'],
    [12_340_000, '12.3M']
  ])('%s is %s', (count, text) => expect(formatTokens(count)).toBe(text));
  it('never calls a share of nothing 0', () => expect(formatPercent(0, 0)).toBe('–'));
  it('keeps a small share visible', () => expect(formatPercent(1, 100_000)).toBe('<0.1 %'));
  it('counts one', () => expect([plural(1, 'tool'), plural(2, 'tool')]).toEqual(['1 tool', '2 tools']));
});

describe('names', () => {
  it.each([
    ['claude-opus-4-1-20250805', 'opus-4-1'],
    ['claude-haiku-4-5', 'haiku-4-5'],
    ['us.anthropic.claude-sonnet-4', 'sonnet-4'],
    ['gpt-5', 'gpt-5'],
    [null, '–']
  ])('%s is %s', (model, text) => expect(shortModel(model)).toBe(text));
  it('keeps the telling end of an id', () => expect(shortId('019aa1b2-0000-7000-8000-0123456789ab')).toBe('456789ab'));
});

describe('links', () => {
  it('survive half a surrogate pair', () => {
    expect(listLink({ session: 'a\uD83D' })).toBe('/?session=a%EF%BF%BD');
    expect(requestLink('\uD83D')).toBe('/requests/%EF%BF%BD');
  });
});

describe('time', () => {
  it('says when it was today', () => {
    const now = new Date(2026, 10, 21, 15, 0, 0);
    expect(formatWhen(new Date(2026, 10, 21, 9, 5, 7).toISOString(), now)).toBe('09:05:07');
    expect(formatWhen(new Date(2026, 10, 20, 9, 5, 7).toISOString(), now)).toBe('Fri 09:05');
    expect(formatWhen(new Date(2026, 9, 2, 9, 5, 7).toISOString(), now)).toBe('2 Oct');
    expect(formatWhen(new Date(2025, 9, 2, 9, 5, 7).toISOString(), now)).toBe('2 Oct 25');
    expect(formatWhen('not a time', now)).toBe('–');
  });
  it('says how long ago', () => {
    const now = Date.parse('2026-11-21T00:10:00Z');
    expect(formatAgo('2026-11-21T00:09:58Z', now)).toBe('just now');
    expect(formatAgo('2026-11-21T00:07:00Z', now)).toBe('3 min ago');
  });
});

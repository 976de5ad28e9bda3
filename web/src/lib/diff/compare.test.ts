import { describe, expect, it } from 'vitest';
import { compareBodies, compareMessages } from './compare.ts';

const text = (words: string, more = {}) => ({ role: 'user', content: [{ type: 'text', text: words, ...more }] });

describe('messages', () => {
  it('sees through the way a message is written, and where it is cached', () => {
    const rows = compareMessages([{ role: 'user', content: 'hi' }], [text('hi', { cache_control: { type: 'ephemeral' } })]);
    expect(rows.map((row) => row.change)).toEqual(['same']);
  });
  it('tells added from changed from removed', () => {
    const rows = compareMessages([text('a'), text('b'), text('c')], [text('a'), text('B'), text('c'), text('d')]);
    expect(rows.map((row) => [row.change, row.before, row.after])).toEqual([['same', 0, 0], ['changed', 1, 1], ['same', 2, 2], ['added', null, 3]]);
    expect(compareMessages([text('a'), text('b')], [text('b')]).map((row) => row.change)).toEqual(['removed', 'same']);
  });
  it.each([[[null], [3]], [['x'], [{ role: 'user' }]]])('survives %j', (a, b) => expect(() => compareMessages(a, b)).not.toThrow());
});

describe('requests', () => {
  const billing = (hex: string) => ({ type: 'text', text: `x-anthropic-billing-header: cc_version=2.1.${hex}; cc_entrypoint=cli;` });
  const body = (change: object) => ({ model: 'm', max_tokens: 1, system: [billing('a'), { type: 'text', text: 'You are' }], tools: [{ name: 'Bash', description: 'runs' }], messages: [text('a')], ...change });

  it('keeps the billing line in a lane of its own', () => {
    const made = compareBodies(body({}), body({ system: [billing('b'), { type: 'text', text: 'You are' }] }));
    expect(made.system.map((row) => row.change)).toEqual(['same']);
    expect(made.billing.map((row) => [row.name, row.change])).toEqual([['cc_version', 'changed'], ['cc_entrypoint', 'same']]);
    expect(made.parts_at).toBe(null);
  });
  it('finds where the prompts part', () => {
    expect(compareBodies(body({}), body({ messages: [text('a'), text('b')] })).parts_at).toEqual({ where: 'messages', index: 1 });
    expect(compareBodies(body({}), body({ tools: [] })).parts_at).toEqual({ where: 'tools', index: 0 });
  });
  it('compares parameters and tools by name', () => {
    const made = compareBodies(body({}), body({ max_tokens: 2, stream: true, tools: [{ name: 'Bash', description: 'runs it' }, { name: 'Read' }] }));
    expect(made.params.filter((row) => row.change !== 'same').map((row) => [row.name, row.change])).toEqual([['max_tokens', 'changed'], ['stream', 'added']]);
    expect(made.tools.map((row) => [row.name, row.change])).toEqual([['Bash', 'changed'], ['Read', 'added']]);
  });
  it('lists the cache marks', () => {
    const marked = body({ messages: [text('a', { cache_control: { type: 'ephemeral' } })] });
    expect(compareBodies(body({}), marked).marks).toEqual({ before: [], after: ['message 1'] });
  });
});

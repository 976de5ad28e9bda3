import { describe, expect, it } from 'vitest';
import { readBody } from './body.ts';
import { isOnlyResults, readBlocks, readConversation } from './conversation.ts';
import { diffLines } from './diff.ts';
import { segmentsOf } from './segments.ts';
import { eventSummary, looksLikeSse, readSse } from './sse.ts';
import { axisMarks, rhythmOf } from './timeline.ts';
import { stretchesOf, tokensPerSecond } from './timing.ts';
import { callSubject, editsOf, toolName } from './tools.ts';

describe('conversation', () => {
  const body = {
    model: 'm',
    system: [{ type: 'text', text: 'You are', cache_control: { type: 'ephemeral' } }],
    tools: [{ name: 'Bash', description: 'runs', input_schema: { type: 'object' } }],
    messages: [
      { role: 'user', content: 'hello' },
      { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm' }, { type: 'tool_use', id: 't1', name: 'Bash', input: { command: 'ls' } }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', is_error: true, content: [{ type: 'text', text: 'no' }] }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'lost', content: 'x' }] }
    ]
  };
  const read = readConversation(body);

  it('joins a result to its call', () => {
    const call = read.messages[1]!.blocks[1]!;
    expect(call).toMatchObject({ kind: 'call', result: { is_error: true, parts: [{ text: 'no' }] } });
    expect(isOnlyResults(read.messages[2]!)).toBe(true);
  });
  it('keeps a result whose call is elsewhere', () => expect(isOnlyResults(read.messages[3]!)).toBe(false));
  it('keeps cache marks and parameters', () => {
    expect(read.system).toEqual([{ text: 'You are', cached: true }]);
    expect(read.params).toEqual([['model', 'm']]);
  });
  it.each([null, 3, 'x', [], { messages: 'x', tools: {}, system: 4 }, { messages: [null, 4, { role: 5 }] }])(
    'survives %j',
    (value) => expect(() => readConversation(value)).not.toThrow()
  );
  it('keeps a block it does not know', () => {
    expect(readBlocks([{ type: 'future', a: 1 }])).toEqual([{ kind: 'other', type: 'future', value: { type: 'future', a: 1 } }]);
  });
});

describe('segments', () => {
  it('folds reminders and finds code', () => {
    const text = 'Look:\n```js\nlet a;\n```\nDone.<system-reminder>\nbe kind\n</system-reminder>';
    expect(segmentsOf(text)).toEqual([
      { kind: 'prose', text: 'Look:' },
      { kind: 'code', language: 'js', text: 'let a;' },
      { kind: 'prose', text: 'Done.' },
      { kind: 'reminder', name: 'system-reminder', text: 'be kind' }
    ]);
  });
  it('takes an open fence to the end', () => {
    expect(segmentsOf('```\nabc')).toEqual([{ kind: 'code', language: '', text: 'abc' }]);
  });
});

describe('stream', () => {
  it('reads events, comments and what is neither', () => {
    const text = 'event: ping\ndata: {"a":1}\n\n: hi\n\ndata: x\ndata: y\r\n\r\noops';
    expect(readSse(text)).toEqual([
      { name: 'ping', data: '{"a":1}' },
      { name: 'comment', data: ': hi' },
      { name: 'message', data: 'x\ny' },
      { name: 'text', data: 'oops' }
    ]);
    expect(looksLikeSse(text)).toBe(true);
    expect(looksLikeSse('{"a":1}')).toBe(false);
  });
  it.each([
    ['{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"a\\nb"}}', { index: 1, what: 'text_delta', text: '"a\\nb"' }],
    ['{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t1","name":"Bash","input":{}}}', { index: 0, what: 'tool_use', text: 'Bash t1' }],
    ['{"type":"content_block_delta","index":1,"delta":{"type":"new","a":"x","b":"y"}}', null],
    ['{"type":"future"}', null],
    ['[DONE]', null]
  ])('says what %s is', (data, wanted) => expect(eventSummary({ name: 'x', data })).toEqual(wanted));
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
    expect(stretchesOf({ ttfb_ms: null, first_token_ms: null }, 70)).toEqual([{ name: 'Wait for first byte', from_ms: 0, to_ms: 70, kind: 'wait' }]);
  });
  it('knows no speed without a first token', () => {
    expect(tokensPerSecond(100, null, 10)).toBe(null);
    expect(tokensPerSecond(100, 1000, 3000)).toBe(50);
  });
});

describe('tools', () => {
  it('names the subject of a call', () => {
    expect(callSubject('Bash', { command: 'npm test', description: 'run' })).toBe('npm test');
    expect(callSubject('Agent', { subagent_type: 'reviewer', description: 'look', prompt: 'p' })).toBe('reviewer: look');
    expect(callSubject('X', null)).toBe('');
  });
  it('knows MCP names', () => expect(toolName('mcp__git_hub__list__all')).toEqual({ server: 'git_hub', tool: 'list__all' }));
  it('reads edits', () => expect(editsOf('Edit', { old_string: 'a', new_string: 'b' })).toEqual([{ before: 'a', after: 'b' }]));
  it('shows what an edit changes', () => {
    expect(diffLines('a\nb\nc', 'a\nx\nc').map((line) => `${line.kind[0]} ${line.text}`)).toEqual(['s a', 'r b', 'a x', 's c']);
  });
});

describe('body', () => {
  const bytes = (text: string) => new TextEncoder().encode(text).buffer as ArrayBuffer;
  it('reads JSON', () => expect(readBody(bytes('{"a":1}'))).toMatchObject({ is_json: true, json: { a: 1 } }));
  it('keeps what is not JSON', () => expect(readBody(bytes('{"a":'))).toMatchObject({ is_json: false, text: '{"a":' }));
});

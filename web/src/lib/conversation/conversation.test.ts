import { describe, expect, it } from 'vitest';
import { readBody } from './body.ts';
import { isOnlyResults, readBlocks, readConversation } from './conversation.ts';
import { diffLines } from './diff.ts';
import { segmentsOf } from './segments.ts';
import { eventSummary, looksLikeSse, placeEvents } from './sse.ts';
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
    expect(read.system).toEqual([{ text: 'You are', cache: 'ephemeral' }]);
    expect(read.params).toEqual([['model', 'm']]);
  });
  it.each([null, 3, 'x', [], { messages: 'x', tools: {}, system: 4 }, { messages: [null, 4, { role: 5 }] }])(
    'survives %j',
    (value) => expect(() => readConversation(value)).not.toThrow()
  );
  it('keeps a block it does not know', () => {
    expect(readBlocks([{ type: 'future', a: 1 }])).toEqual([{ kind: 'other', type: 'future', value: { type: 'future', a: 1 }, cache: null }]);
  });
});

describe('segments', () => {
  it('folds reminders and leaves the prose to Markdown', () => {
    const text = 'Look:\n```js\nlet a;\n```\nDone.<system-reminder>\nbe kind\n</system-reminder>';
    expect(segmentsOf(text)).toEqual([
      { kind: 'prose', text: 'Look:\n```js\nlet a;\n```\nDone.' },
      { kind: 'reminder', name: 'system-reminder', text: 'be kind' }
    ]);
  });
});

describe('stream', () => {
  it('reads events, comments and what is neither', () => {
    const text = 'event: ping\ndata: {"a":1}\n\n: hi\n\ndata: x\ndata: y\r\n\r\noops';
    expect(placeEvents(text)?.map(({ name, data }) => ({ name, data }))).toEqual([
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
});

describe('tools', () => {
  it('names the subject of a call', () => {
    expect(callSubject('Bash', { command: 'npm test', description: 'run' })).toBe('npm test');
    expect(callSubject('Agent', { subagent_type: 'reviewer', description: 'look', prompt: 'p' })).toBe('reviewer: look');
    expect(callSubject('X', null)).toBe('');
  });
  it('knows MCP names', () => expect(toolName('mcp__git_hub__list__all')).toEqual({ server: 'git_hub', tool: 'list__all' }));
  it('reads edits', () => expect(editsOf('Edit', { old_string: 'a', new_string: 'b' })).toEqual([{ before: 'a', after: 'b', note: '' }]));
  it('shows what an edit changes', () => {
    expect(diffLines('a\nb\nc', 'a\nx\nc').map((line) => `${line.kind[0]} ${line.spans.map((span) => span.text).join('')}`)).toEqual(['s a', 'r b', 'a x', 's c']);
  });
});

describe('body', () => {
  const bytes = (text: string) => new TextEncoder().encode(text).buffer as ArrayBuffer;
  it('reads JSON', () => expect(readBody(bytes('{"a":1}'))).toMatchObject({ is_json: true, json: { a: 1 } }));
  it('keeps what is not JSON', () => expect(readBody(bytes('{"a":'))).toMatchObject({ is_json: false, text: '{"a":' }));
});

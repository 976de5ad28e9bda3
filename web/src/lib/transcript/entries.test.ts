import { describe, expect, it } from 'vitest';
import type { TranscriptLine } from '../api/types.ts';
import { entriesOf, passagesOf, summaryOf } from './entries.ts';

const line = (position: number, kind: string, object: Record<string, unknown> | null): TranscriptLine => ({
  position, kind, line: object, is_sidechain: false, is_meta: false, is_error: false, is_compacted: false, at: null, branch: null, upstream_request_id: null, request_id: null
});
const call = { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'Bash', input: { command: 'echo hi' } }] };
const result = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: 'hi' }] };

describe('the lines of a transcript', () => {
  it('shows results with their calls', () => {
    const entries = entriesOf([line(0, 'user', { message: { role: 'user', content: 'go' } }), line(10, 'assistant', { message: call }), line(20, 'user', { message: result })]);
    expect(entries.map((entry) => entry.line.position)).toEqual([0, 10]);
    expect(entries[1]!.message?.blocks[0]).toMatchObject({ kind: 'call', name: 'Bash', result: { is_error: false } });
  });
  it('keeps a result whose call is not there', () => expect(entriesOf([line(0, 'user', { message: result })]).length).toBe(1));
  it('keeps what is no message, and what cannot be shown', () => {
    const odd = [line(0, 'other', { type: 'queue-operation' }), line(1, 'assistant', null), line(2, 'user', { message: 17 }), line(3, 'attachment', { message: { role: 'user', content: 'x' } }), line(4, 'user', { message: null })];
    expect(entriesOf(odd).map((entry) => entry.message)).toEqual([null, null, null, null, null]);
  });
  it('puts notes of the client together where there are many', () => {
    const said = (position: number) => line(position, 'user', { message: { role: 'user', content: 'go' } });
    const note = (position: number, type = 'attachment') => line(position, 'other', { type });
    const passages = passagesOf(entriesOf([note(0), note(1, 'last-prompt'), note(2), said(3), note(4), note(5), said(6)]));
    expect(passages.map((one) => [one.is_notes, one.entries.length])).toEqual([[true, 3], [false, 1], [false, 1], [false, 1], [false, 1]]);
    expect(passages[0]!.entries.map((entry) => entry.line.position)).toEqual([0, 1, 2]);
    expect(summaryOf(passages[0]!.entries)).toBe('attachment ×2, last-prompt');
  });
});

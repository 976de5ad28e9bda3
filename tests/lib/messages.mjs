/*
 * messages.mjs: requests and answers in the shape of Anthropic's Messages API.
 */
import { randomUUID } from 'node:crypto';

export const event = (type, data = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;

export const session_id = () => randomUUID();

/* The headers that Claude Code sends, in its order; `session` names the case. */
export function headers_for(session, more = []) {
  return [
    ['Accept', 'application/json'],
    ['X-Stainless-Retry-Count', '0'],
    ['X-Claude-Code-Session-Id', session],
    ['anthropic-version', '2023-06-01'],
    ['x-api-key', 'sk-ant-test-0'],
    ['User-Agent', 'claude-cli/2.1.329 (external, sdk-cli)'],
    ['content-type', 'application/json'],
    ...more,
  ];
}

export function ask_body(text = 'hello', more = {}) {
  return JSON.stringify({
    model: 'claude-test-1',
    max_tokens: 1024,
    stream: true,
    messages: [{ role: 'user', content: text }],
    ...more,
  });
}

export const usage_start = {
  input_tokens: 12,
  cache_creation_input_tokens: 300,
  cache_read_input_tokens: 4000,
  cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 },
  output_tokens: 1,
};

export const start_event = ({ id = 'msg_test', model = 'claude-test-1', usage = usage_start } = {}) =>
  event('message_start', {
    message: { id, type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null, usage },
  });

/* The events of one content block; long parts come in `parts` deltas. */
export function block_events(index, block, parts = 3) {
  const split = (s) => {
    const size = Math.max(1, Math.ceil(s.length / parts));
    return s.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? [];
  };
  const delta = (d) => event('content_block_delta', { index, delta: d });
  const out = [];
  if (block.type === 'text') {
    out.push(event('content_block_start', { index, content_block: { type: 'text', text: '' } }));
    for (const text of split(block.text)) out.push(delta({ type: 'text_delta', text }));
  } else if (block.type === 'thinking') {
    out.push(event('content_block_start', { index, content_block: { type: 'thinking', thinking: '', signature: '' } }));
    for (const thinking of split(block.thinking)) out.push(delta({ type: 'thinking_delta', thinking }));
    out.push(delta({ type: 'signature_delta', signature: block.signature }));
  } else if (block.type === 'tool_use' || block.type === 'server_tool_use') {
    out.push(event('content_block_start', { index, content_block: { ...block, input: {} } }));
    for (const partial_json of split(JSON.stringify(block.input))) out.push(delta({ type: 'input_json_delta', partial_json }));
  } else {
    out.push(event('content_block_start', { index, content_block: block }));
  }
  out.push(event('content_block_stop', { index }));
  return out;
}

/* A whole streamed answer, as a list of events. */
export function stream_events(blocks, { id, model, stop_reason, output_tokens = 25, usage, parts } = {}) {
  const has_tool = blocks.some((b) => b.type === 'tool_use');
  return [
    start_event({ id, model, usage }),
    event('ping'),
    ...blocks.flatMap((b, i) => block_events(i, b, parts)),
    event('message_delta', {
      delta: { stop_reason: stop_reason ?? (has_tool ? 'tool_use' : 'end_turn'), stop_sequence: null },
      usage: { output_tokens },
    }),
    event('message_stop'),
  ];
}

export const text_stream = (text, options) => stream_events([{ type: 'text', text }], options);

export const error_body = (type, message) => ({ type: 'error', error: { type, message }, request_id: 'req_test' });

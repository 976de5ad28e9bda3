/*
 * speakers.mjs: what providers of each language send, from one list of parts, and what they were
 * asked, as the same few facts.
 *
 * A part: { thinking }, { text } or { call: { id, name, input } }. A speaker:
 *   start                 what comes before the first part
 *   events(parts)         a whole stream, as pieces (each an event)
 *   whole(parts)          the same answer in one piece
 *   error(status, text)   a refusal's body;  mid_error(text): an event in mid-stream
 *   read(json)            { model, tools, images, calls, results, effort }
 */
const sse = (value, name) => `${name ? `event: ${name}\n` : ''}data: ${JSON.stringify(value)}\n\n`;
const halves = (s) => [s.slice(0, Math.ceil(s.length / 2)), s.slice(Math.ceil(s.length / 2))];
const list = (x) => (Array.isArray(x) ? x : []);
const text_of = (content) => (typeof content === 'string' ? content : list(content).map((p) => p.text ?? '').join(''));

/* --- Chat Completions --- */

const chat_chunk = (delta, more = {}) => sse({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm-1', choices: [{ index: 0, delta, finish_reason: null, ...more }] });
const chat_usage = { prompt_tokens: 100, completion_tokens: 7, total_tokens: 107, prompt_tokens_details: { cached_tokens: 40 } };

const chat = {
  start: [chat_chunk({ role: 'assistant', content: '' })],
  events(parts) {
    let calls = 0;
    const out = [...chat.start];
    for (const p of parts) {
      if (p.thinking) out.push(...halves(p.thinking).map((reasoning_content) => chat_chunk({ reasoning_content })));
      if (p.text) out.push(...halves(p.text).map((content) => chat_chunk({ content })));
      if (p.call) {
        const index = calls++;
        out.push(chat_chunk({ tool_calls: [{ index, id: p.call.id, type: 'function', function: { name: p.call.name, arguments: '' } }] }));
        for (const args of halves(JSON.stringify(p.call.input))) out.push(chat_chunk({ tool_calls: [{ index, function: { arguments: args } }] }));
      }
    }
    out.push(chat_chunk({}, { finish_reason: calls ? 'tool_calls' : 'stop' }));
    out.push(sse({ id: 'c1', object: 'chat.completion.chunk', choices: [], usage: chat_usage }), 'data: [DONE]\n\n');
    return out;
  },
  whole(parts) {
    const join = (key) => parts.map((p) => p[key] ?? '').join('');
    const tool_calls = parts.filter((p) => p.call).map(({ call }) => ({ id: call.id, type: 'function', function: { name: call.name, arguments: JSON.stringify(call.input) } }));
    const message = { role: 'assistant', content: join('text') || null, ...(join('thinking') && { reasoning_content: join('thinking') }), ...(tool_calls.length && { tool_calls }) };
    return { id: 'c1', object: 'chat.completion', created: 1, model: 'm-1', choices: [{ index: 0, message, finish_reason: tool_calls.length ? 'tool_calls' : 'stop' }], usage: chat_usage };
  },
  error: (status, message) => ({ error: { message, type: 'some_error', param: null, code: null } }),
  mid_error: (message) => sse({ error: { message, type: 'server_error', code: 'server_error' } }),
  overflow: () => ({ error: { message: "This model's maximum context length is 128000 tokens. However, your messages resulted in 150000 tokens.", type: 'invalid_request_error', param: 'messages', code: 'context_length_exceeded' } }),
  read: (json) => ({
    model: json.model,
    tools: list(json.tools).map((t) => t.function.name),
    images: json.messages.flatMap((m) => list(m.content)).filter((p) => p.type === 'image_url').map((p) => p.image_url.url),
    calls: json.messages.flatMap((m) => m.tool_calls ?? []).map((c) => ({ id: c.id, name: c.function.name, input: JSON.parse(c.function.arguments) })),
    results: json.messages.filter((m) => m.role === 'tool').map((m) => ({ id: m.tool_call_id, text: text_of(m.content) })),
  }),
};

/* --- Responses --- */

const responses_usage = { input_tokens: 100, input_tokens_details: { cached_tokens: 40 }, output_tokens: 7, total_tokens: 107 };
const responses_item = (p, i) => (p.thinking ? { id: `rs_${i}`, type: 'reasoning', summary: [{ type: 'summary_text', text: p.thinking }], encrypted_content: `sealed-${i}` }
  : p.text ? { id: `msg_${i}`, type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: p.text, annotations: [] }] }
    : { id: `fc_${i}`, type: 'function_call', status: 'completed', call_id: p.call.id, name: p.call.name, arguments: JSON.stringify(p.call.input) });
const responses_whole = (parts) => ({ id: 'resp_1', object: 'response', created_at: 1, status: 'completed', model: 'm-1', output: parts.map(responses_item), usage: responses_usage });
const event = (type, more) => sse({ type, ...more }, type);

const responses = {
  start: [event('response.created', { response: { id: 'resp_1', status: 'in_progress', output: [] } })],
  events(parts) {
    const out = [...responses.start];
    parts.forEach((p, output_index) => {
      const item = responses_item(p, output_index), place = { item_id: item.id, output_index };
      const added = p.thinking ? { ...item, summary: [] } : p.text ? { ...item, status: 'in_progress', content: [] } : { ...item, status: 'in_progress', arguments: '' };
      out.push(event('response.output_item.added', { output_index, item: added }));
      if (p.thinking) {
        out.push(event('response.reasoning_summary_part.added', { ...place, summary_index: 0, part: { type: 'summary_text', text: '' } }));
        for (const delta of halves(p.thinking)) out.push(event('response.reasoning_summary_text.delta', { ...place, summary_index: 0, delta }));
      } else if (p.text) {
        out.push(event('response.content_part.added', { ...place, content_index: 0, part: { type: 'output_text', text: '' } }));
        for (const delta of halves(p.text)) out.push(event('response.output_text.delta', { ...place, content_index: 0, delta }));
        out.push(event('response.output_text.done', { ...place, content_index: 0, text: p.text }));
      } else {
        for (const delta of halves(item.arguments)) out.push(event('response.function_call_arguments.delta', { ...place, delta }));
        out.push(event('response.function_call_arguments.done', { ...place, arguments: item.arguments }));
      }
      out.push(event('response.output_item.done', { output_index, item }));
    });
    out.push(event('response.completed', { response: responses_whole(parts) }));
    return out;
  },
  whole: responses_whole,
  error: chat.error,
  mid_error: (message) => event('error', { code: 'server_error', message, param: null }),
  overflow: chat.overflow,
  read: (json) => ({
    model: json.model,
    tools: list(json.tools).map((t) => t.name),
    images: list(json.input).flatMap((m) => [...list(m.content), ...list(m.output)]).filter((p) => p.type === 'input_image').map((p) => p.image_url),
    calls: list(json.input).filter((i) => i.type === 'function_call').map((c) => ({ id: c.call_id, name: c.name, input: JSON.parse(c.arguments) })),
    results: list(json.input).filter((i) => i.type === 'function_call_output').map((r) => ({ id: r.call_id, text: text_of(r.output) })),
    sealed: list(json.input).filter((i) => i.type === 'reasoning').map((i) => i.encrypted_content),
  }),
};

/* --- Gemini --- */

const gemini_usage = { promptTokenCount: 100, cachedContentTokenCount: 40, candidatesTokenCount: 7, totalTokenCount: 107 };
const gemini_value = (parts, more = {}) => ({ candidates: [{ index: 0, content: { role: 'model', parts }, ...more }], modelVersion: 'm-1', responseId: 'r1' });
const gemini_parts = (p, split) => (p.thinking ? split(p.thinking).map((text) => ({ text, thought: true })) : p.text ? split(p.text).map((text) => ({ text }))
  : [{ functionCall: { name: p.call.name, args: p.call.input }, thoughtSignature: 'c2lnbmF0dXJl' }]);

const gemini = {
  start: [],
  events(parts) {
    const out = parts.flatMap((p) => gemini_parts(p, halves)).map((part) => sse(gemini_value([part])));
    out.push(sse({ ...gemini_value([{ text: '' }], { finishReason: 'STOP' }), usageMetadata: gemini_usage }));
    return out;
  },
  whole: (parts) => ({ ...gemini_value(parts.flatMap((p) => gemini_parts(p, (s) => [s])), { finishReason: 'STOP' }), usageMetadata: gemini_usage }),
  error: (status, message) => ({ error: { code: status, message, status: 'SOME_ERROR' } }),
  mid_error: (message) => sse({ error: { code: 500, message, status: 'INTERNAL' } }),
  overflow: () => ({ error: { code: 400, message: 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).', status: 'INVALID_ARGUMENT' } }),
  read(json) {
    const parts = list(json.contents).flatMap((c) => c.parts);
    return {
      tools: list(json.tools).flatMap((t) => t.functionDeclarations ?? []).map((f) => f.name),
      images: parts.flatMap((p) => [p, ...list(p.functionResponse?.parts)]).filter((p) => p.inlineData).map((p) => `data:${p.inlineData.mimeType};base64,${p.inlineData.data}`),
      calls: parts.filter((p) => p.functionCall).map((p) => ({ id: p.functionCall.id, name: p.functionCall.name, input: p.functionCall.args })),
      results: parts.filter((p) => p.functionResponse).map((p) => ({ id: p.functionResponse.id, name: p.functionResponse.name, text: JSON.stringify(p.functionResponse.response) })),
      signatures: parts.filter((p) => p.functionCall).map((p) => p.thoughtSignature),
    };
  },
};

export const speakers = { chat, responses, gemini };

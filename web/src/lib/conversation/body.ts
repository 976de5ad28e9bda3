// From a body's bytes to something that can be shown. Runs in a worker, so that no body freezes the page.
export type Body = { text: string; json: unknown; is_json: boolean; bytes: number; problem: string | null };

export const most_parsed_bytes = 128_000_000; // a tree takes about ten times its text

export function readBody(buffer: ArrayBuffer): Body {
  const bytes = buffer.byteLength;
  if (bytes > most_parsed_bytes) {
    return { text: '', json: null, is_json: false, bytes, problem: 'This body is too large to be shown here; download it.' };
  }
  const text = new TextDecoder().decode(buffer);
  if (!text.trim()) return { text, json: null, is_json: false, bytes, problem: null };
  try {
    return { text, json: JSON.parse(text), is_json: true, bytes, problem: null };
  } catch (error) {
    return { text, json: null, is_json: false, bytes, problem: `Not JSON: ${(error as Error).message}` };
  }
}

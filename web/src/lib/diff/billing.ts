// The attribution line that Claude Code puts first in the system prompt. Its hex differs from conversation to
// conversation, so it is compared field by field, apart from the prompt.
const prefix = 'x-anthropic-billing-header:';

export const isBilling = (text: string) => text.startsWith(prefix);

export function billingFields(text: string): [string, string][] {
  return text
    .slice(prefix.length)
    .split(';')
    .map((part) => part.trim())
    .filter(Boolean)
    .map((part) => {
      const at = part.indexOf('=');
      return at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)];
    });
}

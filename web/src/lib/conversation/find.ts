// Words to go to within what is drawn: where they are in a value, and marked on the page by the browser's own
// highlights, so that no text is ever taken apart into elements.
import { isObject } from '../base/json.ts';

const most_marks = 500;

/** Do the words stand in any text of this value? Case does not matter. */
export function holds(value: unknown, words: string): boolean {
  if (typeof value === 'string') return value.toLowerCase().includes(words);
  if (Array.isArray(value)) return value.some((one) => holds(one, words));
  return isObject(value) && Object.values(value).some((one) => holds(one, words));
}

function rangesIn(root: HTMLElement, words: string): Range[] {
  const ranges: Range[] = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node && ranges.length < most_marks; node = walker.nextNode()) {
    const text = (node.nodeValue ?? '').toLowerCase();
    for (let at = text.indexOf(words); at >= 0 && at + words.length <= (node.nodeValue ?? '').length; at = text.indexOf(words, at + words.length)) {
      const range = new Range();
      range.setStart(node, at);
      range.setEnd(node, at + words.length);
      ranges.push(range);
    }
  }
  return ranges;
}

/** Marks the words within `root` as it fills, and brings the first into view, until the returned function is called. */
export function markWords(root: HTMLElement, words: string): () => void {
  const wanted = words.toLowerCase();
  let is_shown = false;
  let frame = 0;
  const mark = () => {
    const ranges = rangesIn(root, wanted);
    CSS.highlights?.set('found', new Highlight(...ranges));
    if (!ranges[0] || is_shown) return;
    is_shown = true;
    ranges[0].startContainer.parentElement?.scrollIntoView({ block: 'center' });
  };
  const later = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(mark);
  };
  const watch = new MutationObserver(later);
  watch.observe(root, { childList: true, subtree: true, characterData: true });
  later();
  return () => {
    watch.disconnect();
    cancelAnimationFrame(frame);
    CSS.highlights?.delete('found');
  };
}

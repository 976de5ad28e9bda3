// The pages, in the order in which they stand at the top. Pure.
export type Page = { href: string; label: string; is_filtered: boolean };

export const pages: Page[] = [
  { href: '/', label: 'Requests', is_filtered: true },
  { href: '/sessions', label: 'Sessions', is_filtered: true },
  { href: '/search', label: 'Search', is_filtered: true },
  { href: '/stats', label: 'Statistics', is_filtered: true },
  { href: '/routing', label: 'Routing', is_filtered: false },
  { href: '/setup', label: 'Set-up', is_filtered: false }
];

/** With the filter that goes along from page to page. */
export const hrefOf = (page: Page, query: string) => page.href + (page.is_filtered ? query : '');

export const isHere = ({ href }: Page, path: string) => (href === '/' ? path === '/' || path === '/monitor' || path.startsWith('/requests/') : path.startsWith(href));

/** The page so many steps further, round the end. From a page that is not in the bar: the first. */
export function pageAfter(path: string, steps: number): Page {
  const at = pages.findIndex((page) => isHere(page, path));
  return at < 0 ? pages[0]! : pages[(at + steps + pages.length) % pages.length]!;
}

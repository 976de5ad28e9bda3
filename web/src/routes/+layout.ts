// One page application: the proxy serves the same index.html for every page's address.
export const ssr = false;
export const prerender = false;

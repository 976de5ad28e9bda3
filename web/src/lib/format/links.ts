// Addresses within the dashboard, made of any text: encodeURIComponent alone throws on half a surrogate pair,
// which traffic may hold.

export const requestLink = (id: string) => `/requests/${encodeURIComponent(id.toWellFormed())}`;

/** The list of requests, filtered by one thing. */
export const listLink = (filter: Record<string, string>) => `/?${new URLSearchParams(filter)}`;

export const sessionLink = (id: string) => `/sessions/${encodeURIComponent(id.toWellFormed())}`;

// The parts of an opened request, in the order of their tabs and of the keys 1 to 8.
export const tabNames = ['overview', 'conversation', 'changes', 'system', 'tools', 'headers', 'timeline', 'raw'] as const;
export type TabName = (typeof tabNames)[number];

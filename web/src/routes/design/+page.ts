// The page of tokens and components: only in development builds.
import { error } from '@sveltejs/kit';

export async function load() {
  if (!import.meta.env.DEV) error(404, 'There is no such page');
  return { Gallery: (await import('./Gallery.svelte')).default };
}

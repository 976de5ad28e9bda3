// Light, dark, or the system's choice; remembered by the browser. static/theme.js applies it before paint.
import { remember } from '../base/memory.ts';

export type ThemeName = 'system' | 'light' | 'dark';
const order: ThemeName[] = ['system', 'light', 'dark'];

export class Theme {
  #name = $state<ThemeName>(stored());
  get name() { return this.#name; }

  next() {
    this.#name = order[(order.indexOf(this.#name) + 1) % order.length]!;
    if (this.#name === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.#name;
    remember('theme', this.#name);
  }
}

function stored(): ThemeName {
  const name = document.documentElement.dataset.theme;
  return name === 'light' || name === 'dark' ? name : 'system';
}

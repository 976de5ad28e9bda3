// What the browser remembers from visit to visit. Storage may be refused; then nothing is remembered.
export function recall(name: string): string {
  try {
    return localStorage.getItem(name) ?? '';
  } catch {
    return '';
  }
}

export function remember(name: string, value: string) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Refused: it lasts as long as the page.
  }
}

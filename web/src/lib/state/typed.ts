/** Tells what a search field sent to the address from what comes from there: while the former is on its way, more
 *  may be typed, and must not be overwritten by it. */
export class Typed {
  #sent: string[] = [];

  send(text: string): string {
    this.#sent.push(text);
    return text;
  }

  /** Whether what the address says now was not typed here. */
  isNew(text: string): boolean {
    const at = this.#sent.indexOf(text);
    this.#sent = at < 0 ? [] : this.#sent.slice(at + 1); // one that was overtaken never arrives
    return at < 0;
  }
}

// One clock for everything that ticks. It stands still while nothing on the screen is running.
const tick_ms = 100;

export class Clock {
  #now_ms = $state(Date.now());
  #users = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  get now_ms() { return this.#now_ms; }

  /** Keeps the clock going until the returned function is called. */
  run(): () => void {
    this.#now_ms = Date.now();
    if (this.#users++ === 0) this.#timer = setInterval(() => (this.#now_ms = Date.now()), tick_ms);
    return () => {
      if (--this.#users === 0) clearInterval(this.#timer);
    };
  }
}

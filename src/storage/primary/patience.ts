/**
 * Whether a database may be waited for: for long while nothing can stand in for it, hardly at all afterwards. It ends
 * once, for good.
 */
export class Patience {
  #isOver = false;
  #listeners: (() => void)[] = [];

  get isOver(): boolean {
    return this.#isOver;
  }

  whenOver(listener: () => void): void {
    this.#listeners.push(listener);
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const listener of this.#listeners.splice(0)) listener();
  }
}

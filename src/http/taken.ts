/** What each address has taken of something limited. */
import type { Share } from './limits.ts';

export class Taken {
  #total = 0;
  readonly #byAddress = new Map<string, number>();

  constructor(private readonly limit: Share) {}

  /** @returns what gives it back, however often it is called; undefined when there is none left */
  take(address: string): (() => void) | undefined {
    const own = this.#byAddress.get(address) ?? 0;
    if (this.#total >= this.limit.total || own >= this.limit.perAddress) return undefined;
    this.#add(address, 1);
    let isTaken = true;
    return () => {
      if (isTaken) this.#add(address, -1);
      isTaken = false;
    };
  }

  #add(address: string, count: number): void {
    const own = (this.#byAddress.get(address) ?? 0) + count;
    this.#total += count;
    if (own === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, own);
  }
}

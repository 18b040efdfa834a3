/** How many requests one address may make: a bucket of tokens that fills up steadily. */

/** Buckets of addresses that were quiet are full, and a full one need not be remembered. */
const ADDRESSES_KEPT = 1_000;

export class RateLimit {
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
  ) {}

  /** Whether the address may make a request at this time (in milliseconds, of a clock that only goes on). */
  allows(address: string, now: number): boolean {
    const { tokens, at } = this.#buckets.get(address) ?? { tokens: this.burst, at: now };
    const filled = Math.min(this.burst, tokens + ((now - at) / 1_000) * this.perSecond);
    // Last among those remembered.
    this.#buckets.delete(address);
    this.#buckets.set(address, { tokens: filled >= 1 ? filled - 1 : filled, at: now });
    if (this.#buckets.size > ADDRESSES_KEPT) {
      const [longestQuiet] = this.#buckets.keys();
      if (longestQuiet !== undefined) this.#buckets.delete(longestQuiet);
    }
    return filled >= 1;
  }
}

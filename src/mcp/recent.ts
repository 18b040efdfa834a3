/** Sessions of whom something is known, also such as ended: they may go on. Of more the one that called least recently begins anew. */
export const SESSIONS_KNOWN_MAX = 2_000;

/** What is kept by key for as long as it is among those used last. */
export class Recent<T> {
  /** The least recent first. */
  readonly #kept = new Map<string, T>();

  constructor(private readonly max: number) {}

  get(key: string, make: () => T): T {
    const kept = this.#kept.get(key) ?? make();
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > this.max && oldest !== undefined) this.#kept.delete(oldest);
    return kept;
  }
}

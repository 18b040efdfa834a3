// Randomness that a number gives back: the same seed makes the same run.
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  constructor(readonly seed: string) {
    let h1 = 1779033703;
    let h2 = 3144134277;
    let h3 = 1013904242;
    for (let index = 0; index < seed.length; index += 1) {
      const code = seed.charCodeAt(index);
      h1 = Math.imul(h1 ^ code, 597399067);
      h2 = Math.imul(h2 ^ code, 2869860233);
      h3 = Math.imul(h3 ^ code, 951274213);
    }
    this.#a = h1;
    this.#b = h2;
    this.#c = h3;
    for (let round = 0; round < 12; round += 1) this.next();
  }

  /** From 0 up to 1 (the generator is sfc32). */
  next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return (t >>> 0) / 4294967296;
  }

  /** A whole number from 0 to `below` - 1. */
  int(below: number): number {
    return Math.floor(this.next() * below);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)] as T;
  }

  /** One of the choices, each as often as its weight says. */
  weighted<T>(choices: readonly (readonly [weight: number, choice: T])[]): T {
    let at = this.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, choice] of choices) if ((at -= weight) < 0) return choice;
    return (choices.at(-1) as readonly [number, T])[1];
  }

  hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += this.int(0x10000).toString(16).padStart(4, '0');
    return text.slice(0, digits);
  }

  uuid(): string {
    const h = this.hex(31);
    return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(12, 15)}-a${h.slice(15, 18)}-${h.slice(18, 30)}`;
  }

  /** A version 7 id of the given moment; `count` keeps those of one moment apart and in order. */
  changeId(now: number, count: number): string {
    const time = Math.max(0, Math.floor(now)).toString(16).padStart(12, '0');
    const order = (count % 0x1000).toString(16).padStart(3, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${order}-b${this.hex(3)}-${this.hex(12)}`;
  }
}

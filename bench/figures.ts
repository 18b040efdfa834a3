/** Timing, percentiles, and the table of figures beside their bars. */

export interface Figures {
  p50: number;
  p95: number;
}

/** Runs `work` (given the number of the run) and gives percentiles in milliseconds. Runs before `warmUp` do not count. */
export async function time(
  runs: number,
  work: (run: number) => Promise<unknown>,
  warmUp = 20,
): Promise<Figures> {
  const samples: number[] = [];
  for (let run = -warmUp; run < runs; run += 1) {
    const start = performance.now();
    await work(run + warmUp);
    if (run >= 0) samples.push(performance.now() - start);
  }
  return percentiles(samples);
}

/** Takes turns between several pieces of work, so that a machine that slows down slows all of them alike. */
export async function timeInTurns<Name extends string>(
  runs: number,
  work: Record<Name, () => Promise<number>>,
  warmUp = 3,
): Promise<Record<Name, Figures>> {
  const names = Object.keys(work) as Name[];
  const samples = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let run = -warmUp; run < runs; run += 1) {
    for (const name of names) {
      const elapsed = await work[name]();
      if (run >= 0) samples.get(name)?.push(elapsed);
    }
  }
  return Object.fromEntries(names.map((name) => [name, percentiles(samples.get(name) ?? [])])) as Record<
    Name,
    Figures
  >;
}

export function percentiles(samples: number[]): Figures {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95) };
}

export const ms = (value: number): string =>
  value < 1 ? `${(value * 1000).toFixed(0)} µs` : `${value.toFixed(2)} ms`;

/** Collects figures with their bars, prints them as they come, and knows in the end which were missed. */
export class Report {
  readonly #missed: string[] = [];

  section(title: string, columns: string[]): void {
    console.log(`\n## ${title}\n\n| ${columns.join(' | ')} |\n|${columns.map(() => '---|').join('')}`);
  }

  row(...cells: string[]): void {
    console.log(`| ${cells.join(' | ')} |`);
  }

  /** @returns the bar as a cell: `< 10.00 ms ✓`, or ✗ when `value` misses it */
  bar(name: string, value: number, limit: number, show: (value: number) => string): string {
    const met = value <= limit;
    if (!met) this.#missed.push(`${name}: ${show(value)}, the bar is ${show(limit)}`);
    return `≤ ${show(limit)} ${met ? '✓' : '✗'}`;
  }

  fail(what: string): void {
    this.#missed.push(what);
  }

  /** Prints what was missed. @returns the exit code */
  finish(): number {
    if (this.#missed.length === 0) {
      console.log('\nEvery bar was met.');
      return 0;
    }
    console.log(`\n${this.#missed.length} missed:\n${this.#missed.map((line) => `- ${line}`).join('\n')}`);
    return 1;
  }
}

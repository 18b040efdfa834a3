// Files damaged in the ways that files get damaged: bits, cuts, pieces of others, lines spliced in, other line ends.
import type { Random } from './model/random.ts';

/** A whole number from `least` to `most`. */
export function between(random: Random, least: number, most: number): number {
  return least + random.int(most - least + 1);
}

/**
 * @param others files of which pieces are put in
 * @param spliced lines that are put in whole
 */
export function mutated(
  source: Buffer,
  others: readonly Buffer[],
  spliced: readonly string[],
  random: Random,
): Buffer {
  let file = Buffer.from(source);
  for (let times = between(random, 1, 6); times > 0; times -= 1) {
    const at = between(random, 0, file.length);
    switch (between(random, 0, 6)) {
      case 0:
        if (at < file.length) file[at] = (file[at] ?? 0) ^ (1 << between(random, 0, 7));
        break;
      case 1:
        file = file.subarray(0, at);
        break;
      case 2:
        file = Buffer.concat([
          file.subarray(0, at),
          file.subarray(Math.min(file.length, at + between(random, 1, 300))),
        ]);
        break;
      case 3: {
        const other = others[between(random, 0, others.length - 1)] ?? source;
        const from = between(random, 0, other.length);
        const piece = other.subarray(from, from + between(random, 1, 600));
        file = Buffer.concat([file.subarray(0, at), piece, file.subarray(at)]);
        break;
      }
      case 4: {
        const start = file.indexOf('\n', at) + 1;
        const line = Buffer.from(`${spliced[between(random, 0, spliced.length - 1)] ?? ''}\n`);
        file = Buffer.concat([file.subarray(0, start), line, file.subarray(start)]);
        break;
      }
      case 5:
        file = Buffer.from(
          file.toString('latin1').replaceAll('\n', between(random, 0, 1) === 0 ? '\r\n' : '\r'),
          'latin1',
        );
        break;
      default: {
        const bytes = Buffer.from(
          Array.from({ length: between(random, 1, 40) }, () => between(random, 0, 255)),
        );
        file = Buffer.concat([file.subarray(0, at), bytes, file.subarray(at)]);
      }
    }
  }
  return file;
}

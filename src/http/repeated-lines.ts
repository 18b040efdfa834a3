/** A log that a client in a loop cannot fill: a line that comes again within a while is counted instead. */

const WHILE_MS = 10_000;
/** Different lines within a while; more are counted together. */
const LINES_MAX = 50;
const OTHERS = 'more kinds of messages';

/** @returns the same log; call it with lines that others can cause */
export function countRepeated(log: (message: string) => void): (message: string) => void {
  const counts = new Map<string, number>();
  const tell = (): void => {
    for (const [line, count] of counts)
      if (count > 0) log(`${line} (${count} more times in ${WHILE_MS / 1_000} seconds)`);
    counts.clear();
  };
  return (message) => {
    if (counts.size === 0) setTimeout(tell, WHILE_MS).unref();
    const isKnown = counts.has(message);
    const line = isKnown || counts.size < LINES_MAX ? message : OTHERS;
    const count = counts.get(line);
    counts.set(line, count === undefined ? (line === OTHERS ? 1 : 0) : count + 1);
    if (!isKnown && line !== OTHERS) log(message);
  };
}

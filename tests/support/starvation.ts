// How long a machine that is busy kept a process from running: promises in seconds are about what a program does with the
// time that it is given.
import { readFileSync } from 'node:fs';

const LOOK_MS = 25;

/**
 * Watches a process until it is gone, or `stop` is called, which answers for how many milliseconds meanwhile its main thread
 * was ready to run and had no processor. 0 where the system (not Linux) does not tell.
 */
export function watchStarvation(pid: number): { stop(): number } {
  const before = waitedMs(pid) ?? 0;
  let last = before;
  const look = () => (last = waitedMs(pid) ?? last);
  const looking = setInterval(look, LOOK_MS);
  return {
    stop: () => {
      clearInterval(looking);
      return look() - before;
    },
  };
}

/** The second number of schedstat: nanoseconds in the run queue. */
function waitedMs(pid: number): number | undefined {
  try {
    const waitedNs = readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[1];
    return waitedNs === undefined ? undefined : Number(waitedNs) / 1e6;
  } catch {
    return undefined;
  }
}

/** Hints from a SQLite file: its data version moves when any other connection, of any process, commits. */
import { HINTED_PAUSE_MS, type ChangeHints } from '../database/hints.ts';

/** How often the file is looked at: one page of shared memory, some microseconds. */
const LOOK_PAUSE_MS = 200;

/** @param dataVersion of one connection that writes nothing; may reject, which is not a hint */
export function watchDataVersion(dataVersion: () => Promise<number>, onHint: () => void): ChangeHints {
  let known: number | undefined;
  let isLooking = false;
  let isStopped = false;
  const look = async (): Promise<void> => {
    if (isLooking) return;
    isLooking = true;
    try {
      const version = await dataVersion();
      if (known !== undefined && version !== known && !isStopped) onHint();
      known = version;
    } catch {
      // The feed is asked anyhow, and finds out what is wrong.
    } finally {
      isLooking = false;
    }
  };
  void look();
  const timer = setInterval(() => void look(), LOOK_PAUSE_MS);
  timer.unref();
  const stop = (): void => {
    isStopped = true;
    clearInterval(timer);
  };
  return { pauseMs: HINTED_PAUSE_MS, stop };
}

/** How far long work is, as a bar on stderr while that is a terminal, and nothing otherwise. */
import type { Progress, ReportProgress } from '../../domain/progress.ts';
import { showForNow } from './output.ts';

const BAR_COLUMNS = 24;
/** The bar is drawn at most this often. */
const PAUSE_MS = 100;

/** Runs `work` with a bar that is gone when it ends, whatever happens. */
export async function withProgressBar<T>(work: (onProgress: ReportProgress) => Promise<T>): Promise<T> {
  if (!process.stderr.isTTY) return await work(() => undefined);
  let drawnAt = Number.NEGATIVE_INFINITY;
  const draw: ReportProgress = (progress) => {
    const now = performance.now();
    if (progress.done !== progress.total && now - drawnAt < PAUSE_MS) return;
    drawnAt = now;
    showForNow(progressLine(progress));
  };
  try {
    return await work(draw);
  } finally {
    showForNow('');
  }
}

/** `copy      [############------------]  50%  500/1000`; without a known total, how many steps were done. */
export function progressLine({ phase, done, total }: Progress): string {
  const name = phase.replaceAll('_', ' ').padEnd(10);
  if (total === null || total <= 0) return `${name}  ${done}`;
  const share = Math.min(1, Math.max(0, done / total));
  const filled = Math.round(share * BAR_COLUMNS);
  const bar = `${'#'.repeat(filled)}${'-'.repeat(BAR_COLUMNS - filled)}`;
  return `${name}[${bar}] ${String(Math.floor(share * 100)).padStart(3)}%  ${done}/${total}`;
}

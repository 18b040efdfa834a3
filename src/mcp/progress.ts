/** Progress notifications of a call, for clients that sent a progress token with it. */
import type { ProgressNotification, ProgressToken } from '@modelcontextprotocol/server';
import type { ReportProgress } from '../domain/progress.ts';

/** A client is told at most this often; the end of a phase is always told. */
const PAUSE_MS = 100;

type Notify = (notification: ProgressNotification) => Promise<void>;

/**
 * Runs `work`, whose progress goes to the client. What is told grows from one notification to the next, as the
 * protocol wants it, through all phases; nothing is told after `work` is done.
 * @param token undefined when the client did not ask: then nothing is sent
 */
export async function withProgress<T>(
  token: ProgressToken | undefined,
  notify: Notify,
  work: (onProgress: ReportProgress) => Promise<T>,
): Promise<T> {
  if (token === undefined) return await work(() => undefined);
  let phase: string | undefined;
  /** Steps of the phases before this one. */
  let before = 0;
  let inPhase = 0;
  let told = -1;
  let toldAt = Number.NEGATIVE_INFINITY;
  let isOver = false;
  // One after the other: a slow client gets them in order.
  let sending: Promise<void> = Promise.resolve();
  const report: ReportProgress = (progress) => {
    if (isOver) return;
    if (progress.phase !== phase) {
      before += inPhase;
      inPhase = 0;
      phase = progress.phase;
    }
    inPhase = Math.max(inPhase, progress.done);
    const now = performance.now();
    const isWhole = progress.done === progress.total;
    const reached = before + inPhase;
    if (reached <= told || (!isWhole && now - toldAt < PAUSE_MS)) return;
    told = reached;
    toldAt = now;
    const params = {
      progressToken: token,
      progress: reached,
      ...(progress.total !== null && { total: before + progress.total }),
      message: progress.phase,
    };
    sending = sending.then(() => notify({ method: 'notifications/progress', params })).catch(() => undefined);
  };
  try {
    return await work(report);
  } finally {
    isOver = true;
    await sending;
  }
}

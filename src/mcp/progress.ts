/** Progress notifications of a call, for clients that sent a progress token with it. */
import type { ProgressNotification, ProgressToken } from '@modelcontextprotocol/server';
import type { Phases, Progress, ReportProgress } from '../domain/progress.ts';

/** A client is told at most this often; the end of a phase is always told. */
const PAUSE_MS = 100;
/** How often it is looked whether there is something to tell again; clients take half a second of silence for a standstill. */
const BEAT_MS = 200;
/** The total of work whose phases are known before. */
const WHOLE = 100;
/** Where the last phase ends: the rest is told when the answer is there. */
const BEFORE_ANSWER = 99;
/** Of what is left of a phase, the first beat takes this part, and each later one a little less. */
const BEATS_MIN = 10;

type Notify = (notification: ProgressNotification) => Promise<void>;

/**
 * Runs `work`, whose progress goes to the client. What is told grows from one notification to the next, as the protocol
 * wants it, and the total is one and the same for the whole call, or is never told. While `work` reports nothing the client is
 * told again, by a little more that stays within the phase. Nothing is told after `work` is done.
 * @param token undefined when the client did not ask: then nothing is sent
 * @param phases with them progress goes to 100, and reaches it when `work` succeeds; without them steps are counted
 */
export async function withProgress<T>(
  token: ProgressToken | undefined,
  notify: Notify,
  work: (onProgress: ReportProgress) => Promise<T>,
  phases?: Phases,
): Promise<T> {
  if (token === undefined) return await work(() => undefined);
  // One after the other: a slow client gets them in order.
  let sending: Promise<void> = Promise.resolve();
  const teller = new Teller(phases === undefined ? countedSteps() : sharesOf(phases), (params) => {
    const notification = {
      method: 'notifications/progress' as const,
      params: { progressToken: token, ...params },
    };
    sending = sending.then(() => notify(notification)).catch(() => undefined);
  });
  try {
    const result = await work((progress) => teller.report(progress));
    teller.finish();
    return result;
  } finally {
    teller.stop();
    await sending;
  }
}

type Tell = (params: { progress: number; total?: number; message: string }) => void;

class Teller {
  #told = -1;
  #toldAt = Number.NEGATIVE_INFINITY;
  #message = 'working';
  /** In a row, without a report in between that told more. */
  #beats = 0;
  #isOver = false;
  readonly #beating: NodeJS.Timeout;

  constructor(
    private readonly scale: Scale,
    private readonly tell: Tell,
  ) {
    this.#beating = setInterval(() => this.#beat(), BEAT_MS).unref();
  }

  report(progress: Progress): void {
    if (this.#isOver) return;
    const reached = this.scale.reach(progress);
    this.#message = messageOf(progress);
    const isWhole = progress.done === progress.total;
    if (reached <= this.#told || (!isWhole && performance.now() - this.#toldAt < PAUSE_MS)) return;
    this.#beats = 0;
    this.#tell(reached);
  }

  finish(): void {
    const { total } = this.scale;
    if (total !== undefined && !this.#isOver) this.#tell(total);
  }

  stop(): void {
    this.#isOver = true;
    clearInterval(this.#beating);
  }

  #beat(): void {
    if (performance.now() - this.#toldAt < PAUSE_MS) return;
    const left = this.scale.bound(this.#told) - this.#told;
    // Smaller and smaller, so that it grows for as long as anybody waits and never gets there.
    this.#tell(this.#told < 0 ? 0 : this.#told + left / (BEATS_MIN + this.#beats));
    this.#beats += 1;
  }

  #tell(progress: number): void {
    const { total } = this.scale;
    this.#told = progress;
    this.#toldAt = performance.now();
    this.tell({ progress, ...(total !== undefined && { total }), message: this.#message });
  }
}

function messageOf({ phase, done, total }: Progress): string {
  return total === null || total <= 1 ? phase : `${phase} ${done}/${total}`;
}

/** What a report comes to as a number. */
interface Scale {
  /** Absent where it is not known how much there is to do. */
  total?: number;
  /** Asked with every report, in their order. */
  reach(progress: Progress): number;
  /** What beats stay below. */
  bound(told: number): number;
}

/** Steps, of one phase after the other. */
function countedSteps(): Scale {
  let phase: string | undefined;
  /** Steps of the phases before this one. */
  let before = 0;
  let inPhase = 0;
  return {
    reach: (progress) => {
      if (progress.phase !== phase) {
        before += inPhase;
        inPhase = 0;
        phase = progress.phase;
      }
      inPhase = Math.max(inPhase, progress.done);
      return before + inPhase;
    },
    bound: (told) => Math.floor(told) + 1,
  };
}

/** Each phase has its share; one that is left out is passed over. */
function sharesOf(phases: Phases): Scale {
  const sum = Object.values(phases).reduce((all, share) => all + share, 0);
  const spans = new Map<string, { from: number; to: number }>();
  let at = 0;
  for (const [phase, share] of Object.entries(phases)) {
    const to = at + (share / sum) * BEFORE_ANSWER;
    spans.set(phase, { from: at, to });
    at = to;
  }
  let current = { from: 0, to: 0 };
  return {
    total: WHOLE,
    reach: ({ phase, done, total }) => {
      current = spans.get(phase) ?? current;
      const { from, to } = current;
      if (total === null) return from;
      return from + (to - from) * (total <= 0 ? 1 : Math.min(1, done / total));
    },
    // The phase is over and nothing is told of the next: that has begun at most.
    bound: (told) => (told < current.to ? current.to : told + (WHOLE - told) / WHOLE),
  };
}

/** What a tracker folder remembers of its primary between two starts. Best effort: nothing durable depends on it. */
import { isProvisional, provisionalStep } from '../../domain/provisional-version.ts';
import type { Outbox } from './outbox.ts';

/** The part of the outbox that this needs; any of it may fail. */
export type Notebook = Pick<
  Outbox,
  'get' | 'set' | 'noteFailure' | 'attempts' | 'clearFailures' | 'noteProvisional' | 'findProvisional'
>;

const BREAKER = 'breaker';
const REACHED = 'reached_host';
/** How long a process that starts believes another one, so that the commands of an outage stay quick. */
const OUTAGE_BELIEVED_MS = 1_000;

interface Outage {
  reason: string;
  /** When the primary was tried. */
  at: number;
  /** Which one was: see `addressMark`. */
  address: string;
}

/** Keeps what could not be noted for as long as the process lives. */
export class TierMemory {
  readonly #failures = new Map<string, number>();
  readonly #provisional = new Map<string, string>();

  /** @param notebook undefined while there is no outbox */
  constructor(private readonly notebook: () => Notebook | undefined) {}

  /** The position of the primary's feed that an earlier version noted here; `seen.ts` keeps it now. */
  get earlierPosition(): number {
    return Number(this.#try((n) => n.get('high_water')) ?? 0);
  }

  /**
   * Why the primary does not answer, as a process of this folder found a moment ago at the same address; undefined
   * when it has to be tried.
   */
  believedOutage(address: string, now: number): string | undefined {
    const outage = this.#lastOutage();
    if (outage === undefined || outage.address !== address) return undefined;
    return Math.abs(now - outage.at) < OUTAGE_BELIEVED_MS ? outage.reason : undefined;
  }

  /** For who tried, and for nobody else: a belief that believers renew never ends. */
  noteOutage(outage: Outage | null): void {
    const isKnown = outage === null && this.#lastOutage() === undefined;
    if (!isKnown) this.#try((n) => n.set(BREAKER, outage === null ? '' : JSON.stringify(outage)));
  }

  /** Whether the primary was ever used at this host from this folder. */
  hasReached(host: string): boolean {
    return this.#try((n) => n.get(REACHED)) === host;
  }

  noteReached(host: string): void {
    if (!this.hasReached(host)) this.#try((n) => n.set(REACHED, host));
  }

  #lastOutage(): (Partial<Outage> & { reason: string; at: number }) | undefined {
    const text = this.#try((n) => n.get(BREAKER));
    if (text === undefined || text === '') return undefined;
    try {
      return JSON.parse(text) as Outage;
    } catch {
      return undefined;
    }
  }

  /** How often replaying each write failed without a reason that is known; writes without a failure are left out. */
  failures(): ReadonlyMap<string, number> {
    const all = new Map(this.#failures);
    for (const [id, { attempts }] of this.#try((n) => n.attempts()) ?? []) {
      all.set(id, Math.max(attempts, all.get(id) ?? 0));
    }
    return all;
  }

  noteFailure(id: string, reason: string): void {
    this.#failures.set(id, (this.failures().get(id) ?? 0) + 1);
    this.#try((n) => n.noteFailure(id, reason));
  }

  clearFailures(ids: readonly string[]): void {
    for (const id of ids) this.#failures.delete(id);
    this.#try((n) => n.clearFailures(ids));
  }

  /** Remembers which change made a provisional version, for callers that name it after it was replayed. */
  noteProvisional(rows: { record_id: string; version: number; change_id: string }[]): void {
    for (const { record_id, version, change_id } of rows) {
      this.#provisional.set(`${record_id} ${version}`, change_id);
    }
    this.#try((n) => n.noteProvisional(rows));
  }

  /** The changes of this folder that led from a real version of a record to a provisional one. */
  ownChanges(record_id: string, version: number): string[] {
    const own: string[] = [];
    for (let at = version; isProvisional(at);) {
      const id =
        this.#provisional.get(`${record_id} ${at}`) ?? this.#try((n) => n.findProvisional(record_id, at));
      if (id === undefined) break;
      own.unshift(id);
      at -= provisionalStep(id);
    }
    return own;
  }

  #try<T>(work: (notebook: Notebook) => T): T | undefined {
    try {
      const notebook = this.notebook();
      return notebook === undefined ? undefined : work(notebook);
    } catch {
      return undefined;
    }
  }
}

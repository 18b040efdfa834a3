/** What a tracker folder remembers of its primary between two starts. Best effort: nothing durable depends on it. */
import { isProvisional, provisionalStep, withoutMark } from '../../domain/provisional-version.ts';
import { partsOf, withParts } from '../../domain/batch.ts';
import type { Change } from '../../domain/change.ts';
import type { JournalEntry } from '../contract/journal.ts';
import { HeldWrites } from './held-writes.ts';
import type { Outbox } from '../journals/outbox.ts';

/** The part of the outbox that this needs; any of it may fail. */
export type Notebook = Pick<
  Outbox,
  'get' | 'set' | 'noteFailure' | 'attempts' | 'clearFailures' | 'noteProvisional' | 'findProvisional'
>;

const BREAKER = 'breaker';
const REACHED = 'reached_host';
const WRITTEN = 'written_address';
/** Of each record: more never wait for one in practice, and a run of so many is looked through quickly. */
const LAID_KEPT = 50;
const RECORDS_LAID_KEPT = 10_000;
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
  /** Why waiting writes stay, and when they are tried again. */
  readonly held = new HeldWrites((work) => this.#try(work));
  readonly #provisional = new Map<string, string>();
  /** By record: the changes that lay on top of copies since this process started, in the order of the replay. */
  readonly #laid = new Map<string, string[]>();
  #laidLast: readonly JournalEntry[] = [];
  #written: string | undefined;

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

  /** Whether the primary ever took a write from this folder at this address: as this user, that is. */
  hasWritten(address: string): boolean {
    this.#written ??= this.#try((n) => n.get(WRITTEN));
    return this.#written === address;
  }

  /** Costs something the first time only. */
  noteWritten(address: string): void {
    if (this.hasWritten(address)) return;
    this.#written = address;
    this.#try((n) => n.set(WRITTEN, address));
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

  /** Remembers which change made a provisional version, for callers that name it after it was replayed. */
  noteProvisional(made: { record_id: string; version: number; change_id: string }[]): void {
    // The same changes led there, whichever layer showed what they lie on.
    const rows = made.map((row) => ({ ...row, version: withoutMark(row.version) }));
    for (const { record_id, version, change_id } of rows) {
      this.#provisional.set(`${record_id} ${version}`, change_id);
    }
    this.#try((n) => n.noteProvisional(rows));
  }

  /**
   * These lie on top of what copies answer. A copy that stands elsewhere than the one that a write was checked against
   * gives it a version that nobody was promised; then this tells what led there.
   */
  noteLaid(waiting: readonly JournalEntry[]): void {
    if (waiting === this.#laidLast) return;
    this.#laidLast = waiting;
    for (const { id, entity_id } of waiting.flatMap(({ changes }) => changes.flatMap(partsOf))) {
      const known = this.#laid.get(entity_id) ?? [];
      if (known.includes(id)) continue;
      this.#laid.set(entity_id, [...known.slice(1 - LAID_KEPT), id]);
    }
    for (const oldest of this.#laid.keys()) {
      if (this.#laid.size <= RECORDS_LAID_KEPT) break;
      this.#laid.delete(oldest);
    }
  }

  /** The changes of this folder that led from a real version of a record to a provisional one. */
  ownChanges(record_id: string, version: number): string[] {
    const own: string[] = [];
    for (let at = withoutMark(version); isProvisional(at);) {
      const id =
        this.#provisional.get(`${record_id} ${at}`) ?? this.#try((n) => n.findProvisional(record_id, at));
      if (id === undefined) return [...runTo(at, this.#laid.get(record_id) ?? []), ...own];
      own.unshift(id);
      at -= provisionalStep(id);
    }
    return own;
  }

  /** An update on a provisional version names the changes that led there, so that they are not taken for others'. */
  withOwnChanges(change: Change): Change {
    const { base_version, entity_id } = change;
    if (change.kind === 'batch') {
      return withParts(
        change,
        partsOf(change).map((part) => this.withOwnChanges(part)),
      );
    }
    if (base_version === null || !isProvisional(base_version)) return change;
    const own = this.ownChanges(entity_id, base_version);
    return own.length === 0 ? change : { ...change, own_changes: own };
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

/** Those of the changes, one after the other, that lead from a real version to this one; empty when none do. */
function runTo(version: number, changes: readonly string[]): string[] {
  for (let first = 0; first < changes.length; first += 1) {
    let at = version;
    for (let next = first; next < changes.length && isProvisional(at); next += 1) {
      at -= provisionalStep(changes[next] as string);
      if (at > 0 && !isProvisional(at)) return changes.slice(first, next + 1);
    }
  }
  return [];
}

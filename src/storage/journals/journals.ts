/** The journals as one: a write goes to the first that takes it; what waits is the union of all. */
import { WordedError } from '../../platform/worded-error.ts';
import { randomUUID } from 'node:crypto';
import type { Change } from '../../domain/change.ts';
import type { Clock } from '../../platform/clock.ts';
import {
  inReplayOrder,
  footprintOfEntry,
  type Journal,
  type JournalEntry,
  type JournalName,
  type UnsealedWrite,
  type WaitingWrites,
} from '../contract/journal.ts';
import type { Footprint } from '../../domain/footprint.ts';
import { decodeEntry, encodeEntry } from './entry-codec.ts';
import { WaitingFootprint } from './waiting-footprint.ts';
import { describeFailure } from '../database/driver-errors.ts';

/** The fingerprint of a journal that cannot be asked. */
const UNREADABLE = 'unreadable';
/** In the fingerprint of what waits when not all of it could be read. */
const UNREAD = 'unread';
/** In the fingerprint of what waits when some of it changed while it was read. */
const MOVED = 'moved';

/** Others may save without a pause: then what came last is left for the next time. */
const READ_AGAIN_MAX = 3;
/** So long a write that lies in a journal which cannot be read is waited for; then others go on without it. */
const HIDDEN_MAX_MS = 60_000;

/** Why no journal took a write. */
export class NoJournal extends WordedError {
  override readonly name = 'NoJournal';
  constructor(readonly layers: { layer: JournalName; reason: string }[]) {
    super(layers.map(({ layer, reason }) => `${layer}: ${reason}`).join('; '));
  }
}

export interface Waiting extends WaitingWrites {
  /** In the order of replay. */
  entries: readonly JournalEntry[];
  /** What was in journals that cannot be read at the moment, when they could. */
  unread: readonly JournalEntry[];
  /** Those among it that are neither replayed nor overtaken: others do not go on without them yet. */
  hidden: readonly JournalEntry[];
  /** What a write has to wait behind. */
  footprint: WaitingFootprint;
}

interface Listed {
  /** When it was asked for: see `#turn`. */
  turn: number;
  fingerprint: string;
  entries: readonly JournalEntry[];
  unsealed: readonly UnsealedWrite[];
}

/** Safe for concurrent callers. */
export class Journals {
  #lamport = 0;
  #known: Waiting | undefined;
  #unsealed: readonly UnsealedWrite[] = [];
  /** Taken over and settled; they leave one journal after the other. */
  readonly #leaving = new Set<string>();
  readonly #fingerprints = new Map<JournalName, { value: string | undefined; turn: number }>();
  /** In the order in which they began: what was asked before and answered late says less than what is known by then. */
  #turn = 0;
  #knownTurn = 0;
  readonly #own = randomUUID();
  readonly #problems = new Map<JournalName, string>();
  readonly #footprint = new WeakMap<JournalEntry, Footprint>();
  readonly #listed = new Map<JournalName, Listed>();
  /** Saved here since it was last listed. */
  readonly #appended = new Map<JournalName, { entry: JournalEntry; turn: number }[]>();
  readonly #unreadSince = new Map<JournalName, number>();
  /** Settled, and left behind in a journal that could not let go of them. */
  readonly #settled = new Set<string>();
  /** Saved elsewhere because their journal could not keep them. */
  readonly #sheltered = new Set<string>();

  /** @param journals in the order in which they are tried */
  constructor(
    private readonly journals: readonly Journal[],
    private readonly device: string,
    private readonly clock: Clock,
    private readonly projectId: () => string | undefined = () => undefined,
  ) {}

  /** Why a journal could not be read or written the last time it was tried. */
  get problems(): ReadonlyMap<JournalName, string> {
    return this.#problems;
  }

  /** Whether anything waited when that was last looked at: costs nothing. */
  get mayHold(): boolean {
    const { entries, unread } = this.#known ?? { entries: [], unread: [] };
    return entries.length + unread.length > 0;
  }

  /** Writes of this project that nothing proves to be ours, as they were last looked at: they wait for a person. */
  get unsealed(): readonly UnsealedWrite[] {
    return this.#unsealed;
  }

  get all(): readonly Journal[] {
    return this.journals;
  }

  /**
   * Saves a write durably.
   * @throws NoJournal when nothing could be saved anywhere
   */
  async append(changes: Change[]): Promise<JournalName> {
    const [first] = changes;
    if (first === undefined) throw new Error('a write without changes');
    // Read first: what others of this folder have saved meanwhile comes before this one in the replay too.
    const { entries, fingerprint } = await this.waiting();
    const now = this.clock.now();
    const project_id = this.projectId();
    this.#lamport = Math.max(this.#lamport + 1, now);
    const entry: JournalEntry = {
      id: first.id,
      lamport: this.#lamport,
      device: this.device,
      ...(project_id !== undefined && { project_id }),
      at: new Date(now).toISOString(),
      changes,
    };
    const isKnown = [...entries, ...this.#unsealed.map((one) => one.entry)].some(({ id }) => id === entry.id);
    // What could not be read back would be acknowledged and lost.
    if (!('entry' in decodeEntry(encodeEntry(entry)))) {
      const reason = 'the write has a form that no journal could read back, which is a fault of Worktrail';
      throw new NoJournal(this.journals.map(({ name }) => ({ layer: name, reason })));
    }
    const isNew = !fingerprint.includes(UNREAD) && !isKnown;
    const layers: NoJournal['layers'] = [];
    for (const journal of this.journals) {
      try {
        await journal.append(entry);
        this.#forget(journal);
        this.#appended.set(journal.name, [
          ...(this.#appended.get(journal.name) ?? []),
          { entry, turn: this.#turn },
        ]);
        this.#problems.delete(journal.name);
        return journal.name;
      } catch (error) {
        this.#forget(journal);
        layers.push({ layer: journal.name, reason: this.#note(journal, error) });
      }
    }
    // A failed attempt may have left the entry behind: what is refused must not be applied later. But what was
    // there before, or may have been, was acknowledged.
    if (isNew) await this.remove([entry.id]);
    throw new NoJournal(layers);
  }

  /** What waits in all journals that can be read. */
  async waiting(): Promise<Waiting> {
    const turn = (this.#turn += 1);
    const fingerprints = await this.#fingerprintsOfAll();
    const fingerprint = [...fingerprints.values()].join('\n');
    if (this.#known?.fingerprint === fingerprint) return this.#known;
    const isOurs = this.#isOurs();
    const entries = new Map<string, JournalEntry>();
    const unsealed = new Map<string, UnsealedWrite>();
    const found: { isRecent: boolean; entries: readonly JournalEntry[] }[] = [];
    let isWhole = true;
    let isSteady = true;
    for (const journal of this.journals) {
      const asked = fingerprints.get(journal.name) ?? UNREADABLE;
      const isUnreadable = asked === UNREADABLE;
      try {
        const listed = await this.#list(journal, asked);
        for (const entry of listed.entries) {
          if (isOurs(entry)) entries.set(entry.id, earlier(entry, entries.get(entry.id)));
        }
        for (const one of listed.unsealed) {
          if (isOurs(one.entry)) unsealed.set(one.entry.id, one);
        }
        this.#problems.delete(journal.name);
        this.#unreadSince.delete(journal.name);
        if (isUnreadable) isWhole = false;
        else if (listed.fingerprint !== asked) isSteady = false;
      } catch (error) {
        this.#note(journal, error);
        if (!isUnreadable) isWhole = false;
        await this.#shelter(journal);
        found.push(this.#lastSeenIn(journal));
      }
    }
    const sorted = [...entries.values()].sort(inReplayOrder);
    this.#lamport = Math.max(this.#lamport, sorted.at(-1)?.lamport ?? 0);
    const isUnread = (entry: JournalEntry) =>
      isOurs(entry) && !entries.has(entry.id) && !this.#settled.has(entry.id);
    const unreadOf = (lists: typeof found) => {
      const all = lists.flatMap((list) => list.entries.filter(isUnread));
      return [...new Map(all.map((entry) => [entry.id, entry])).values()];
    };
    const hidden = unreadOf(found.filter(({ isRecent }) => isRecent));
    if (hidden.length > 0) isWhole = false;
    const known: Waiting = {
      // What failed for a moment, or changed while it was read, is not taken for what waits: the next call looks again.
      fingerprint: [
        fingerprint,
        ...(isWhole ? [] : [this.#unlike(UNREAD)]),
        ...(isSteady ? [] : [this.#unlike(MOVED)]),
      ].join('\n'),
      entries: sorted,
      list: () => Promise.resolve(sorted),
      unread: unreadOf(found),
      hidden,
      footprint: new WaitingFootprint([...sorted, ...hidden], (entry) => this.footprintOf(entry)),
    };
    if (turn < this.#knownTurn) return known;
    this.#knownTurn = turn;
    this.#known = known;
    this.#unsealed = [...unsealed.values()].filter(
      ({ entry }) => !entries.has(entry.id) && !this.#leaving.has(entry.id),
    );
    return known;
  }

  /**
   * What waits, for who applies it: whatever was saved before one of these entries, in any journal and by any process, is
   * among them or settled. Journals are read one after the other, so they are asked again.
   */
  async forReplay(): Promise<Waiting> {
    let known = await this.waiting();
    for (let attempt = 0; attempt < READ_AGAIN_MAX && known.entries.length > 0; attempt += 1) {
      const before = new Set(known.entries.map(({ id }) => id));
      const next = await this.waiting();
      if (next.entries.every(({ id }) => before.has(id))) return next;
      const last = next.entries.findLastIndex(({ id }) => before.has(id));
      known = { ...next, entries: next.entries.slice(0, last + 1) };
    }
    return known;
  }

  /** What a journal has in memory alone goes to another that takes it: it would end with this process. */
  async #shelter(journal: Journal): Promise<void> {
    for (const entry of journal.homeless?.() ?? []) {
      if (this.#sheltered.has(entry.id)) continue;
      for (const other of this.journals.filter((one) => one !== journal)) {
        try {
          await other.append(entry);
          this.#sheltered.add(entry.id);
          this.#forget(other);
          break;
        } catch (error) {
          this.#note(other, error);
        }
      }
    }
  }

  /** A repository may hold the journals of several projects. */
  #isOurs(): (entry: JournalEntry) => boolean {
    const ours = this.projectId();
    return ({ project_id = ours }) => project_id === ours;
  }

  /** What a journal held that cannot be read at the moment. */
  #lastSeenIn({ name }: Journal): { isRecent: boolean; entries: readonly JournalEntry[] } {
    const now = this.clock.now();
    const since = this.#unreadSince.get(name) ?? now;
    this.#unreadSince.set(name, since);
    const isRecent = Math.abs(now - since) < HIDDEN_MAX_MS;
    const appended = (this.#appended.get(name) ?? []).map(({ entry }) => entry);
    return { isRecent, entries: [...(this.#listed.get(name)?.entries ?? []), ...appended] };
  }

  /** Worked out once for each entry: there may be thousands, and they are asked about with every write. */
  footprintOf(entry: JournalEntry): Footprint {
    const known = this.#footprint.get(entry) ?? footprintOfEntry(entry);
    this.#footprint.set(entry, known);
    return known;
  }

  /** What is in a journal; read again only when it changed, because for git that runs a program. */
  async #list(journal: Journal, fingerprint: string): Promise<Listed> {
    const known = this.#listed.get(journal.name);
    const isForgotten = this.#fingerprints.get(journal.name)?.value === undefined;
    if (known?.fingerprint === fingerprint && fingerprint !== UNREADABLE && !isForgotten) return known;
    const turn = (this.#turn += 1);
    // To list it costs a process.
    const isEmpty = journal.name === 'git' && fingerprint === '' && !isForgotten;
    const entries = isEmpty ? [] : await journal.list();
    const unsealed = journal.unsealed();
    // What comes while it is read, and goes later, would be taken for what it holds whenever it is as it was before.
    const after = isEmpty || fingerprint === UNREADABLE ? fingerprint : await this.#askFingerprint(journal);
    const listed = { turn, fingerprint: after === fingerprint ? fingerprint : MOVED, entries, unsealed };
    if (turn > (this.#listed.get(journal.name)?.turn ?? 0)) this.#listed.set(journal.name, listed);
    const appended = this.#appended.get(journal.name) ?? [];
    this.#appended.set(
      journal.name,
      appended.filter((one) => one.turn > turn),
    );
    return listed;
  }

  /** The journal in which a change waits, of those that can be read. */
  async find(change_id: string): Promise<JournalName | undefined> {
    const holds = ({ changes }: JournalEntry) => changes.some(({ id }) => id === change_id);
    if (!(await this.waiting()).entries.some(holds)) return undefined;
    return this.journals.find(({ name }) => this.#listed.get(name)?.entries.some(holds))?.name;
  }

  /** Lets go of settled writes. What cannot be removed now is found settled the next time. */
  async remove(ids: readonly string[]): Promise<void> {
    const gone = new Set(ids);
    for (const { unsealed } of this.#listed.values()) {
      for (const { entry } of unsealed) if (gone.has(entry.id)) this.#leaving.add(entry.id);
    }
    for (const journal of this.journals) {
      try {
        await journal.remove(ids);
      } catch (error) {
        this.#note(journal, error);
        for (const id of ids) this.#settled.add(id);
      }
      this.#forget(journal);
      // Where it is as it was before, what was read of it may not be.
      const listed = this.#listed.get(journal.name);
      if (listed !== undefined) this.#listed.set(journal.name, { ...listed, fingerprint: MOVED });
      const appended = this.#appended.get(journal.name) ?? [];
      this.#appended.set(
        journal.name,
        appended.filter(({ entry }) => !gone.has(entry.id)),
      );
    }
    if (this.#known !== undefined) this.#known = { ...this.#known, fingerprint: this.#unlike(MOVED) };
  }

  /** A fingerprint that nothing has, here or in other processes, which share copies by it. */
  #unlike(why: string): string {
    return `${why} ${this.#own} ${(this.#turn += 1)}`;
  }

  /** What was found damaged, in sentences for a person. */
  damage(): string[] {
    const found = this.journals.flatMap((journal) => journal.damage());
    const isOurs = this.#isOurs();
    // As they were last read: a journal that is busy for a moment still holds them.
    const foreign = [...this.#listed.values()].flatMap(({ entries, unsealed }) =>
      [...entries, ...unsealed.map(({ entry }) => entry)]
        .filter((entry) => !isOurs(entry))
        .map(({ id }) => id),
    );
    if (foreign.length === 0) return found;
    const message = `${new Set(foreign).size} of the writes that wait in the journals belong to another project; they are left as they are.`;
    return [...found, message];
  }

  async close(): Promise<void> {
    for (const journal of this.journals) {
      await journal.close();
      await this.#shelter(journal);
    }
  }

  async #fingerprintsOfAll(): Promise<Map<JournalName, string>> {
    const found = new Map<JournalName, string>();
    for (const journal of this.journals) found.set(journal.name, await this.#askFingerprint(journal));
    return found;
  }

  async #askFingerprint(journal: Journal): Promise<string> {
    const turn = (this.#turn += 1);
    let value = UNREADABLE;
    try {
      value = await journal.fingerprint();
    } catch (error) {
      this.#note(journal, error);
    }
    const isNewest = turn > (this.#fingerprints.get(journal.name)?.turn ?? 0);
    if (isNewest) this.#fingerprints.set(journal.name, { value, turn });
    return value;
  }

  /** It was altered here: what is being asked of it may be from before. */
  #forget({ name }: Journal): void {
    this.#fingerprints.set(name, { value: undefined, turn: (this.#turn += 1) });
  }

  #note(journal: Journal, error: unknown): string {
    const reason = describeFailure(error);
    this.#problems.set(journal.name, reason);
    return reason;
  }
}

/** Of a write that was saved twice, the first time counts: what came after it builds on it. */
function earlier(entry: JournalEntry, known = entry): JournalEntry {
  return inReplayOrder(known, entry) < 0 ? known : entry;
}

// A machine with its own clock and disk, and the processes on it: each a real TieredStore.
import type { Database } from 'better-sqlite3';
import { sql } from 'drizzle-orm';
import type { Change } from '../../../src/domain/change.ts';
import { SessionStore } from '../../../src/storage/contract/session-store.ts';
import { openMemorySqlite } from '../../../src/storage/primary/memory-session.ts';
import { partlyShown } from '../../../src/domain/provisional-version.ts';
import type { Primary } from '../../../src/storage/primary/sql-store.ts';
import { CacheReplica } from '../../../src/storage/replicas/cache.ts';
import type { Clock } from '../../../src/platform/clock.ts';
import { inReplayOrder, type Journal, type JournalEntry } from '../../../src/storage/contract/journal.ts';
import { Journals } from '../../../src/storage/journals/journals.ts';
import { MemoryReplica } from '../../../src/storage/replicas/memory-replica.ts';
import { LayerUnavailable, execute } from '../../../src/storage/replicas/replica.ts';
import type { Loaded } from '../../../src/storage/replicas/replica-sources.ts';
import { Seen } from '../../../src/storage/tiers/seen.ts';
import { TierMemory } from '../../../src/storage/tiers/tier-memory.ts';
import { TieredStore } from '../../../src/storage/tiers/tiered-store.ts';
import { decodeEntry } from '../../../src/storage/journals/entry-codec.ts';
import type { TrackerStore } from '../../../src/storage/contract/store.ts';
import { EPOCH_MS, PROJECT_ID, PROJECT_SLUG, setClock, type SqlRow } from './database.ts';
import { CacheDisk, JOURNALS, ModelJournal, ModelNotebook, borrowSeen, newMedia } from './disk.ts';
import { call, type Failing } from './faults.ts';
import type { World } from './world.ts';
import type { TieredParts } from '../../../src/storage/tiers/parts.ts';

/** Where a bug is put in, between the parts of a process. */
export interface Seams {
  journal?(journal: Journal, at: ModelProcess): Journal;
  primary?(primary: Primary, at: ModelProcess): Primary;
  parts?(parts: TieredParts, at: ModelProcess): TieredParts;
  store?(store: TieredStore, at: ModelProcess): TieredStore;
  session?(session: TrackerStore): TrackerStore;
}

/** A copy of the primary as it was. */
interface Kept {
  /** Where the feed stood in it. */
  seq: number;
  image: Buffer;
  as_of: string;
  number: number;
}

export class Machine {
  readonly id: string;
  readonly media = newMedia();
  readonly cache = new CacheDisk();
  readonly notebook = new ModelNotebook(this.media.outbox);
  readonly seen = borrowSeen();
  readonly roles = new Map<string, ModelProcess>();
  /** The position of the last write that the primary acknowledged to one of its processes. */
  toldSeq = 0;
  /** Whether the folder has met its project. */
  knowsProject = false;
  /** The last snapshot in git, and the status file. */
  kept: { snapshot?: Kept; status?: Kept } = {};
  processes: ModelProcess[] = [];
  /** When a layer of this machine failed last. */
  troubledAt = Number.NEGATIVE_INFINITY;
  /** By how much its clock is wrong since when. */
  readonly #skews: { since: number; skew: number }[];

  constructor(
    readonly world: World,
    readonly index: number,
    skew: number,
  ) {
    this.id = world.random.uuid();
    this.cache.database.clock = () => this.wall;
    this.#skews = [{ since: 0, skew }];
  }

  /** Its wall clock. */
  get wall(): number {
    return Math.floor(EPOCH_MS + this.world.time.now + (this.#skews.at(-1)?.skew ?? 0));
  }

  get alive(): ModelProcess[] {
    return this.processes.filter(({ isAlive }) => isAlive);
  }

  setSkew(skew: number): void {
    this.#skews.push({ since: this.world.time.now, skew });
  }

  get hasJumped(): boolean {
    return this.#skews.length > 1;
  }

  /** The first moment of simulated time at which its clock showed this; undefined when it never did. */
  momentOf(iso: string): number | undefined {
    const wall = Date.parse(iso) - EPOCH_MS;
    const moments = this.#skews.flatMap(({ since, skew }, index) => {
      const moment = wall - skew;
      const until = this.#skews[index + 1]?.since ?? this.world.time.now;
      return moment >= since - 1 && moment <= until + 1 ? [Math.max(moment, since)] : [];
    });
    return moments.length === 0 ? undefined : Math.min(...moments);
  }

  fillCache(content: ReadonlyMap<string, SqlRow[]>): void {
    this.cache.database.fill(content, new Date(this.wall).toISOString());
    this.knowsProject = true;
  }

  /** Everything that waits on its disk, readable or not. */
  entries(): JournalEntry[] {
    const found = new Map<string, JournalEntry>();
    for (const name of JOURNALS) {
      for (const record of this.media[name].entries.values()) {
        const decoded = decodeEntry(record);
        if (!('entry' in decoded)) continue;
        const known = found.get(decoded.entry.id);
        if (known === undefined || inReplayOrder(decoded.entry, known) < 0)
          found.set(decoded.entry.id, decoded.entry);
      }
    }
    return [...found.values()];
  }

  /** Whether its disk fails, or did a moment ago: then what is shown may lag behind. */
  get isTroubled(): boolean {
    const isDown =
      this.cache.outage !== undefined || JOURNALS.some((name) => this.media[name].outage !== undefined);
    if (isDown) this.troubledAt = this.world.time.now;
    return this.world.time.now - this.troubledAt < TROUBLE_REMEMBERED_MS;
  }

  get hasEntries(): boolean {
    return JOURNALS.some((name) => this.media[name].entries.size > 0);
  }

  holds({ id }: Pick<Change, 'id'>): boolean {
    return this.entries().some(({ changes }) => changes.some((change) => change.id === id));
  }

  async start(): Promise<ModelProcess | undefined> {
    const process = new ModelProcess(this);
    this.processes.push(process);
    try {
      await process.store.open();
      return process;
    } catch {
      if (process.isAlive) process.kill();
      return undefined;
    }
  }

  /** Keeps a copy of the primary as it is, as a snapshot or a status file of this moment. */
  keep(as: 'snapshot' | 'status'): void {
    const number = (this.kept[as]?.number ?? 0) + 1;
    const as_of = new Date(this.wall).toISOString();
    const { raw, seq } = this.world.server.current;
    this.kept[as] = { image: raw.serialize(), seq, as_of, number };
  }
}

/** Processes keep what they know of a journal for two seconds. */
const TROUBLE_REMEMBERED_MS = 5_000;

const LOAD_FAILING: Failing = {
  timeoutMs: 500,
  refused: () => new LayerUnavailable('it cannot be read'),
  timedOut: () => new LayerUnavailable('it took too long'),
};

export class ModelProcess {
  isAlive = true;
  /** Which connections it has: those of an earlier epoch of the server are cut. */
  epoch = -1;
  /** Faults so far after which it could not know whether something was done. */
  uncertain = 0;
  readonly world: World;
  readonly store: TieredStore;
  /** The store as its client uses it. */
  readonly session: TrackerStore;
  /** The greatest real version of each record that its client was shown. */
  readonly shown = new Map<string, number>();
  readonly log: string[] = [];
  readonly seen: Seen;
  #onDeath: (() => void)[] = [];

  constructor(readonly machine: Machine) {
    this.world = machine.world;
    const { seams } = this.world;
    this.seen = new Seen({
      open: () => machine.seen,
      device: machine.id,
      projectId: () => (machine.knowsProject ? PROJECT_ID : undefined),
      now: () => machine.wall,
      defer: (work) => void this.#clock().sleep(0).then(work),
    });
    const parts = this.#parts();
    const store = new TieredStore(seams.parts?.(parts, this) ?? parts);
    this.store = seams.store?.(store, this) ?? store;
    const session = SessionStore.begin(this.store, () => machine.wall);
    this.session = seams.session?.(session) ?? session;
  }

  /** None of its later effects reach the disk or the primary. */
  kill(): void {
    this.isAlive = false;
    this.machine.cache.letGo(this);
    for (const [role, holder] of this.machine.roles) if (holder === this) this.machine.roles.delete(role);
    for (const tell of this.#onDeath) tell();
  }

  /** Resolves when it is killed. */
  onDeath(tell: () => void): void {
    this.#onDeath.push(tell);
  }

  #parts(): TieredParts {
    const { machine, world } = this;
    const { seams } = world;
    const clock = this.#clock();
    const project = () => (machine.knowsProject ? PROJECT_ID : undefined);
    const cache = new CacheReplica(
      '/nowhere/model-cache.db',
      project,
      clock,
      () => undefined,
      () => Promise.resolve({ session: machine.cache.sessionFor(this), state: 'current' as const }),
    );
    const journals = JOURNALS.map((name) => {
      const journal = new ModelJournal(name, machine.media[name], this);
      return seams.journal?.(journal, this) ?? journal;
    });
    return {
      primaryLabel: 'PostgreSQL',
      location: 'model',
      connect: async () => {
        const primary = await world.server.connect(this);
        machine.knowsProject = true;
        return seams.primary?.(primary, this) ?? primary;
      },
      project: () => ({
        project_id: project(),
        project_slug: machine.knowsProject ? PROJECT_SLUG : undefined,
      }),
      replicas: [cache, this.#copy('snapshot', clock), this.#copy('status', clock)],
      cache,
      journals: new Journals(journals, machine.id, clock, project),
      memory: new TierMemory(() => machine.notebook),
      seen: this.seen,
      snapshot: {
        age: () => Promise.resolve(undefined),
        take: (primary) =>
          primary.inSnapshot(() => {
            machine.keep('snapshot');
            return Promise.resolve();
          }),
      },
      elect: async (role, work) => {
        if (machine.roles.has(role)) return { ran: false };
        machine.roles.set(role, this);
        try {
          return { ran: true, result: await work() };
        } finally {
          if (machine.roles.get(role) === this) machine.roles.delete(role);
        }
      },
      clock,
      log: (message) => this.log.push(message),
    };
  }

  #clock(): Clock {
    const { machine, world } = this;
    return {
      now: () => machine.wall,
      sleep: (ms) =>
        new Promise((resolve) => {
          void world.time.sleep(ms).then(() => {
            if (this.isAlive) resolve();
          });
        }),
      random: () => world.random.next(),
    };
  }

  #copy(of: 'snapshot' | 'status', clock: Clock): MemoryReplica {
    const { machine } = this;
    const source = of === 'snapshot' ? 'git_history' : 'markdown_file';
    return new MemoryReplica({
      source,
      label: of === 'snapshot' ? 'the last snapshot in git' : 'the status file',
      location: 'model',
      isWhole: false,
      load: () =>
        call(this, {
          site: `${source}.load`,
          failing: LOAD_FAILING,
          effect: () => load(of, machine.kept[of], () => machine.wall),
        }),
      age: () => Promise.resolve(machine.kept[of]?.as_of),
      mark: () => Promise.resolve(String(machine.kept[of]?.number)),
      clock,
    });
  }
}

/** Neither has the history of changes; the status file has hardly more than titles. */
async function load(of: 'snapshot' | 'status', kept: Kept | undefined, wall: () => number): Promise<Loaded> {
  if (kept === undefined) throw new LayerUnavailable('there is none');
  const { session, state } = openMemorySqlite({ image: kept.image, isReplica: true });
  await session.write((c) => {
    setClock((c.db as unknown as { $client: Database }).$client, wall);
    for (const statement of of === 'snapshot' ? NO_HISTORY : [...NO_HISTORY, ...LITTLE])
      execute(c, statement);
    return Promise.resolve();
  });
  const hasAllFields = of === 'snapshot';
  return { session, schema: state, as_of: kept.as_of, seq: null, notes: [INCOMPLETE[of]], hasAllFields };
}

export const INCOMPLETE = { snapshot: 'no history', status: 'titles only' };

const NO_HISTORY = [sql`delete from changes`, sql`delete from applied_changes`];
const LITTLE = [
  sql`delete from open_conflicts`,
  sql`delete from conflicts`,
  sql`delete from work_item_dependencies`,
  sql`delete from work_item_labels`,
  sql`delete from enhancement_dependencies`,
  sql`update work_items set labels = '[]', description = null, assignee = null, priority = 3, metadata = '{}',
      version = version + ${partlyShown(0)}`,
  sql`update vendors set version = version + ${partlyShown(0)}, metadata = json_object(
      'format_support', metadata -> 'format_support', 'test_results', metadata -> 'test_results')`,
  sql`update enhancements set version = version + ${partlyShown(0)}, work_item_id = null`,
];

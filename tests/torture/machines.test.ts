// Two machines work on one project without its database, each by itself, and come back in any order: both end up with
// the same records, nothing that either acknowledged is lost, applied twice or overwritten in silence, and every
// conflict is shown to both (F4).
import { rmSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Change, RecordedChange } from '../../src/domain/change.ts';
import { touchedFields } from '../../src/domain/conflict.ts';
import {
  RESOLUTIONS,
  listConflictsInput,
  resolveConflictInput,
  type ConflictRecord,
} from '../../src/domain/conflict-record.ts';
import { CONFIGURATION_DEFAULTS, CONTEXT_TYPES, type Configuration } from '../../src/domain/configuration.ts';
import { DEPENDENCY_TYPES } from '../../src/domain/dependency.ts';
import { knownVersion } from '../../src/domain/provisional-version.ts';
import { equalJson, type JsonObject, type JsonValue } from '../../src/domain/json.ts';
import { parseInput } from '../../src/domain/validate.ts';
import { VENDOR_STATUSES } from '../../src/domain/vendor.ts';
import { ITEM_STATUSES, ITEM_TYPES } from '../../src/domain/work-item.ts';
import { TrackerError, databaseError } from '../../src/errors.ts';
import { listConflicts, resolveConflict } from '../../src/services/conflicts.ts';
import { schemaName } from '../../src/storage/open-primary.ts';
import { CACHE_FILE, openStore, type OpenOptions } from '../../src/storage/open-store.ts';
import { codedError } from '../../src/storage/sql/driver-errors.ts';
import { openPostgres } from '../../src/storage/sql/postgres.ts';
import type { Primary } from '../../src/storage/sql/sql-store.ts';
import { openSqlite } from '../../src/storage/sql/sqlite.ts';
import type { Row } from '../../src/storage/sql/table-copy.ts';
import type { TrackerStore } from '../../src/storage/store.ts';
import { systemClock, type Clock } from '../../src/storage/tiers/clock.ts';
import type { TierState } from '../../src/storage/tiers/state.ts';
import type { TieredStore } from '../../src/storage/tiers/tiered-store.ts';
import { freshDatabase, inFolder } from '../storage/backends.ts';
import { Tracker, type Arguments } from '../storage/tracker.ts';
import { allRows } from '../storage/tiers/filled-session.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { MOVED_ALONG } from './model/found.ts';
import { areHeldBack } from './model/healing.ts';
import type { ModelProcess } from './model/machine.ts';
import { altersOwnOnly } from './model/overwrites.ts';
import type { Random } from './model/random.ts';
import { World } from './model/world.ts';
import { TIMEOUT_MS, counted, episodes, isLong, randomFor, report } from './scale.ts';
import { newScene, oneValue, rivalOf, until, type Scene } from './scene.ts';

/** With a real PostgreSQL, each machine with a network of its own; the others with the model of one. */
const POSTGRES_RUNS = episodes(2, 20);
const MODEL_RUNS = episodes(8, 480);
/** Pairs of machines side by side: on PostgreSQL a run mostly waits. */
const LANES = episodes(2, 4);
const CHANGES_MAX = 100;
/** Times as fast as the real one: the pauses of the tiers get shorter, what happens in them stays the same. */
const SPEED = 30;
const PAGE = 100;
const LOOK_PAUSE_MS = 2_000;

const STARTED_AT = Date.now();
const fastClock: Clock = {
  ...systemClock,
  now: () => STARTED_AT + (Date.now() - STARTED_AT) * SPEED,
  sleep: (ms) => systemClock.sleep(ms / SPEED),
};

/** How the machines come back; the last: both at once, and the network of one fails again in the middle of its replay. */
const RETURNS = ['one after the other', 'both at once', 'one cut off again'] as const;
type Return = (typeof RETURNS)[number];

interface Figures {
  changes: number;
  applied: number;
  merged: number;
  conflicts: number;
  rejected: number;
  refused: number;
  contested: number;
}

const NAME = 'end up with the same records in whatever order they come back, and both see every conflict';

describeUnless(postgresSkipReason(), 'two machines that were offline, on PostgreSQL', () => {
  it(NAME, { timeout: TIMEOUT_MS }, async () => {
    const tally = new Tally();
    let next = 0;
    const lane = async () => {
      const clones = await newClones();
      for (let run = next++; run < POSTGRES_RUNS; run = next++) {
        await tally.count('PostgreSQL', run, async (random) => {
          const project = await newProject(clones, `machines-${run}`);
          try {
            return await goThrough(project, random);
          } finally {
            await project.close();
          }
        });
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    tally.report('two machines on PostgreSQL');
  });
});

describe('two machines that were offline, on a model of PostgreSQL', () => {
  it(NAME, { timeout: TIMEOUT_MS }, async () => {
    const tally = new Tally();
    for (let run = 0; run < MODEL_RUNS; run += 1) {
      await tally.count('the model', run, async (random) => {
        const world = new World({ seed: random.seed, processes: [1, 1], seams: { primary: behindLink } });
        try {
          // Simulated time passes while it goes on.
          const figures = newModelProject(world).then((project) => goThrough(project, random));
          await world.finish(figures, Number.POSITIVE_INFINITY);
          const found = await figures;
          expect(world.violations).toEqual([]);
          return found;
        } finally {
          world.close();
        }
      });
    }
    tally.report('two machines on a model');
  });
});

class Tally {
  readonly #figures = new Map<keyof Figures, number>();
  readonly #orders = new Map<Return, number>();
  #runs = 0;

  async count(on: string, run: number, go: (random: Random) => Promise<[Return, Figures]>): Promise<void> {
    try {
      const [order, figures] = await go(randomFor(`machines on ${on} ${run}`));
      this.#runs += 1;
      this.#orders.set(order, (this.#orders.get(order) ?? 0) + 1);
      for (const [name, count] of Object.entries(figures) as [keyof Figures, number][])
        this.#figures.set(name, (this.#figures.get(name) ?? 0) + count);
    } catch (error) {
      throw new Error(`run ${run} on ${on}: ${String(error)}`, { cause: error });
    }
  }

  report(test: string): void {
    const figure = (name: keyof Figures) => counted(this.#figures.get(name) ?? 0);
    report(
      test,
      [
        `${this.#runs} runs converged (${[...this.#orders].map(([order, runs]) => `${runs} ${order}`).join(', ')})`,
        `${figure('changes')} changes acknowledged offline`,
        `${figure('applied')} applied (${figure('merged')} merged)`,
        `${figure('conflicts')} conflicts`,
        `${figure('rejected')} rejected`,
        '0 lost',
        '0 twice',
        `${figure('contested')} fields changed on both from one version, 0 overwritten`,
        `${figure('refused')} refused at once`,
      ].join(', '),
    );
    // Else there was nothing to see; a few runs may have made few changes.
    if (!isLong) return;
    for (const name of ['merged', 'conflicts', 'rejected', 'contested'] as const)
      expect(this.#figures.get(name), name).toBeGreaterThan(0);
  }
}

/** A project as its machines share it. */
interface Project {
  places: Place[];
  /** The database, past everything that is being tested. */
  primary: Reads;
  /** Between two looks at something that is waited for. */
  pause?: () => Promise<void>;
  close(): Promise<void>;
}

/** A folder of the project, and its way to the database. */
interface Place {
  options: OpenOptions;
  store: TieredStore;
  cut(): Promise<void>;
  /** In the middle of what comes next. */
  cutSoon(random: Random): Promise<void>;
  mend(): Promise<void>;
  /** How far the local copy has followed the database; null where something local is left in it. */
  cursor(): unknown;
  cached(): Promise<Rows>;
}

type Reads = Parameters<typeof allRows>[0];

const CURSOR = 'select cursor from copy_position where not exists (select 1 from changes where seq > cursor)';

/** Two clones of a repository, each with a network of its own to one database. */
interface Clones {
  databaseUrl: string;
  scene: Scene;
  clones: { folder: string; proxy: TcpProxy }[];
}

async function newClones(): Promise<Clones> {
  const databaseUrl = await freshDatabase();
  const scene = await newScene(databaseUrl, { behindProxy: false });
  const rival = await rivalOf(scene, databaseUrl);
  const clones = await Promise.all(
    [scene, rival].map(async ({ project }) => {
      const proxy = await startProxy(databaseUrl);
      cleanUpLater(() => proxy.stop());
      return { folder: project, proxy };
    }),
  );
  return { databaseUrl, scene, clones };
}

/** A new project in folders that know none. */
async function newProject({ databaseUrl, scene, clones }: Clones, slug: string): Promise<Project> {
  const places: Place[] = [];
  for (const clone of clones) places.push(await openPlace(clone, slug));
  const schema = schemaName(slug);
  const { session: primary } = await openPostgres({ url: databaseUrl, schema });
  return {
    places,
    primary,
    close: async () => {
      await Promise.all([...places.map(({ store }) => store.close()), primary.close()]);
      for (const { options, mend } of places) {
        await mend();
        rmSync(options.dataDir, { recursive: true, force: true });
      }
      await scene.rows(`drop schema "${schema}" cascade`);
    },
  };
}

async function openPlace({ folder, proxy }: Clones['clones'][number], slug: string): Promise<Place> {
  const place = inFolder(folder, proxy.url);
  const options = { ...place, slug: { value: slug, explicit: true }, clock: fastClock };
  const cacheFile = path.join(options.dataDir, CACHE_FILE);
  return {
    options,
    store: await openStore(options),
    cut: () => proxy.setMode('refuse'),
    cutSoon: (random) => proxy.setMode({ cut: { afterBytes: random.int(10_000) } }),
    mend: () => proxy.setMode('pass'),
    cursor: () => oneValue(cacheFile, CURSOR) ?? null,
    cached: async () => {
      const { session } = await openSqlite({ file: cacheFile });
      return await allRows(session).finally(() => session.close());
    },
  };
}

async function newModelProject(world: World): Promise<Project> {
  const places: Place[] = [];
  for (const machine of world.machines) {
    const process = await machine.start();
    if (process === undefined) throw new Error('the process does not start');
    const link = linkOf(process);
    const { database } = machine.cache;
    places.push({
      options: inFolder('/nowhere', undefined),
      store: process.store,
      cut: async () => void (link.callsLeft = 0),
      cutSoon: async (random) => void (link.callsLeft = random.int(20)),
      mend: async () => void (link.callsLeft = Number.POSITIVE_INFINITY),
      cursor: () => database.get<{ cursor: number }>(CURSOR)?.cursor ?? null,
      cached: () => allRows({ read: (work) => work(database.connection) }),
    });
  }
  return {
    places,
    primary: { read: (work) => world.server.read(work) },
    pause: () => world.time.sleep(LOOK_PAUSE_MS),
    close: () => Promise.resolve(),
  };
}

/** How many calls of a process still reach the database; of the last one the answer is lost. */
interface Link {
  callsLeft: number;
}

const links = new WeakMap<ModelProcess, Link>();

function linkOf(process: ModelProcess): Link {
  const link = links.get(process) ?? { callsLeft: Number.POSITIVE_INFINITY };
  links.set(process, link);
  return link;
}

function behindLink(primary: Primary, process: ModelProcess): Primary {
  const link = linkOf(process);
  const through = async <T>(call: () => Promise<T>): Promise<T> => {
    const isLast = link.callsLeft === 1;
    if (link.callsLeft === 0) throw unreachable(codedError('ECONNREFUSED', 'refused'));
    link.callsLeft -= 1;
    const answer = await call();
    if (isLast) throw unreachable(codedError('ECONNRESET', 'cut'));
    return answer;
  };
  return {
    source: primary.source,
    read: (work, options) => through(() => primary.read(work, options)),
    write: (changes) => through(() => primary.write(changes)),
    replay: (write) => through(() => primary.replay(write)),
    probe: () => through(() => primary.probe()),
    inSnapshot: (work) => through(() => primary.inSnapshot(work)),
    health: () => primary.health(),
    close: () => primary.close(),
  };
}

const unreachable = (cause: Error) =>
  databaseError('postgres', 'it cannot be reached', 'Repeat the call.', cause);

async function goThrough(project: Project, random: Random): Promise<[Return, Figures]> {
  const { primary } = project;
  const writes = new Map<string, Write>();
  const machines = project.places.map(
    (place, index) => new Machine(['ada', 'ben'][index] ?? '', place, project, random, writes),
  );
  const [first, second] = machines as [Machine, Machine];
  await first.makeShared();
  await untilAtRest(machines, project);
  for (const machine of machines) await machine.goOffline();
  // Few more often than many.
  const count = () => random.int(1 + random.int(CHANGES_MAX + 1));
  await Promise.all(machines.map((machine) => machine.work(count())));

  const order = await comeBack(random.pick(RETURNS), random.chance(0.5) ? [first, second] : [second, first]);
  await untilAtRest(machines, project);
  const before = await allRows(primary);
  await expectFates(machines, before, writes);
  await expectShown(machines, before);

  await settleAll(machines, project, random);
  const after = await allRows(primary);
  const figures = await expectFates(machines, after, writes);
  expectHonestHistory(after, writes);
  for (const { place } of machines) expectSameRows(await place.cached(), after);
  return [order, figures];
}

/** @returns how they really came back: a short replay may be over before the network fails */
async function comeBack(order: Return, [early, late]: [Machine, Machine]): Promise<Return> {
  if (order === 'one after the other') {
    await early.comeBack();
    await late.comeBack();
    return order;
  }
  const earlyBack = order === 'both at once' ? early.comeBack() : early.comeBackTwice();
  const [wasCutOff] = await Promise.all([earlyBack, late.comeBack()]);
  return wasCutOff === true ? 'one cut off again' : 'both at once';
}

type Rows = Awaited<ReturnType<typeof allRows>>;

/** A write as its maker asked for it, and what he was told. */
interface Write {
  change: Change;
  maker: Machine;
  told: 'acknowledged' | 'refused';
  wasOffline: boolean;
  /** The record in the version that an update names, as its maker saw it. */
  seen: JsonObject | undefined;
}

interface Known extends JsonObject {
  id: string;
  version: number;
}

/** A folder of the project with a network of its own, and whoever works there. */
class Machine {
  readonly tracker: Tracker;
  /** Records as they were answered last. */
  readonly #items = new Map<string, Known>();
  readonly #vendors = new Map<string, Known & { name: string }>();
  #configuration: Known | undefined;
  /** The same in every version that was answered, by id and version. */
  readonly #seen = new Map<string, Known>();
  readonly #links: { source: Known; kind: string; target: Known }[] = [];
  #tokens = 0;

  constructor(
    readonly name: string,
    readonly place: Place,
    private readonly project: Project,
    private readonly random: Random,
    private readonly writes: Map<string, Write>,
  ) {
    this.tracker = new Tracker(this.#noted(place.store), place.options);
    this.tracker.caller.actor = name;
  }

  get store(): TieredStore {
    return this.place.store;
  }

  async goOffline(): Promise<void> {
    await this.#look();
    await this.place.cut();
    // The first call finds out.
    await this.#until('is offline', async () => {
      await this.tracker.seq();
      return this.store.state === 'offline';
    });
  }

  async comeBack(): Promise<void> {
    await this.place.mend();
    await this.#until('is online', () => this.store.state === 'online');
  }

  /** Is cut off again while it replays what waits. @returns whether that took long enough */
  async comeBackTwice(): Promise<boolean> {
    const states: TierState[] = [];
    this.store.onState((state) => {
      if (state === 'replaying' && states.length === 0) void this.place.cutSoon(this.random);
      states.push(state);
    });
    await this.place.mend();
    await this.#until('was cut off', () => ['offline', 'online'].includes(states.at(-1) ?? ''));
    await this.comeBack();
    return states.includes('offline');
  }

  async #until(what: string, check: () => Promise<boolean> | boolean): Promise<void> {
    await until(`${this.name} ${what}`, check, this.project.pause);
  }

  /** A few items, vendors and links that every machine knows. */
  async makeShared(): Promise<void> {
    const { tracker } = this;
    const project = await tracker.create({ item_type: 'project', title: 'Shared project' });
    for (const item_type of ['session', 'task', 'task', 'research']) {
      const args = { item_type, title: `Shared ${item_type}`, parent_id: project.id, labels: ['a', 'b'] };
      await tracker.create(args);
    }
    await tracker.create({ title: 'Shared root', metadata: { key_0: 'from the start' } });
    for (const name of ['Acme', 'Other']) await tracker.register({ name });
  }

  async work(changes: number): Promise<void> {
    for (let done = 0; done < changes; done += 1) {
      try {
        await this.#change();
      } catch (error) {
        if (!isRefusal(error)) throw error;
        await this.#lookAtItems();
      }
    }
  }

  /** Reads what is there, to go on from. */
  async #look(): Promise<void> {
    const { tracker } = this;
    await this.#lookAtItems();
    for (const { name } of (await tracker.vendors()).items) this.#sawVendor(await tracker.vendor(name));
    this.#configuration = this.#sees(new Map(), await this.configuration());
  }

  /** Without what git says of the folder. */
  async configuration(): Promise<Configuration & { open_conflicts: number }> {
    const { data } = await this.store.read((reader) => reader.findConfigurationWithConflicts());
    return { ...data, open_conflicts: Number(data.open_conflicts) };
  }

  async conflicts(resolved = false): Promise<ConflictRecord[]> {
    const found: ConflictRecord[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const input = parseInput(listConflictsInput, { resolved, limit: PAGE, ...(cursor && { cursor }) });
      const { data } = await listConflicts(this.tracker.context, input);
      found.push(...data.items);
      cursor = data.next_cursor;
    }
    return found;
  }

  /** Decides a conflict in one of the ways; a decision that breaks a rule leaves it as it is. */
  async decide({ id, changes }: ConflictRecord): Promise<void> {
    const { context, caller } = this.tracker;
    let resolution = this.random.pick(RESOLUTIONS);
    const fields = this.#instead(changes);
    if (resolution === 'custom' && fields === undefined) resolution = 'keep_theirs';
    const asked = { id, resolution, ...(resolution === 'custom' && { fields }) };
    try {
      await resolveConflict(context, caller, parseInput(resolveConflictInput, asked));
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }

  /** The store, with a record of what is written to it. */
  #noted(store: TieredStore): TrackerStore {
    return {
      read: (work, options) => store.read(work, options),
      write: async (changes) => {
        const noted = changes.map((change): Write => {
          const seen = this.#seen.get(`${change.entity_id} ${change.base_version}`);
          return { change, maker: this, told: 'refused', wasOffline: store.state === 'offline', seen };
        });
        for (const write of noted) this.writes.set(write.change.id, write);
        const answer = await store.write(changes);
        for (const write of noted) write.told = 'acknowledged';
        return answer;
      },
      health: () => store.health(),
      close: () => store.close(),
      pending: () => store.pending(),
      layers: () => store.layers(),
    };
  }

  #sees<T extends { id: string; version: number }>(records: Map<string, Known>, record: T): Known {
    const known = record as unknown as Known;
    records.set(known.id, known);
    this.#seen.set(`${known.id} ${known.version}`, known);
    return known;
  }

  #sawVendor(vendor: { id: string; name: string; version: number }): void {
    this.#sees(this.#vendors, vendor);
  }

  async #change(): Promise<void> {
    const act = this.random.weighted<() => Promise<void>>([
      [5, () => this.#create()],
      [12, () => this.#update()],
      [2, () => this.#link()],
      [1, () => this.#unlink()],
      [1.5, () => this.#deleteOrRestore()],
      [1, () => this.#updateVendor()],
      [0.3, () => this.#registerVendor()],
      [0.5, () => this.#configure()],
      [0.5, () => this.#deploy()],
    ]);
    await act();
  }

  async #create(): Promise<void> {
    const { random } = this;
    const parent = random.chance(0.5) ? this.#anItem().id : null;
    const item_type = random.pick(ITEM_TYPES);
    const labels = this.#someLabels();
    const args = { item_type, title: this.#token(), parent_id: parent, labels };
    this.#sees(this.#items, await this.tracker.create(args));
  }

  async #update(): Promise<void> {
    const item = this.#anItem();
    const patch = { ...this.#aField(), ...(this.random.chance(0.4) && this.#aField()) };
    const on_conflict = this.random.pick(['merge', 'reject']);
    // Now and then from a version that its maker has changed since.
    const based = this.random.chance(0.1) ? this.#anOlder(item) : item;
    this.#sees(this.#items, await this.tracker.update(based, { ...patch, on_conflict }));
  }

  async #link(): Promise<void> {
    const link = {
      source: this.#anItem(),
      kind: this.random.pick(DEPENDENCY_TYPES),
      target: this.#anItem(),
    };
    await this.tracker.link(link.source, link.kind, link.target);
    this.#links.push(link);
  }

  async #unlink(): Promise<void> {
    if (this.#links.length === 0) return await this.#link();
    const { source, kind, target } = this.random.pick(this.#links);
    await this.tracker.unlink(source, kind, target);
  }

  async #deleteOrRestore(): Promise<void> {
    const item = this.random.pick([...this.#items.values()]);
    const deleted_at = item['deleted_at'] === null ? new Date().toISOString() : null;
    await this.tracker.update(item, { deleted_at, cascade: this.random.chance(0.5) });
    // What went along has other versions now.
    await this.#lookAtItems();
  }

  async #lookAtItems(): Promise<void> {
    const { items } = await this.tracker.list({ limit: PAGE, include_deleted: true });
    for (const item of items) this.#sees(this.#items, item);
  }

  async #updateVendor(): Promise<void> {
    const { random } = this;
    const vendor = random.pick([...this.#vendors.values()]);
    const patch = random.pick<() => Arguments>([
      () => ({ status: random.pick(VENDOR_STATUSES) }),
      () => ({ extractor_version: `1.${random.int(50)}` }),
      () => ({ metadata: { [`key_${random.int(3)}`]: this.#token() } }),
    ])();
    this.#sawVendor(await this.tracker.updateVendor(vendor, patch));
  }

  /** Others may take the same name. */
  async #registerVendor(): Promise<void> {
    this.#sawVendor(await this.tracker.register({ name: `Vendor ${this.random.int(4)}` }));
  }

  async #configure(): Promise<void> {
    const { random, tracker } = this;
    const patch = random.pick<() => Arguments>([
      () => ({ active_context_type: random.pick(CONTEXT_TYPES) }),
      () => ({ default_token_budget: 1_000 * (1 + random.int(100)) }),
      () => ({ archive_after_days: 1 + random.int(400) }),
    ])();
    const { version = 1 } = this.#configuration ?? {};
    this.#configuration = this.#sees(new Map(), await tracker.configure(version, patch));
  }

  async #deploy(): Promise<void> {
    const { name } = this.random.pick([...this.#vendors.values()]);
    await this.tracker.deploy({ affected_vendors: [name], related_work_item_ids: [this.#anItem().id] });
  }

  /** Mostly one that others know too; a deleted one where there is no other. */
  #anItem(): Known {
    const all = [...this.#items.values()];
    const live = all.filter(({ deleted_at }) => deleted_at === null);
    const shared = live.filter(({ title }) => String(title).startsWith('Shared'));
    const among = this.random.chance(0.6) ? [shared, live, all] : [live, all];
    return this.random.pick(among.find(({ length }) => length > 0) ?? all);
  }

  #anOlder({ id, version }: Known): Known {
    const versions = [...this.#seen.values()].filter((seen) => seen.id === id);
    return versions.at(-2) ?? versions.at(-1) ?? { id, version };
  }

  #aField(): Arguments {
    const { random } = this;
    return random.weighted<() => Arguments>([
      [2, () => ({ description: this.#token() })],
      [2, () => ({ status: random.pick(ITEM_STATUSES) })],
      [2, () => ({ priority: 1 + random.int(5) })],
      [2, () => ({ labels: this.#someLabels() })],
      [2, () => ({ assignee: random.pick(['ada', 'ben', null]) })],
      [2, () => ({ metadata: { [`key_${random.int(3)}`]: random.chance(0.2) ? null : this.#token() } })],
      [1, () => ({ pr_number: 1 + random.int(1_000) })],
      [1, () => ({ branch_name: this.#token() })],
      [0.5, () => ({ parent_id: random.chance(0.3) ? null : this.#anItem().id })],
    ])();
  }

  #someLabels(): string[] {
    return ['a', 'b', 'c', 'd', 'e'].filter(() => this.random.chance(0.4));
  }

  /** What is set instead of what a write asked for; undefined where only one of both sides can be taken. */
  #instead([change]: readonly Change[]): Arguments | undefined {
    if (change?.entity !== 'work_item') return undefined;
    return change.kind === 'create' ? { parent_id: null } : { description: this.#token() };
  }

  #token(): string {
    this.#tokens += 1;
    return `${this.name} ${this.#tokens}`;
  }
}

/** A rule was broken: nothing was saved, and the caller was told. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof TrackerError &&
    ['ValidationError', 'NotFoundError', 'VersionConflictError'].includes(error.code)
  );
}

/** Waits until both machines are online, their copies are as far as the database, and only what is held back waits. */
async function untilAtRest(machines: readonly Machine[], { primary, pause }: Project): Promise<void> {
  const isAtRest = async () => {
    const { unrest } = await look(machines, primary);
    if (unrest.length > 0) throw new Error(unrest.join('; '));
    return true;
  };
  await until('only what is held back waits', isAtRest, pause);
}

/** Settles conflicts, each from either machine, until none is left and nothing waits. */
async function settleAll(
  machines: readonly Machine[],
  { primary, pause }: Project,
  random: Random,
): Promise<void> {
  const isSettled = async () => {
    for (const conflict of await random.pick(machines).conflicts())
      await random.pick(machines).decide(conflict);
    const { open, unrest } = await look(machines, primary);
    if (unrest.length > 0) throw new Error(unrest.join('; '));
    return open === 0;
  };
  await until('every conflict is settled and nothing waits', isSettled, pause);
}

/** How many conflicts are open, and what keeps machines from being at rest. */
async function look(
  machines: readonly Machine[],
  primary: Reads,
): Promise<{ open: number; unrest: string[] }> {
  const { conflicts = [], feed = [] } = await allRows(primary, ['conflicts', 'feed']);
  const open = (conflicts as unknown as ConflictRecord[]).filter(({ resolved_at }) => resolved_at === null);
  const seq = Number(feed[0]?.['seq']);
  const unrest: string[] = [];
  for (const { name, store, place } of machines) {
    const cursor = place.cursor();
    const pending = await store.pending();
    const held = areHeldBack(
      pending,
      open.map(({ changes }) => changes),
    );
    const isFresh = pending.length > 0 || cursor === seq;
    if (store.state !== 'online' || !held || !isFresh)
      unrest.push(`${name} is ${store.state}, ${pending.length} wait, copied ${String(cursor)} of ${seq}`);
  }
  return { open: open.length, unrest };
}

/** Each acknowledged write is one of: applied, a conflict that both machines list, waiting; a refused one is nowhere. */
async function expectFates(
  machines: readonly Machine[],
  rows: Rows,
  writes: ReadonlyMap<string, Write>,
): Promise<Figures> {
  const history = rows.changes as unknown as RecordedChange[];
  const done = history.filter(({ entity, kind }) => entity !== 'conflict' || kind === 'resolve');
  const applied = new Set(done.map(({ change_id }) => change_id));
  const linked = new Set(
    done.filter(({ kind }) => kind === 'link').map((row) => pairOf(row.entity_id, row.related_id)),
  );
  const settled = new Set(rows.appliedChanges?.map((row) => row['change_id']));
  const [listed = [], listedThere] = await Promise.all(
    machines.map(async (machine) => [...(await machine.conflicts()), ...(await machine.conflicts(true))]),
  );
  expect(listedThere).toEqual(listed);
  const conflicts = new Map(listed.map((conflict) => [conflict.id, conflict]));
  const waiting = new Set(
    (await Promise.all(machines.map(({ store }) => store.pending()))).flat().map(({ id }) => id),
  );

  const wrong: string[] = [];
  const figures: Figures = {
    changes: 0,
    applied: 0,
    merged: 0,
    conflicts: 0,
    rejected: 0,
    refused: 0,
    contested: contestedFields(writes),
  };
  for (const { change, maker, told, wasOffline } of writes.values()) {
    const { id, entity_id, kind, patch } = change;
    const conflict = conflicts.get(id);
    const fates = [
      applied.has(id) && 'applied',
      // Linking what is linked already is the only thing that leaves no trace.
      !applied.has(id) &&
        settled.has(id) &&
        kind === 'link' &&
        linked.has(pairOf(entity_id, patch['target_id'])) &&
        conflict === undefined &&
        'nothing to do',
      conflict !== undefined && conflict.kind,
      waiting.has(id) && 'waiting',
    ].filter((fate) => fate !== false);
    if (fates.length !== (told === 'acknowledged' ? 1 : 0))
      wrong.push(
        `${told} by ${maker.name}, and ${fates.join(' and ') || 'nowhere'}: ${JSON.stringify(change)}`,
      );
    if (!wasOffline) continue;
    if (told === 'refused') figures.refused += 1;
    else figures.changes += 1;
    if (fates[0] === 'conflict') figures.conflicts += 1;
    else if (fates[0] === 'rejected') figures.rejected += 1;
    else if (fates[0] !== undefined) figures.applied += 1;
  }
  const merged = done.filter(
    ({ change_id, merged_with }) => merged_with.length > 0 && writes.get(change_id)?.wasOffline,
  );
  figures.merged = new Set(merged.map(({ change_id }) => change_id)).size;
  for (const id of [...applied, ...conflicts.keys()]) if (!writes.has(id)) wrong.push(`nobody wrote ${id}`);
  const times = new Map<string, number>();
  for (const { change_id, entity, entity_id, related_id, kind } of done) {
    const what = [change_id, entity, entity_id, related_id, kind].join(' ');
    times.set(what, (times.get(what) ?? 0) + 1);
  }
  for (const [what, count] of times) if (count > 1) wrong.push(`${count} times: ${what}`);
  expect(wrong).toEqual([]);
  return figures;
}

const pairOf = (one: unknown, other: unknown): string => [one, other].map(String).sort().join(' ');

/** How many fields of shared records both machines set, each seeing the same version first. */
function contestedFields(writes: ReadonlyMap<string, Write>): number {
  const makers = new Map<string, Set<Machine>>();
  for (const { change, maker, told, seen } of writes.values()) {
    if (told !== 'acknowledged' || seen === undefined || change.base_version === null) continue;
    for (const field of Object.keys(asked(change))) {
      const name = `${change.entity_id} ${knownVersion(change.base_version)} ${field}`;
      makers.set(name, (makers.get(name) ?? new Set()).add(maker));
    }
  }
  return [...makers.values()].filter(({ size }) => size > 1).length;
}

/** The fields that a write sets, as a record has them. */
function asked({ patch }: Change): JsonObject {
  return touchedFields(patch, patch);
}

/** Every open conflict is listed on both machines, and counted on each record that it is about. */
async function expectShown(machines: readonly Machine[], rows: Rows): Promise<void> {
  const all = rows.conflicts as unknown as ConflictRecord[];
  const open = all.filter(({ resolved_at }) => resolved_at === null);
  const counts = new Map<string, number>();
  for (const { changes } of open) {
    const records = changes.flatMap(({ entity, entity_id, patch }) =>
      entity === 'dependency' ? [entity_id, String(patch['target_id'])] : [entity_id],
    );
    for (const id of new Set(records)) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  const nameOf = new Map(rows.vendors?.map(({ id, name }) => [id, String(name)]));
  const items = new Set(rows.workItems?.map(({ id }) => id));
  for (const machine of machines) {
    const { tracker } = machine;
    const listed = await machine.conflicts();
    expect(listed.map(({ id }) => id).sort()).toEqual(open.map(({ id }) => id).sort());
    for (const [id, count] of counts) {
      const vendor = nameOf.get(id);
      let record: object;
      if (items.has(id)) record = await tracker.query(id, { include_children: false });
      else if (vendor !== undefined) record = await tracker.vendor(vendor);
      else if (id === rows.configuration?.[0]?.['id']) record = await machine.configuration();
      // Its creation is what was rejected.
      else continue;
      expect(record, `as ${machine.name} reads it`).toMatchObject({ id, open_conflicts: count });
    }
  }
}

/**
 * Nothing was overwritten in silence: each change began where the one before ended, did what was asked, and what it
 * replaced is what its maker had seen. The records are what the history says.
 */
function expectHonestHistory(rows: Rows, writes: ReadonlyMap<string, Write>): void {
  // The configuration begins with its defaults, without a change.
  const founded = Object.entries(CONFIGURATION_DEFAULTS);
  const values = new Map<string, JsonValue>(
    founded.map(([field, value]) => [`${String(rows.configuration?.[0]?.['id'])} ${field}`, value]),
  );
  const applied = new Set<string>();
  const wrong: string[] = [];
  const wasIs = (one: unknown, other: unknown) => `${JSON.stringify(one)}, ${JSON.stringify(other)}`;
  for (const { change_id, entity, entity_id, kind, fields } of rows.changes as unknown as RecordedChange[]) {
    if (entity === 'conflict' || entity === 'dependency' || entity === 'deployment') continue;
    applied.add(change_id);
    const write = writes.get(change_id);
    const isOwn = write?.change.entity_id === entity_id;
    const before = (field: string) => values.get(`${entity_id} ${field}`) ?? null;
    for (const { field, from, to } of fields) {
      if (MOVED_ALONG.has(field)) continue;
      if (!equalJson(before(field), from))
        wrong.push(`${field} was not as recorded: ${wasIs(before(field), from)}`);
      values.set(`${entity_id} ${field}`, to);
      if (write === undefined || !isOwn || kind !== 'update' || !Object.hasOwn(asked(write.change), field))
        continue;
      const mine = write.change.patch['labels'] ?? null;
      const known = knownValues(write, field, writes, applied);
      const isFair =
        field === 'labels'
          ? known.some((seen) => altersOwnOnly({ seen, mine, from, to }))
          : known.some((seen) => equalJson(seen, from));
      if (!isFair)
        wrong.push(`${field} was overwritten: ${wasIs(from, known)}: ${JSON.stringify(write.change)}`);
    }
    if (write === undefined || !isOwn) continue;
    const seen = write.seen === undefined ? {} : touchedFields(write.change.patch, write.seen);
    for (const [field, to] of Object.entries(asked(write.change))) {
      const is = before(field);
      const isDone = isAsAsked(field, is, to, seen);
      if (!isDone)
        wrong.push(
          `${field} was applied and is not as asked: ${wasIs(is, to)}: ${JSON.stringify(write.change)}`,
        );
    }
  }
  for (const row of [...(rows.workItems ?? []), ...(rows.vendors ?? []), ...(rows.configuration ?? [])]) {
    for (const [name, is] of Object.entries(row)) {
      const recorded = values.get(`${String(row['id'])} ${name}`);
      if (recorded !== undefined && !equalJson(is as JsonValue, recorded))
        wrong.push(`${name} is not as recorded: ${wasIs(is, recorded)}`);
    }
  }
  expect(wrong).toEqual([]);
}

/** Labels: what was added is there, and what was removed is not. Of a deletion the first time counts. */
function isAsAsked(field: string, is: JsonValue, to: JsonValue, seen: JsonObject): boolean {
  if (field === 'deleted_at') return (is === null) === (to === null);
  if (field !== 'labels') return equalJson(is, to);
  const [now, mine, before] = [is, to, seen['labels'] ?? []] as string[][];
  const isIn = (list: string[] | undefined, label: string) => list?.includes(label) === true;
  return [...(mine ?? []), ...(before ?? [])]
    .filter((label) => isIn(mine, label) !== isIn(before, label))
    .every((label) => isIn(now, label) === isIn(mine, label));
}

/** What the maker of an update saw of a field, and what he had seen before his earlier writes that are not applied. */
function knownValues(
  { change, maker }: Write,
  field: string,
  writes: ReadonlyMap<string, Write>,
  applied: ReadonlySet<string>,
): JsonValue[] {
  const known: JsonValue[] = [];
  for (const other of writes.values()) {
    const isSame =
      other.maker === maker &&
      other.change.entity_id === change.entity_id &&
      Object.hasOwn(asked(other.change), field);
    if (isSame && (other.change === change || !applied.has(other.change.id)) && other.seen !== undefined)
      known.push(touchedFields(other.change.patch, other.seen)[field] ?? null);
    if (other.change === change) return known;
  }
  return known;
}

/** Every row of every table, but for what a copy cannot know. */
function expectSameRows(copy: Rows, primary: Rows): void {
  const recorded = new Set(primary.changes?.map((row) => row['change_id']));
  const comparable = (name: string, all: Row[] = []) => {
    // What changed nothing is not in the feed.
    if (name === 'appliedChanges') return all.filter((row) => recorded.has(row['change_id']));
    if (name === 'workItemCounts') return all.filter((row) => row['items'] !== 0);
    return all;
  };
  for (const name of Object.keys(primary) as (keyof Rows)[]) {
    const [actual, expected] = [copy[name], primary[name]].map((all) => comparable(name, all));
    if (!isDeepStrictEqual(actual, expected)) expect(actual, name).toEqual(expected);
  }
}

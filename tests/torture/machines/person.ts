// Whoever works on a machine: makes changes of every kind, from what he knows, and decides conflicts.
import type { Change } from '../../../src/domain/change.ts';
import {
  RESOLUTIONS,
  listConflictsInput,
  resolveConflictInput,
  type ConflictRecord,
} from '../../../src/domain/conflict-record.ts';
import { CONTEXT_TYPES, type Configuration } from '../../../src/domain/configuration.ts';
import { DEPENDENCY_TYPES } from '../../../src/domain/dependency.ts';
import { parseInput } from '../../../src/domain/validate.ts';
import { VENDOR_STATUSES } from '../../../src/domain/vendor.ts';
import { ITEM_STATUSES, ITEM_TYPES } from '../../../src/domain/work-item.ts';
import { TrackerError } from '../../../src/domain/errors.ts';
import { listConflicts, resolveConflict } from '../../../src/use-cases/records/conflicts.ts';
import { Tracker, type Arguments } from '../../storage/tracker.ts';
import type { Random } from '../model/random.ts';
import { noting, type Ledger } from './ledger.ts';
import { Memory, type Known } from './memory.ts';
import type { Place } from './project.ts';

const PAGE = 100;

export class Person {
  readonly tracker: Tracker;
  readonly #memory = new Memory();
  readonly #links: { source: Known; kind: string; target: Known }[] = [];
  #tokens = 0;

  constructor(
    readonly name: string,
    place: Place,
    private readonly random: Random,
    ledger: Ledger,
  ) {
    const store = noting(place.store, { ledger, maker: name, memory: this.#memory });
    this.tracker = new Tracker(store, place.options);
    this.tracker.caller.actor = name;
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

  /** Reads what is there, to go on from. */
  async look(): Promise<void> {
    const { tracker } = this;
    await this.#lookAtItems();
    for (const { name } of (await tracker.vendors()).items)
      this.#memory.sawVendor(await tracker.vendor(name));
    this.#memory.sawConfiguration(await this.configuration());
  }

  /** Tries that many changes; a refused one makes him look again. */
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

  /** Without what git says of the folder. */
  async configuration(): Promise<Configuration & { open_conflicts: number }> {
    const { data } = await this.tracker.store.read((reader) => reader.findConfigurationWithConflicts());
    return { ...data, open_conflicts: Number(data.open_conflicts) };
  }

  async conflicts(resolved = false): Promise<ConflictRecord[]> {
    const found: ConflictRecord[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const input = parseInput(listConflictsInput, { resolved, limit: PAGE, ...(cursor && { cursor }) });
      const { data } = await listConflicts.run(this.tracker.context, this.tracker.caller, input);
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
      await resolveConflict.run(context, caller, parseInput(resolveConflictInput, asked));
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }

  /** What is set instead of what a write asked for; undefined where only one of both sides can be taken. */
  #instead([change]: readonly Change[]): Arguments | undefined {
    if (change?.entity !== 'work_item') return undefined;
    return change.kind === 'create' ? { parent_id: null } : { description: this.#token() };
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
    const parent_id = random.chance(0.5) ? this.#anItem().id : null;
    const item_type = random.pick(ITEM_TYPES);
    const labels = this.#someLabels();
    const args = { item_type, title: this.#token(), parent_id, labels };
    this.#memory.sawItem(await this.tracker.create(args));
  }

  async #update(): Promise<void> {
    const item = this.#anItem();
    const patch = { ...this.#aField(), ...(this.random.chance(0.4) && this.#aField()) };
    const on_conflict = this.random.pick(['merge', 'reject']);
    // Now and then from a version that its maker has changed since.
    const based = this.random.chance(0.1) ? this.#memory.earlier(item) : item;
    this.#memory.sawItem(await this.tracker.update(based, { ...patch, on_conflict }));
  }

  async #link(): Promise<void> {
    const source = this.#anItem();
    const kind = this.random.pick(DEPENDENCY_TYPES);
    const target = this.#anItem();
    await this.tracker.link(source, kind, target);
    this.#links.push({ source, kind, target });
  }

  async #unlink(): Promise<void> {
    if (this.#links.length === 0) return await this.#link();
    const { source, kind, target } = this.random.pick(this.#links);
    await this.tracker.unlink(source, kind, target);
  }

  async #deleteOrRestore(): Promise<void> {
    const item = this.random.pick(this.#memory.items);
    const deleted_at = item['deleted_at'] === null ? new Date().toISOString() : null;
    await this.tracker.update(item, { deleted_at, cascade: this.random.chance(0.5) });
    // What went along has other versions now.
    await this.#lookAtItems();
  }

  async #lookAtItems(): Promise<void> {
    const { items } = await this.tracker.list({ limit: PAGE, include_deleted: true });
    for (const item of items) this.#memory.sawItem(item);
  }

  async #updateVendor(): Promise<void> {
    const { random } = this;
    const vendor = random.pick(this.#memory.vendors);
    const patch = random.pick<() => Arguments>([
      () => ({ status: random.pick(VENDOR_STATUSES) }),
      () => ({ extractor_version: `1.${random.int(50)}` }),
      () => ({ metadata: { [`key_${random.int(3)}`]: this.#token() } }),
    ])();
    this.#memory.sawVendor(await this.tracker.updateVendor(vendor, patch));
  }

  /** Others may take the same name. */
  async #registerVendor(): Promise<void> {
    this.#memory.sawVendor(await this.tracker.register({ name: `Vendor ${this.random.int(4)}` }));
  }

  async #configure(): Promise<void> {
    const { random, tracker } = this;
    const patch = random.pick<() => Arguments>([
      () => ({ active_context_type: random.pick(CONTEXT_TYPES) }),
      () => ({ default_token_budget: 1_000 * (1 + random.int(100)) }),
      () => ({ archive_after_days: 1 + random.int(400) }),
    ])();
    const version = this.#memory.configuration?.version ?? 1;
    this.#memory.sawConfiguration(await tracker.configure(version, patch));
  }

  async #deploy(): Promise<void> {
    const { name } = this.random.pick(this.#memory.vendors);
    await this.tracker.deploy({ affected_vendors: [name], related_work_item_ids: [this.#anItem().id] });
  }

  /** Mostly one that others know too; a deleted one where there is no other. */
  #anItem(): Known {
    const all = this.#memory.items;
    const live = all.filter(({ deleted_at }) => deleted_at === null);
    const shared = live.filter(({ title }) => String(title).startsWith('Shared'));
    const among = this.random.chance(0.6) ? [shared, live, all] : [live, all];
    return this.random.pick(among.find(({ length }) => length > 0) ?? all);
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

  /** A text that nobody else writes, nor he again. */
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

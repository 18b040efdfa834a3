// The tracker as a caller meets it: arguments as a client sends them, through the real schemas and services.
import { claimWorkItemInput } from '../../src/domain/claim.ts';
import { linkWorkItemsInput } from '../../src/domain/dependency.ts';
import {
  listDeploymentsInput,
  queryDeploymentInput,
  recordDeploymentInput,
} from '../../src/domain/deployment.ts';
import { queryHistoryInput } from '../../src/domain/change.ts';
import { applyPlanInput, updateWorkItemsInput } from '../../src/domain/plan.ts';
import { updateConfigurationInput } from '../../src/domain/configuration.ts';
import { addNoteInput, listNotesInput } from '../../src/domain/note.ts';
import { searchInput } from '../../src/domain/search.ts';
import { undoInput } from '../../src/domain/undo.ts';
import { createEnhancementInput } from '../../src/domain/enhancement.ts';
import { parseInput } from '../../src/domain/validate.ts';
import {
  listVendorsInput,
  queryVendorInput,
  registerVendorInput,
  updateVendorInput,
} from '../../src/domain/vendor.ts';
import {
  createWorkItemInput,
  listWorkItemsInput,
  queryWorkItemInput,
  updateWorkItemInput,
} from '../../src/domain/work-item.ts';
import { updateWorkItems } from '../../src/use-cases/records/bulk-updates.ts';
import * as claims from '../../src/use-cases/records/claims.ts';
import * as configuration from '../../src/use-cases/records/configuration.ts';
import type { Caller, Context } from '../../src/use-cases/support/context.ts';
import * as deployments from '../../src/use-cases/records/deployments.ts';
import { createEnhancement } from '../../src/use-cases/records/enhancements.ts';
import * as notes from '../../src/use-cases/records/notes.ts';
import { search } from '../../src/use-cases/records/search.ts';
import { queryHistory } from '../../src/use-cases/history/history.ts';
import { applyPlan } from '../../src/use-cases/records/plans.ts';
import { undo } from '../../src/use-cases/history/undo.ts';
import * as vendors from '../../src/use-cases/records/vendors.ts';
import * as workItems from '../../src/use-cases/records/work-items.ts';
import type { OpenOptions } from '../../src/storage/opening/open-store.ts';
import { takeBackup } from '../../src/storage/export/backup.ts';
import { UNRECORDED } from '../../src/storage/operations/jobs.ts';
import type { Durability, Answer, Store, TrackerStore } from '../../src/storage/contract/store.ts';
import { withHonestWrites } from './honest-writes.ts';

/** Arguments as they come over the wire: wrong ones can be sent too. */
export type Arguments = Record<string, unknown>;

const START = '2026-01-05T09:00:00.000Z';

/** Time stands still until a test moves it. */
export class Clock {
  #now = new Date(START);

  now = (): Date => this.#now;

  /** The present as the tracker writes it down. */
  get iso(): string {
    return this.#now.toISOString();
  }

  set(time: string): void {
    this.#now = new Date(time);
  }

  advance(seconds: number): void {
    this.#now = new Date(this.#now.getTime() + seconds * 1000);
  }
}

/** A single layer, used as if it were the whole chain. */
function withoutTiers(store: Store): TrackerStore {
  return {
    read: (work, options) => store.read(work, options),
    write: async (changes) => {
      const answer = await store.write(changes);
      return { ...answer, durability: answer.source as Durability };
    },
    health: () => store.health(),
    close: () => store.close(),
    pending: () => Promise.resolve([]),
    watch: () => Promise.reject(new Error('a single layer')),
    layers: () => Promise.reject(new Error('a single layer')),
  };
}

export class Tracker {
  readonly clock = new Clock();
  readonly context: Context;
  readonly caller: Caller = { actor: 'ada', client: 'test-client/1.0' };
  /** How many writes were announced as changes. */
  announced = 0;

  constructor(
    readonly store: Store,
    readonly place: OpenOptions,
  ) {
    this.context = {
      store: withHonestWrites('pending' in store ? (store as TrackerStore) : withoutTiers(store)),
      projectDir: place.projectDir,
      workTree: place.projectDir,
      now: this.clock.now,
      onChange: () => {
        this.announced += 1;
      },
      jobs: UNRECORDED,
      dataDir: place.dataDir,
      keepsStatusFile: true,
      backUp: (options) => takeBackup({ ...place, ...options }),
    };
  }

  /** A task titled "Task" unless the arguments say otherwise. */
  create(args: Arguments = {}, caller = this.caller) {
    return this.createAnswer(args, caller).then(data);
  }

  async createAnswer(args: Arguments = {}, caller = this.caller) {
    const input = parseInput(createWorkItemInput, { item_type: 'task', title: 'Task', ...args });
    return await workItems.createWorkItem(this.context, caller, input);
  }

  /** An update based on the item as it was read. */
  update(item: { id: string; version: number }, args: Arguments, caller = this.caller) {
    return this.updateAnswer(item, args, caller).then(data);
  }

  async updateAnswer(item: { id: string; version: number }, args: Arguments, caller = this.caller) {
    const input = parseInput(updateWorkItemInput, { id: item.id, version: item.version, ...args });
    return await workItems.updateWorkItem(this.context, caller, input);
  }

  async query(id: string, args: Arguments = {}) {
    return data(await workItems.queryWorkItem(this.context, parseInput(queryWorkItemInput, { id, ...args })));
  }

  async list(args: Arguments = {}) {
    return data(await workItems.listWorkItems(this.context, parseInput(listWorkItemsInput, args)));
  }

  /** Takes, renews, releases or hands over; nothing being ready fails the test. */
  async claim(args: Arguments = {}, caller = this.caller): Promise<claims.ClaimedItem> {
    const { data: claimed } = await this.claimAnswer(args, caller);
    if ('nothing_ready' in claimed) throw new Error(claimed.nothing_ready);
    return claimed;
  }

  async claimAnswer(args: Arguments = {}, caller = this.caller) {
    return await claims.claimWorkItem(this.context, caller, parseInput(claimWorkItemInput, args));
  }

  /** The titles of a list, in its order. */
  async titles(args: Arguments = {}): Promise<string[]> {
    return (await this.list(args)).items.map(({ title }) => title);
  }

  link(source: { id: string }, kind: string, target: { id: string }, args: Arguments = {}) {
    return this.linkAnswer(source, kind, target, args).then(data);
  }

  unlink(source: { id: string }, kind: string, target: { id: string }, args: Arguments = {}) {
    return this.link(source, kind, target, { remove: true, ...args });
  }

  async linkAnswer(source: { id: string }, kind: string, target: { id: string }, args: Arguments = {}) {
    const ends = { source_id: source.id, target_id: target.id, dependency_type: kind };
    const input = parseInput(linkWorkItemsInput, { ...ends, ...args });
    return await workItems.linkWorkItems(this.context, this.caller, input);
  }

  register(args: Arguments, caller = this.caller) {
    return this.registerAnswer(args, caller).then(data);
  }

  async registerAnswer(args: Arguments, caller = this.caller) {
    return await vendors.registerVendor(this.context, caller, parseInput(registerVendorInput, args));
  }

  async vendor(name: string) {
    return data(await vendors.queryVendor(this.context, parseInput(queryVendorInput, { name }).name));
  }

  updateVendor(vendor: { name: string; version: number }, args: Arguments, caller = this.caller) {
    return this.updateVendorAnswer(vendor, args, caller).then(data);
  }

  async updateVendorAnswer(vendor: { name: string; version: number }, args: Arguments, caller = this.caller) {
    const based = { name: vendor.name, version: vendor.version };
    return await vendors.updateVendor(
      this.context,
      caller,
      parseInput(updateVendorInput, { ...based, ...args }),
    );
  }

  async vendors(args: Arguments = {}) {
    return data(await vendors.listVendors(this.context, parseInput(listVendorsInput, args)));
  }

  /** A deployment with complete metadata; `metadata` in the arguments is laid over it. */
  deploy(args: Arguments = {}, caller = this.caller) {
    return this.deployAnswer(args, caller).then(data);
  }

  async deployAnswer({ metadata, ...args }: Arguments = {}, caller = this.caller) {
    const input = parseInput(recordDeploymentInput, {
      deployed_at: this.clock.iso,
      commit_hash: 'c'.repeat(40),
      metadata: {
        pr_number: 100,
        pr_title: 'Add vendor extractor tracking',
        test_summary: { unit: 150, integration: 30 },
        constitutional_compliance: true,
        ...(metadata as Arguments | undefined),
      },
      ...args,
    });
    return await deployments.recordDeployment(this.context, caller, input);
  }

  async deployment(id: string) {
    return data(await deployments.queryDeployment(this.context, parseInput(queryDeploymentInput, { id }).id));
  }

  async deployments(args: Arguments = {}) {
    return data(await deployments.listDeployments(this.context, parseInput(listDeploymentsInput, args)));
  }

  async configuration() {
    return data(await configuration.getConfiguration(this.context));
  }

  configure(version: number, args: Arguments, caller = this.caller) {
    return this.configureAnswer(version, args, caller).then(data);
  }

  async configureAnswer(version: number, args: Arguments, caller = this.caller) {
    const input = parseInput(updateConfigurationInput, { version, ...args });
    return await configuration.updateConfiguration(this.context, caller, input);
  }

  async history(args: Arguments = {}) {
    return data(await queryHistory(this.context, parseInput(queryHistoryInput, args)));
  }

  async plan(items: Arguments[], args: Arguments = {}, caller = this.caller) {
    const input = parseInput(applyPlanInput, { items, ...args });
    return data(await applyPlan(this.context, caller, input));
  }

  async updateMany(updates: Arguments[], args: Arguments = {}, caller = this.caller) {
    const input = parseInput(updateWorkItemsInput, { updates, ...args });
    return data(await updateWorkItems(this.context, caller, input));
  }

  async enhance(args: Arguments, caller = this.caller) {
    const input = parseInput(createEnhancementInput, args);
    return data(await createEnhancement(this.context, caller, input));
  }

  note(item: { id: string }, text: string, args: Arguments = {}, caller = this.caller) {
    return this.noteAnswer(item, text, args, caller).then(data);
  }

  async noteAnswer(item: { id: string }, text: string, args: Arguments = {}, caller = this.caller) {
    const input = parseInput(addNoteInput, { id: item.id, text, ...args });
    return await notes.addNote(this.context, caller, input);
  }

  async notes(item: { id: string }, args: Arguments = {}) {
    return data(await notes.listNotes(this.context, parseInput(listNotesInput, { id: item.id, ...args })));
  }

  async search(query: string, args: Arguments = {}) {
    return data(await search(this.context, parseInput(searchInput, { query, ...args })));
  }

  async undo(args: Arguments, caller = this.caller) {
    return data(await undo(this.context, caller, parseInput(undoInput, args)));
  }

  /** Where the feed of changes stands. */
  async seq(): Promise<number> {
    return (await this.store.read((reader) => reader.findFeedPosition())).data.seq;
  }
}

function data<T>(answer: Answer<T>): T {
  return answer.data;
}

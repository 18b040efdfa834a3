// The tracker as a caller meets it: arguments as a client sends them, through the real schemas and services.
import { existsSync } from 'node:fs';
import type * as z from 'zod';
import { deviceOf } from '../../src/storage/journals/device.ts';
import { parseInput } from '../../src/domain/validate.ts';
import { updateWorkItems } from '../../src/use-cases/records/bulk-updates.ts';
import * as claims from '../../src/use-cases/records/claims.ts';
import * as configuration from '../../src/use-cases/records/configuration.ts';
import type { Caller, Context } from '../../src/use-cases/support/context.ts';
import type { UseCase } from '../../src/use-cases/support/define-use-case.ts';
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
    latest: async (work, options) => (await store.read(work, options)).data,
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
  readonly caller: Caller = { actor: 'ada', person: 'ada', client: 'test-client/1.0', session: 'ada' };
  /** How many writes were announced as changes. */
  announced = 0;

  constructor(
    readonly store: Store,
    readonly place: OpenOptions,
  ) {
    this.context = {
      store: withHonestWrites('pending' in store ? (store as TrackerStore) : withoutTiers(store)),
      workspace: {
        projectDir: place.projectDir,
        dataDir: place.dataDir,
        workTree: place.projectDir,
        keepsStatusFile: true,
        device: deviceOf(place.dataDir, existsSync(place.dataDir)),
        person: () => Promise.resolve('tester'),
        session: 'of commands',
      },
      now: this.clock.now,
      onChange: () => {
        this.announced += 1;
      },
      jobs: UNRECORDED,
      backUp: (options) => takeBackup({ ...place, ...options }),
    };
  }

  /** A use case with arguments as a client sends them. */
  async answer<Input extends z.ZodObject, Data extends object>(
    useCase: UseCase<Input, Data>,
    args: Arguments = {},
    caller = this.caller,
  ): Promise<Answer<Data>> {
    return await useCase.run(this.context, caller, parseInput(useCase.input, args));
  }

  async call<Input extends z.ZodObject, Data extends object>(
    useCase: UseCase<Input, Data>,
    args: Arguments = {},
    caller = this.caller,
  ): Promise<Data> {
    return (await this.answer(useCase, args, caller)).data;
  }

  /** A task titled "Task" unless the arguments say otherwise. */
  create(args: Arguments = {}, caller = this.caller) {
    return this.createAnswer(args, caller).then(data);
  }

  createAnswer(args: Arguments = {}, caller = this.caller) {
    return this.answer(workItems.createWorkItem, { item_type: 'task', title: 'Task', ...args }, caller);
  }

  /** An update based on the item as it was read. */
  update(item: { id: string; version: number }, args: Arguments, caller = this.caller) {
    return this.updateAnswer(item, args, caller).then(data);
  }

  updateAnswer({ id, version }: { id: string; version: number }, args: Arguments, caller = this.caller) {
    return this.answer(workItems.updateWorkItem, { id, version, ...args }, caller);
  }

  query(id: string, args: Arguments = {}) {
    return this.call(workItems.queryWorkItem, { id, ...args });
  }

  list(args: Arguments = {}) {
    return this.call(workItems.listWorkItems, args);
  }

  /** Takes, renews, releases or hands over; nothing being ready fails the test. */
  async claim(args: Arguments = {}, caller = this.caller): Promise<claims.ClaimedItem> {
    const { data: claimed } = await this.claimAnswer(args, caller);
    if ('nothing_ready' in claimed) throw new Error(claimed.nothing_ready);
    return claimed;
  }

  claimAnswer(args: Arguments = {}, caller = this.caller) {
    return this.answer(claims.claimWorkItem, args, caller);
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

  linkAnswer(
    source: { id: string },
    kind: string,
    target: { id: string },
    args: Arguments = {},
    caller = this.caller,
  ) {
    const ends = { source_id: source.id, target_id: target.id, dependency_type: kind };
    return this.answer(workItems.linkWorkItems, { ...ends, ...args }, caller);
  }

  register(args: Arguments, caller = this.caller) {
    return this.registerAnswer(args, caller).then(data);
  }

  registerAnswer(args: Arguments, caller = this.caller) {
    return this.answer(vendors.registerVendor, args, caller);
  }

  vendor(name: string) {
    return this.call(vendors.queryVendor, { name });
  }

  updateVendor(vendor: { name: string; version: number }, args: Arguments, caller = this.caller) {
    return this.updateVendorAnswer(vendor, args, caller).then(data);
  }

  updateVendorAnswer(
    { name, version }: { name: string; version: number },
    args: Arguments,
    caller = this.caller,
  ) {
    return this.answer(vendors.updateVendor, { name, version, ...args }, caller);
  }

  vendors(args: Arguments = {}) {
    return this.call(vendors.listVendors, args);
  }

  /** A deployment with complete metadata; `metadata` in the arguments is laid over it. */
  deploy(args: Arguments = {}, caller = this.caller) {
    return this.deployAnswer(args, caller).then(data);
  }

  deployAnswer({ metadata, ...args }: Arguments = {}, caller = this.caller) {
    const complete = {
      deployed_at: this.clock.iso,
      commit_hash: 'c'.repeat(40),
      metadata: {
        pr_number: 100,
        pr_title: 'Add vendor extractor tracking',
        test_summary: { unit: 150, integration: 30 },
        constitutional_compliance: true,
        ...(metadata as Arguments | undefined),
      },
    };
    return this.answer(deployments.recordDeployment, { ...complete, ...args }, caller);
  }

  deployment(id: string) {
    return this.call(deployments.queryDeployment, { id });
  }

  deployments(args: Arguments = {}) {
    return this.call(deployments.listDeployments, args);
  }

  configuration() {
    return this.call(configuration.getConfiguration);
  }

  configure(version: number, args: Arguments, caller = this.caller) {
    return this.configureAnswer(version, args, caller).then(data);
  }

  configureAnswer(version: number, args: Arguments, caller = this.caller) {
    return this.answer(configuration.updateConfiguration, { version, ...args }, caller);
  }

  history(args: Arguments = {}) {
    return this.call(queryHistory, args);
  }

  plan(items: Arguments[], args: Arguments = {}, caller = this.caller) {
    return this.call(applyPlan, { items, ...args }, caller);
  }

  updateMany(updates: Arguments[], args: Arguments = {}, caller = this.caller) {
    return this.call(updateWorkItems, { updates, ...args }, caller);
  }

  enhance(args: Arguments, caller = this.caller) {
    return this.call(createEnhancement, args, caller);
  }

  note(item: { id: string }, text: string, args: Arguments = {}, caller = this.caller) {
    return this.noteAnswer(item, text, args, caller).then(data);
  }

  noteAnswer(item: { id: string }, text: string, args: Arguments = {}, caller = this.caller) {
    return this.answer(notes.addNote, { id: item.id, text, ...args }, caller);
  }

  notes(item: { id: string }, args: Arguments = {}) {
    return this.call(notes.listNotes, { id: item.id, ...args });
  }

  search(query: string, args: Arguments = {}) {
    return this.call(search, { query, ...args });
  }

  undo(args: Arguments, caller = this.caller) {
    return this.call(undo, args, caller);
  }

  /** Where the feed of changes stands. */
  async seq(): Promise<number> {
    return (await this.store.read((reader) => reader.findFeedPosition())).data.seq;
  }
}

function data<T>(answer: Answer<T>): T {
  return answer.data;
}

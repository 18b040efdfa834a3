// A caller: it remembers what it saw, bases its updates on that, and notes what it is told.
import { completedAt, type ItemStatus } from '../../../src/domain/work-item.ts';
import { partsOf, recordsOf } from '../../../src/domain/batch.ts';
import type { Applied, Change, Entity } from '../../../src/domain/change.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import { TrackerError } from '../../../src/domain/errors.ts';
import type { ConflictRecord } from '../../../src/domain/conflict-record.ts';
import type { Reader } from '../../../src/storage/queries/reader.ts';
import type { Answer, WriteAnswer } from '../../../src/storage/contract/store.ts';
import {
  checkNotBefore,
  checkReadAnswer,
  checkWriteAnswer,
  checkOwnWrite,
  type ItemAnswer,
} from './answers.ts';
import { type Attempt, type View, type Write } from './ledger.ts';
import { INCOMPLETE, type ModelProcess } from './machine.ts';
import type { Slot, World } from './world.ts';

/** Older views that a client still bases updates on now and then. */
const VIEWS_KEPT = 4;
const TOKENS_KEPT = 4;

const REFUSALS: ReadonlySet<string> = new Set([
  'ValidationError',
  'NotFoundError',
  'VersionConflictError',
  'ClaimError',
]);

/** The kinds of records that are read and compared. */
const READ = ['work_item', 'vendor', 'enhancement', 'note'] as const;

export interface Target {
  entity: (typeof READ)[number];
  id: string;
}

export class Client {
  /** What it saw of each record, oldest first. */
  readonly views = new Map<string, View[]>();
  /** The tokens of its claims on each item, oldest first. */
  readonly tokens = new Map<string, number[]>();
  /** Its writes, oldest first. */
  readonly writes: Write[] = [];
  /** What it waits for; undefined when it is free. */
  busy: Promise<void> | undefined;

  constructor(
    readonly world: World,
    readonly slot: Slot,
    readonly name: string,
  ) {}

  /** Begins something; what its process does not answer any more ends with the process. */
  begin(work: (process: ModelProcess) => Promise<void>): void {
    const { process } = this.slot;
    if (process === undefined) return;
    const dead = new Promise<void>((resolve) => process.onDeath(resolve));
    const busy = Promise.race([work(process).catch((error: unknown) => this.#unexpected(error)), dead]).then(
      () => {
        if (this.busy === busy) this.busy = undefined;
      },
    );
    this.busy = busy;
  }

  /** A new write, not tried yet. */
  compose(changes: Change[], seen: ReadonlyMap<string, View> = new Map()): Write {
    const waiting = this.world.machines
      .filter(({ hasEntries }) => hasEntries)
      .flatMap((machine) => machine.entries());
    const waitingBefore = new Set(waiting.flatMap((entry) => entry.changes.map(({ id }) => id)));
    const write: Write = { changes, seen, attempts: [], waitingBefore };
    this.writes.push(write);
    this.world.ledger.add(write);
    return write;
  }

  async write(process: ModelProcess, write: Write): Promise<void> {
    const { ledger } = this.world;
    const attempt: Attempt = {
      outcome: 'unknown',
      startedAt: ledger.next(),
      endedAt: undefined,
      time: this.world.time.now,
      at: process,
      wasUncertain: false,
    };
    write.attempts.push(attempt);
    const { uncertain } = process;
    let answer: WriteAnswer;
    try {
      answer = await process.session.write(write.changes);
    } catch (error) {
      attempt.endedAt = ledger.next();
      attempt.wasUncertain = process.uncertain > uncertain;
      this.#noteRefusal(attempt, error);
      return;
    }
    attempt.endedAt = ledger.next();
    attempt.time = this.world.time.now;
    attempt.wasTroubled = process.machine.isTroubled;
    attempt.outcome = 'acknowledged';
    attempt.durability = answer.durability;
    attempt.source = answer.source;
    attempt.isUnchecked = answer.unchecked !== undefined;
    attempt.applied = answer.data;
    checkWriteAnswer(this.world, process, write, answer);
    this.#see(answer.data, answer, write.seen);
    this.#keepTokens(answer.data);
    for (const change of write.changes.flatMap(partsOf)) {
      const { entity, entity_id: id } = change;
      if (!isRead(entity)) continue;
      if (answer.data.some(({ change_id, repeated }) => change_id === change.id && !repeated)) {
        const read = await this.#read(process, { entity, id });
        if (read !== undefined) checkOwnWrite(this.world, process, { write, change, attempt, read });
      }
    }
  }

  async read(process: ModelProcess, target: Target): Promise<void> {
    await this.#read(process, target);
  }

  /** What its process answers to a question, at one moment; undefined when no layer does. */
  async ask<T>(process: ModelProcess, question: (reader: Reader) => Promise<T>): Promise<T | undefined> {
    try {
      return (await process.session.read(question)).data;
    } catch (error) {
      this.#mustBeExpected(error);
      return undefined;
    }
  }

  /** The open conflicts that its process can see. */
  async conflicts(process: ModelProcess): Promise<ConflictRecord[]> {
    try {
      const { data } = await process.session.read((reader) =>
        reader.listConflicts({ resolved: false, limit: 20 }),
      );
      return data.items.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    } catch (error) {
      this.#mustBeExpected(error);
      return [];
    }
  }

  async #read(process: ModelProcess, target: Target): Promise<Answer<ItemAnswer> | undefined> {
    const { machine } = process;
    const waiting = machine.hasEntries ? machine.entries() : [];
    const moment = this.world.ledger.next();
    try {
      const answer = await process.session.read((reader) => askFor(reader, target));
      checkReadAnswer(this.world, process, target, answer, { waiting, moment });
      checkNotBefore(this.world, process, target, answer);
      const { record } = answer.data;
      if (record !== undefined) this.#noteView(target.id, record, isComplete(answer));
      return answer;
    } catch (error) {
      this.#mustBeExpected(error);
      return undefined;
    }
  }

  #see(applied: readonly Applied[], answer: WriteAnswer, before: ReadonlyMap<string, View>): void {
    for (const { entity, entity_id, record, repeated } of applied) {
      if (!isRead(entity) || recordsOf(record) !== undefined) continue;
      const id = typeof record['id'] === 'string' ? record['id'] : entity_id;
      // The first result of a retry is from then; it may be older than what was seen since.
      if (repeated) continue;
      if (answer.unchecked === undefined) this.#noteView(id, record, answer.source !== 'markdown_file');
      else {
        // It says what was asked and no more; the rest its maker knows from before, or not at all.
        const view = before.get(id);
        if (view !== undefined) this.#noteView(id, onTop(view.record, record), view.isComplete);
      }
    }
  }

  #keepTokens(applied: readonly Applied[]): void {
    for (const { entity_id, record } of applied) {
      const { claim_token } = record;
      if (typeof claim_token !== 'number') continue;
      this.tokens.set(entity_id, [...(this.tokens.get(entity_id) ?? []), claim_token].slice(-TOKENS_KEPT));
    }
  }

  #noteView(id: string, record: JsonObject, complete: boolean): void {
    const { version } = record;
    if (typeof version !== 'number') return;
    const views = this.views.get(id) ?? [];
    views.push({ version, record, isComplete: complete });
    this.views.set(id, views.slice(-VIEWS_KEPT));
  }

  #noteRefusal(attempt: Attempt, error: unknown): void {
    if (!(error instanceof TrackerError)) throw error;
    attempt.error = `${error.code}: ${error.message}`;
    if (JSON.stringify(error.details).includes('no journal could read back'))
      this.world.violated(`an honest write is taken for damage: ${JSON.stringify(error.details)}`);
    this.#startAfresh(error);
    if (REFUSALS.has(error.code)) attempt.outcome = 'refused';
    else attempt.outcome = error.code === 'NotSavedError' ? 'not_saved' : 'failed';
  }

  /** A version that it names was lost: it goes on from what is there now, as it is told to. */
  #startAfresh({ message, details }: TrackerError): void {
    const { current } = details as { current?: JsonObject };
    if (current === undefined || !message.includes('was lost')) return;
    this.views.delete(String(current['id']));
    this.#noteView(String(current['id']), current, true);
  }

  /** Reads may fail for want of any layer, and in no other way. */
  #mustBeExpected(error: unknown): void {
    if (!(error instanceof TrackerError) || error.code !== 'DatabaseError') throw error;
  }

  #unexpected(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.world.violated(`${this.name} was answered with an unexpected error: ${text}`);
  }
}

function onTop(record: JsonObject, patch: JsonObject): JsonObject {
  const metadata = { ...(record['metadata'] as JsonObject), ...(patch['metadata'] as JsonObject) };
  const next: JsonObject = { ...record, ...patch, metadata };
  // It follows from the status that was asked for, and its maker knows that.
  if (!('completed_at' in record) || 'completed_at' in patch) return next;
  const before = typeof record['completed_at'] === 'string' ? record['completed_at'] : null;
  return {
    ...next,
    completed_at: completedAt(next['status'] as ItemStatus, before, String(patch['updated_at'])),
  };
}

function isComplete({ source, warnings }: Answer<unknown>): boolean {
  return source !== 'markdown_file' && !warnings.some(({ message }) => message === INCOMPLETE.status);
}

/** A record as the store that answers has it, and where that store stands. */
export async function askFor(reader: Reader, { entity, id }: Target): Promise<ItemAnswer> {
  const { seq } = await reader.findFeedPosition();
  if (entity !== 'vendor') {
    const record = await reader.findRecord(entity, id);
    return { seq, record: record as unknown as JsonObject | undefined };
  }
  const { items, total_count, next_cursor } = await reader.listVendors({ limit: 50 });
  const record = items.find((vendor) => vendor.id === id);
  return {
    seq,
    record: record as unknown as JsonObject | undefined,
    miscount: next_cursor === null ? total_count - items.length : 0,
  };
}

const isRead = (entity: Entity): entity is Target['entity'] => READ.some((one) => one === entity);

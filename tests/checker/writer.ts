// One session: a client that works on the shared items, reading and writing in a sequence that its seed gives. It bases
// each update on what it was shown last, as the contract asks of it.
import type { Board } from './board.ts';
import type { Call, Deed, Json, JsonObject } from './history.ts';
import { isObject, labelsOf, linkMark } from './ledger.ts';
import type { Random } from './random.ts';
import type { Server } from './server.ts';
import { cutFields, recordsIn } from './shown.ts';

/** How often each kind of call is made. */
export type Habits = Readonly<Record<Action, number>>;
type Action =
  'create' | 'note' | 'update' | 'bulk' | 'plan' | 'link' | 'claim' | 'read' | 'readNotes' | 'list';

export const EVERYTHING: Habits = {
  create: 8,
  note: 20,
  update: 32,
  bulk: 4,
  plan: 4,
  link: 3,
  claim: 7,
  read: 14,
  readNotes: 5,
  list: 3,
};

/** An item takes 32. */
const LABELS_ENOUGH = 24;

interface Basis {
  /** The call that showed it whole, and those that changed it since. */
  calls: number[];
  record: JsonObject;
}

const WHOLE = { max_tokens: 20_000 };

export class Writer {
  /** What it was shown last of each item. */
  readonly #known = new Map<string, Basis>();
  readonly #held = new Map<string, number>();
  readonly #own: string[] = [];
  #retry: { tool: string; args: JsonObject; deed: Deed } | undefined;
  #lastMark = 0;

  constructor(
    private readonly session: string,
    private readonly server: Server,
    private readonly board: Board,
    private readonly random: Random,
    private readonly habits: Habits,
    /** Whether it sets fields that others set as well. */
    private readonly isContested: boolean,
  ) {}

  async step(): Promise<void> {
    const retry = this.#retry;
    this.#retry = undefined;
    if (retry !== undefined) return void (await this.#write(retry.tool, retry.args, retry.deed));
    await this.#actions[this.random.weighted(this.habits)]();
  }

  /** Everything that it knows, once more. */
  async readAll(): Promise<void> {
    for (const id of this.board.items) {
      await this.#read(id);
      await this.#call('list_notes', { id, limit: 100, ...WHOLE });
    }
  }

  readonly #actions: Readonly<Record<Action, () => Promise<void>>> = {
    create: async () => {
      const mark = this.#mark();
      const args = { item_type: 'task', title: mark, labels: [`L.${mark}`], idempotency_key: mark };
      const call = await this.#write('create_work_item', args, {
        kind: 'create',
        marks: [mark, `L.${mark}`],
        item: null,
      });
      if (call?.outcome === 'answered' && typeof call.answer['id'] === 'string')
        this.#own.push(call.answer['id']);
    },

    note: async () => {
      const id = this.#anItem();
      const mark = this.#mark();
      await this.#write('add_note', { id, text: mark }, { kind: 'note', marks: [mark], item: id });
    },

    update: async () => {
      const id = this.#anItem();
      const basis = await this.#basisFor(id);
      if (basis === undefined) return;
      await this.#update(id, basis, this.#held.get(id));
    },

    bulk: async () => {
      const mark = this.#mark();
      const ids = [...new Set([this.#anItem(), this.#anItem(), ...this.#own.slice(-1)])];
      const updates: JsonObject[] = [];
      const deed: Deed = { kind: 'bulk', marks: [], item: null, basis: {} };
      for (const id of ids) {
        const basis = await this.#basisFor(id);
        if (basis === undefined) return;
        const part = `${mark}.${updates.length}`;
        updates.push({ id, version: basis.record['version'] ?? 1, metadata: { [part]: 1 } });
        deed.marks.push(part);
        if (deed.basis !== undefined) deed.basis[id] = basis.calls;
      }
      await this.#write('update_work_items', { updates, idempotency_key: mark }, deed);
      // Its answer does not show the items.
      for (const id of ids) this.#known.delete(id);
    },

    plan: async () => {
      const mark = this.#mark();
      const marks = Array.from({ length: this.random.between(2, 5) }, (_, index) => `${mark}.${index}`);
      const items = marks.map((title, index): JsonObject => ({
        key: title,
        item_type: 'task',
        title,
        ...(index > 0 && { depends_on: [marks[index - 1] ?? title] }),
      }));
      await this.#write('apply_plan', { items, idempotency_key: mark }, { kind: 'plan', marks, item: null });
    },

    link: async () => {
      const target_id = this.#own.shift();
      const source_id = this.#anItem();
      if (target_id === undefined || source_id === target_id) return;
      const args = { source_id, target_id, dependency_type: 'relates_to' };
      await this.#write('link_work_items', args, {
        kind: 'link',
        marks: [linkMark(source_id, target_id)],
        item: source_id,
      });
    },

    claim: async () => {
      const id = this.random.pick(this.board.items);
      const token = this.#held.get(id);
      const deed: Deed = { kind: 'claim', marks: [], item: id };
      if (token !== undefined && this.random.chance(0.6)) {
        const args = { id, action: 'release', claim_token: token, claimed_by: this.session };
        const call = await this.#write('claim_work_item', args, deed);
        if (call?.outcome === 'answered') this.#held.delete(id);
        return;
      }
      if (token !== undefined) return;
      const call = await this.#write(
        'claim_work_item',
        { id, claimed_by: this.session, lease_minutes: 5 },
        deed,
      );
      const given = call?.answer['claim_token'];
      if (typeof given === 'number') this.#held.set(id, given);
    },

    read: async () => void (await this.#read(this.#anItem())),
    readNotes: async () =>
      void (await this.#call('list_notes', { id: this.#anItem(), limit: 100, ...WHOLE })),
    list: async () => void (await this.#call('list_work_items', { limit: 50, fields: ['all'], ...WHOLE })),
  };

  async #update(id: string, { calls, record }: Basis, token: number | undefined): Promise<void> {
    const mark = this.#mark();
    const args: JsonObject = { id, version: record['version'] ?? 1, metadata: { [mark]: 1 } };
    const marks = [mark];
    const set = (name: string, value: Json, own: string) => {
      args[name] = value;
      marks.push(own);
    };
    if (this.isContested && this.random.chance(0.35)) set('title', `T.${mark}`, `T.${mark}`);
    const labels = labelsOf(record['labels']);
    if (this.random.chance(0.3) && labels.length < LABELS_ENOUGH)
      set('labels', [...labels, `L.${mark}`], `L.${mark}`);
    if (this.isContested && this.random.chance(0.2) && !isUnknown(record, 'description')) {
      const count = /^\d+/.exec(String(record['description'] ?? ''))?.[0] ?? '0';
      set('description', `${Number(count) + 1} C.${mark}`, `C.${mark}`);
    }
    if (this.random.chance(0.4)) args['on_conflict'] = 'merge';
    if (token !== undefined) args['claim_token'] = token;
    const answer = await this.#write('update_work_item', args, {
      kind: 'update',
      marks,
      item: id,
      basis: { [id]: calls },
    });
    if (answer?.answer['error'] === 'ClaimError') this.#held.delete(id);
    // Somebody else was faster, or nobody knows: it looks again before it goes on.
    if (answer?.outcome !== 'answered') this.#known.delete(id);
  }

  async #basisFor(id: string): Promise<Basis | undefined> {
    if (!this.#known.has(id) || this.random.chance(0.3)) await this.#read(id);
    return this.#known.get(id);
  }

  async #read(id: string): Promise<void> {
    await this.#call('query_work_item', { id, ...WHOLE });
  }

  async #write(tool: string, args: JsonObject, deed: Deed): Promise<Call | undefined> {
    const call = await this.#call(tool, args, deed);
    if (call?.outcome === 'lost' && 'idempotency_key' in args && this.random.chance(0.7))
      this.#retry = { tool, args, deed };
    return call;
  }

  async #call(tool: string, args: JsonObject, deed?: Deed): Promise<Call | undefined> {
    const call = await this.board.call(this.server, this.session, tool, args, deed);
    if (call === undefined) return undefined;
    for (const [id, record] of recordsIn(call)) {
      // A write tells what it changed; a claim, and an update that was merged, tell all that is there.
      const isWhole = deed === undefined || tool === 'claim_work_item' || 'merged_with' in record;
      const known = isWhole ? undefined : this.#known.get(id);
      this.#known.set(id, {
        calls: [...(known?.calls ?? []), call.n],
        record: { ...known?.record, ...record },
      });
    }
    return call;
  }

  #anItem(): string {
    const own = this.#own.at(-1);
    return own !== undefined && this.random.chance(0.15) ? own : this.random.pick(this.board.items);
  }

  #mark(): string {
    return `${this.session}-${(this.#lastMark += 1)}`;
  }
}

/** What the layer that answered does not know, or its answer had no room for, is not empty. */
const isUnknown = (record: JsonObject, field: string) =>
  labelsOf(record['unknown_fields']).includes(field) || cutFields(record).includes(field);

/** The items that the sessions will share, made before anything fails. */
export async function makeSharedItems(
  board: Board,
  server: Server,
  session: string,
  count: number,
): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const mark = `s0-${index + 1}`;
    const args = { item_type: 'task', title: mark, labels: [`L.${mark}`], idempotency_key: mark };
    const deed: Deed = { kind: 'create', marks: [mark, `L.${mark}`], item: null };
    const call = await board.call(server, session, 'create_work_item', args, deed);
    if (call?.outcome !== 'answered' || !isObject(call.answer)) throw new Error(JSON.stringify(call?.answer));
    board.items.push(String(call.answer['id']));
  }
}

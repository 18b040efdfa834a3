// A small history that is right in every respect, written by hand, and how to spoil it.
import type { Call, ConflictRow, Deed, History, Json, JsonObject, RecordedChange } from './history.ts';
import { linkMark } from './ledger.ts';

/** Times are seconds of this day, so that they are easy to read. */
const DAY = Date.parse('2026-11-01T00:00:00.000Z');

export const ITEM = '11111111-0000-4000-8000-000000000000';
export const OTHER = '22222222-0000-4000-8000-000000000000';

/** The session `s1` works in folder a, `s2` in b. */
export function goodHistory(): History {
  return {
    seed: 'by hand',
    schedule: 'by hand',
    primary: 'postgres',
    calls: [
      made(1, 's1', 'create_work_item', { item_type: 'task', title: 's1-1' }, shown(ITEM, 1), {
        kind: 'create',
        marks: ['s1-1'],
        item: null,
      }),
      made(2, 's1', 'create_work_item', { item_type: 'task', title: 's1-2' }, shown(OTHER, 1), {
        kind: 'create',
        marks: ['s1-2'],
        item: null,
      }),
      made(3, 's2', 'query_work_item', { id: ITEM }, { ...shown(ITEM, 1), notes: [], notes_total: 0 }),
      updated(4, 's1', 1, { metadata: { 's1-3': 1 }, title: 'T.s1-3' }, ['s1-3', 'T.s1-3'], 1),
      noted(5, 's1', 's1-4'),
      made(6, 's2', 'list_notes', { id: ITEM }, notesList('s1-4')),
      noted(7, 's2', 's2-1'),
      updated(8, 's1', 2, { metadata: { 's1-5': 1 }, labels: ['L.s1-5'] }, ['s1-5', 'L.s1-5'], 4),
      made(9, 's1', 'claim_work_item', { id: ITEM }, granted(1), claimDeed()),
      made(
        10,
        's1',
        'claim_work_item',
        { id: ITEM, action: 'release', claim_token: 1 },
        granted(null),
        claimDeed(),
      ),
      made(11, 's2', 'claim_work_item', { id: ITEM }, granted(2), claimDeed()),
      made(
        12,
        's1',
        'link_work_items',
        { source_id: ITEM, target_id: OTHER, dependency_type: 'relates_to' },
        {
          durability: 'postgres',
        },
        { kind: 'link', marks: [linkMark(ITEM, OTHER)], item: ITEM },
      ),
      made(
        13,
        's2',
        'query_work_item',
        { id: ITEM },
        {
          ...shown(ITEM, 3),
          title: 'T.s1-3',
          labels: ['L.s1-5'],
          metadata: { 's1-3': 1, 's1-5': 1 },
          notes: [{ text: 's1-4' }, { text: 's2-1' }],
          notes_total: 2,
        },
      ),
    ],
    faults: [],
    oddities: [],
    unsettled: [],
    tables: {
      changes: [
        change(1, ITEM, 'create', 1, [
          ['title', null, 's1-1'],
          ['status', null, 'active'],
          ['item_type', null, 'task'],
        ]),
        change(2, OTHER, 'create', 1, [
          ['title', null, 's1-2'],
          ['status', null, 'active'],
        ]),
        change(3, ITEM, 'update', 2, [
          ['title', 's1-1', 'T.s1-3'],
          ['metadata.s1-3', null, 1],
        ]),
        noteChange(4, 's1-4'),
        noteChange(5, 's2-1'),
        change(6, ITEM, 'update', 3, [
          ['labels', null, ['L.s1-5']],
          ['metadata.s1-5', null, 1],
        ]),
        {
          ...change(7, ITEM, 'link', null, [['dependencies', null, `relates_to ${OTHER}`]]),
          entity: 'dependency',
          related_id: OTHER,
        },
      ],
      items: [
        row(ITEM, 3, { title: 'T.s1-3', labels: ['L.s1-5'], metadata: { 's1-3': 1, 's1-5': 1 } }),
        row(OTHER, 1, { title: 's1-2' }),
      ],
      notes: [
        { id: 'n1', item_id: ITEM, text: 's1-4' },
        { id: 'n2', item_id: ITEM, text: 's2-1' },
      ],
      conflicts: [],
      claims: [{ item_id: ITEM, token: 2, holder: 's2' }],
      dependencies: [{ source_id: ITEM, target_id: OTHER, dependency_type: 'relates_to' }],
      counts: [{ item_type: 'task', status: 'active', items: 2 }],
      ready: [ITEM, OTHER],
      feed: 7,
    },
  };
}

/** A good history, altered. */
export function spoiled(alter: (history: History) => void): History {
  const history = goodHistory();
  alter(history);
  return history;
}

export function callOf(history: History, n: number): Call {
  const call = history.calls.find((one) => one.n === n);
  if (call === undefined) throw new Error(`no call ${n}`);
  return call;
}

/** The n-th second and a half of the day. */
export function moment(n: number, part = 0): number {
  return DAY + n * 1_000 + part;
}

export function made(
  n: number,
  session: string,
  tool: string,
  args: JsonObject,
  answer: JsonObject,
  deed?: Deed,
): Call {
  return {
    n,
    session,
    folder: session === 's1' ? 'a' : 'b',
    tool,
    args,
    start: moment(n),
    end: moment(n, 500),
    outcome: 'answered',
    answer: { data_source: 'postgres', ...(deed !== undefined && { durability: 'postgres' }), ...answer },
    ...(deed !== undefined && { deed }),
  };
}

export function noted(n: number, session: string, mark: string): Call {
  return made(
    n,
    session,
    'add_note',
    { id: ITEM, text: mark },
    { item_id: ITEM },
    { kind: 'note', marks: [mark], item: ITEM },
  );
}

export function updated(
  n: number,
  session: string,
  version: number,
  fields: JsonObject,
  marks: string[],
  basis: number,
): Call {
  const answer = { ...shown(ITEM, version + 1), ...fields };
  const deed: Deed = { kind: 'update', marks, item: ITEM, basis: { [ITEM]: basis } };
  // Answers show all that there is, and this one only what was set: enough for what follows here.
  return made(n, session, 'update_work_item', { id: ITEM, version, ...fields }, partOf(answer, fields), deed);
}

/** Takes the parts out that `fields` does not have, so that the answer says nothing of them. */
function partOf(answer: JsonObject, fields: JsonObject): JsonObject {
  const { metadata: _metadata, labels: _labels, ...rest } = answer;
  return { ...rest, ...('labels' in fields ? {} : { labels: [] }) };
}

export function shown(id: string, version: number): JsonObject {
  return { id, version, title: id === ITEM ? 's1-1' : 's1-2', description: null, labels: [], metadata: {} };
}

export function notesList(...texts: string[]): JsonObject {
  return { items: texts.map((text) => ({ text })), total_count: texts.length, next_cursor: null };
}

export function granted(token: number | null): JsonObject {
  return {
    ...shown(ITEM, 3),
    labels: ['L.s1-5'],
    metadata: { 's1-3': 1, 's1-5': 1 },
    claim_token: token,
    claim_expires_at: '2026-11-01T01:00:00.000Z',
  };
}

export function conflict(mark: string, resolution: string | null): ConflictRow {
  return {
    id: `c ${mark}`,
    kind: 'conflict',
    reason: '',
    resolution,
    changes: [{ patch: { metadata: { [mark]: 1 } } }],
  };
}

export function change(
  seq: number,
  entity_id: string,
  kind: string,
  version: number | null,
  fields: [string, Json, Json][],
): RecordedChange {
  return {
    seq,
    change_id: `change ${seq}`,
    client: 's1/1',
    entity: 'work_item',
    entity_id,
    related_id: null,
    kind,
    version,
    fields: fields.map(([field, from, to]) => ({ field, from, to })),
  };
}

export function noteChange(seq: number, text: string): RecordedChange {
  return {
    ...change(seq, `note ${text}`, 'create', null, [['text', null, text]]),
    entity: 'note',
    related_id: ITEM,
  };
}

function claimDeed(): Deed {
  return { kind: 'claim', marks: [], item: ITEM };
}

function row(
  id: string,
  version: number,
  fields: { title: string; labels?: string[]; metadata?: JsonObject },
): History['tables']['items'][number] {
  return {
    id,
    version,
    item_type: 'task',
    status: 'active',
    description: null,
    labels: [],
    metadata: {},
    ...fields,
  };
}

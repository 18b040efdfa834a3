// Each check says nothing of a history that is right, and finds what is wrong in one that is not.
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkHistory } from './checks/check-history.ts';
import {
  ITEM,
  callOf,
  change,
  conflict,
  goodHistory,
  granted,
  made,
  moment,
  noteChange,
  noted,
  notesList,
  spoiled,
  updated,
} from './handmade.ts';
import type { History } from './history.ts';

const guarantees = (history: History) => [
  ...new Set(checkHistory(history).map(({ guarantee }) => guarantee)),
];
const among = (history: History) => guarantees(history).join('; ');

it('finds nothing wrong with a history that is right', () => {
  expect(checkHistory(goodHistory())).toEqual([]);
});

describe('applied once', () => {
  it('finds an acknowledged write that is nowhere', () => {
    const history = spoiled(({ calls }) => calls.push(noted(20, 's1', 's1-20')));
    expect(guarantees(history)).toEqual(['nothing acknowledged is lost']);
  });

  it('takes one that waits as a conflict for kept, and one without an answer for unknown', () => {
    const history = spoiled(({ calls, tables }) => {
      const update = updated(20, 's1', 3, { metadata: { 's1-20': 1 } }, ['s1-20'], 8);
      calls.push(keptIn('outbox', update));
      calls.push({ ...noted(21, 's1', 's1-21'), outcome: 'lost', answer: {} });
      tables.conflicts.push(conflict('s1-20', 'keep_theirs'));
    });
    expect(guarantees(history)).toEqual([]);
  });

  it('takes the loss of waiting writes for documented when their folder was deleted', () => {
    const lost = (destroysJournalsOf: string) =>
      spoiled(({ calls, faults }) => {
        calls.push(keptIn('outbox', noted(20, 's1', 's1-20')));
        faults.push({ fault: '', target: '', from: moment(21), to: moment(22), destroysJournalsOf });
      });
    expect(guarantees(lost('a'))).toEqual([]);
    expect(guarantees(lost('b'))).toEqual(['nothing acknowledged is lost']);
  });

  it('finds the loss of what the primary forgot: the folders give it back', () => {
    const lost = (write: History['calls'][number], from: number) =>
      spoiled(({ calls, faults }) => {
        calls.push(write);
        faults.push({
          fault: '',
          target: '',
          from: moment(19),
          to: moment(22),
          primaryForgetsFrom: moment(from),
        });
      });
    for (const write of [noted(20, 's1', 's1-20'), keptIn('outbox', noted(20, 's1', 's1-20'))])
      for (const from of [19, 21])
        expect(guarantees(lost(write, from))).toEqual(['nothing acknowledged is lost']);
  });

  it('finds a write that is there twice, whoever acknowledged it', () => {
    const history = spoiled(({ tables }) => {
      tables.changes.push(noteChange(8, 's1-4'));
      tables.feed = 8;
    });
    expect(guarantees(history)).toEqual(['applied once']);
  });

  it('finds what nobody wrote', () => {
    const history = spoiled(({ tables }) => {
      tables.changes.push(noteChange(8, 's9-9'));
      tables.feed = 8;
    });
    expect(guarantees(history)).toEqual(['no phantoms']);
  });

  it('finds a write that was refused and applied all the same', () => {
    const history = spoiled((one) => {
      const call = callOf(one, 5);
      call.outcome = 'refused';
      call.answer = { error: 'DatabaseError', message: 'an unexpected failure' };
    });
    expect(guarantees(history)).toEqual(['what is refused is not applied', 'errors are known']);
  });

  it('finds half a plan', () => {
    const history = spoiled((one) => {
      const deed = { kind: 'plan' as const, marks: ['s1-4', 's1-4.1'], item: null };
      one.calls[4] = made(5, 's1', 'apply_plan', {}, {}, deed);
    });
    expect(guarantees(history)).toEqual(['whole or not at all']);
  });
});

describe('overwrites', () => {
  it('finds a value that was replaced unseen', () => {
    const history = spoiled((one) => {
      const [title] = one.tables.changes[2]?.fields ?? [];
      if (title !== undefined) title.from = 'T.s2-7';
    });
    expect(guarantees(history)).toEqual(['nothing is silently overwritten']);
  });

  it('finds labels that were removed unseen, also where the answer did not show any', () => {
    const history = spoiled((one) => {
      delete callOf(one, 4).answer['labels'];
      const [labels] = one.tables.changes[5]?.fields ?? [];
      if (labels !== undefined) labels.from = ['urgent'];
    });
    expect(guarantees(history)).toEqual(['nothing is silently overwritten']);
  });

  it('lets a person who settles a conflict replace what the maker had not seen', () => {
    const history = spoiled((one) => {
      const [title] = one.tables.changes[2]?.fields ?? [];
      if (title !== undefined) title.from = 'T.s2-7';
      keptIn('outbox', callOf(one, 4));
      one.tables.conflicts.push(conflict('s1-3', 'reapply'));
    });
    expect(guarantees(history)).toEqual([]);
  });
});

describe('order', () => {
  it('finds two notes of one session that changed places', () => {
    const history = spoiled(({ calls, tables }) => {
      calls.push(noted(20, 's1', 's1-20'), noted(21, 's1', 's1-21'));
      tables.changes.push(noteChange(8, 's1-21'), noteChange(9, 's1-20'));
      tables.feed = 9;
    });
    expect(guarantees(history)).toEqual(['the writes of one session to one item keep their order']);
  });

  it('finds a note that was applied before the one that its maker had read', () => {
    const history = spoiled((one) => {
      const { changes } = one.tables;
      changes[3] = noteChange(4, 's2-1');
      changes[4] = noteChange(5, 's1-4');
    });
    expect(guarantees(history)).toEqual(['writes follow reads']);
  });

  it('asks nothing of writes that were under way at the same time', () => {
    const history = spoiled(({ calls, tables }) => {
      calls.push({ ...noted(20, 's1', 's1-20'), end: moment(22) }, noted(21, 's1', 's1-21'));
      tables.changes.push(noteChange(8, 's1-21'), noteChange(9, 's1-20'));
      tables.feed = 9;
    });
    expect(guarantees(history)).toEqual([]);
  });
});

describe('sessions', () => {
  const old = (answer: object) =>
    spoiled(({ calls }) => {
      const list = { ...notesList('s2-1'), ...answer };
      calls.push(made(20, 's1', 'list_notes', { id: ITEM }, list));
    });

  it('finds a session that does not see its own note', () => {
    expect(guarantees(old({ data_source: 'sqlite_cache', as_of: at(19) }))).toEqual([
      'read your writes',
      'as_of is true',
    ]);
  });

  it('accepts an answer that says to be older', () => {
    expect(guarantees(old({ data_source: 'sqlite_cache', as_of: at(2) }))).toEqual([]);
  });

  it('accepts a primary that says what waits and is not in the answer', () => {
    const warnings = [{ code: 'pending_changes', message: 'this answer does not include it' }];
    const history = spoiled(({ calls, tables }) => {
      calls.push(keptIn('outbox', noted(20, 's1', 's1-20')));
      calls.push(made(21, 's1', 'list_notes', { id: ITEM }, { ...notesList('s1-4', 's2-1'), warnings }));
      tables.changes.push(noteChange(8, 's1-20'));
      tables.feed = 8;
    });
    expect(guarantees(history)).toEqual([]);
    delete callOf(history, 21).answer['warnings'];
    expect(guarantees(history)).toEqual(['read your writes']);
  });

  it('finds a session that was shown more before', () => {
    const history = spoiled(({ calls, tables }) => {
      calls.push(keptIn('outbox', noted(20, 's1', 's1-20')));
      calls.push(made(21, 's2', 'list_notes', { id: ITEM }, notesList('s1-4', 's2-1', 's1-20')));
      calls.push(made(22, 's2', 'list_notes', { id: ITEM }, notesList('s1-4', 's2-1')));
      tables.changes.push(noteChange(8, 's1-20'));
      tables.feed = 8;
    });
    expect(guarantees(history)).toEqual(['monotonic reads']);
  });
});

describe('truthful answers', () => {
  const severed = { fault: 'paused', target: 'postgres', from: moment(4), to: moment(7), severs: ['a', 'b'] };

  it('finds answers that name a primary which was out of reach', () => {
    const history = spoiled(({ faults }) => faults.push(severed));
    expect(guarantees(history)).toEqual(['data_source is true', 'durability is true']);
  });

  it('asks nothing of calls that the outage did not cover, or of other folders', () => {
    expect(
      guarantees(spoiled(({ faults }) => faults.push({ ...severed, from: moment(5, 1), to: moment(6) }))),
    ).toEqual([]);
    expect(guarantees(spoiled(({ faults }) => faults.push({ ...severed, severs: ['c'] })))).toEqual([]);
  });

  it('finds a kept write that does not say so, or has the version of an applied one', () => {
    const kept = (alter: (history: History) => void) =>
      spoiled((one) => {
        keptIn('outbox', callOf(one, 8));
        alter(one);
      });
    expect(guarantees(kept(() => undefined))).toEqual([]);
    expect(among(kept((one) => delete callOf(one, 8).answer['warnings']))).toContain('durability is true');
    expect(among(kept((one) => (callOf(one, 8).answer['version'] = 3)))).toContain(
      'provisional versions are told',
    );
  });

  it('finds a write that was said to be applied, and is a conflict or has another version', () => {
    expect(among(spoiled(({ tables }) => tables.conflicts.push(conflict('s1-5', null))))).toContain(
      'durability is true',
    );
    expect(guarantees(spoiled((one) => (callOf(one, 8).answer['version'] = 7)))).toEqual([
      'answers show what was saved',
    ]);
  });

  it('finds an answer that lacks what was acknowledged before its moment', () => {
    const history = spoiled((one) => {
      const { answer } = callOf(one, 6);
      Object.assign(answer, notesList(), { data_source: 'sqlite_cache', as_of: at(5, 900) });
    });
    expect(guarantees(history)).toEqual(['as_of is true']);
  });
});

describe('errors', () => {
  it('finds an item that is denied after it was shown', () => {
    const denied = { outcome: 'refused' as const, answer: { error: 'NotFoundError', message: '' } };
    const history = spoiled(({ calls }) =>
      calls.push({ ...made(20, 's2', 'list_notes', { id: ITEM }, {}), ...denied }),
    );
    expect(guarantees(history)).toEqual(['what was answered exists']);
  });

  it('takes the denial of one that waited for right when its folder was deleted, and only then', () => {
    const waited = '99999999-0000-4000-8000-000000000000';
    const denied = { outcome: 'refused' as const, answer: { error: 'NotFoundError', message: '' } };
    const lost = (destroysJournalsOf: string) =>
      spoiled(({ calls, faults }) => {
        const answer = { id: waited, version: 1_000_000, title: 'T.s1-20' };
        const creation = made(20, 's1', 'create_work_item', { title: 'T.s1-20' }, answer);
        const deed = { kind: 'create' as const, marks: ['s1-20'], item: null };
        calls.push(keptIn('outbox', { ...creation, deed }));
        calls.push({ ...made(23, 's1', 'query_work_item', { id: waited }, {}), ...denied });
        faults.push({ fault: '', target: '', from: moment(21), to: moment(22), destroysJournalsOf });
      });
    expect(guarantees(lost('a'))).toEqual([]);
    expect(guarantees(lost('b'))).toContain('what was answered exists');
  });
});

describe('lists', () => {
  it('finds a count of another moment', () => {
    const history = spoiled((one) => (callOf(one, 6).answer['total_count'] = 2));
    expect(guarantees(history)).toEqual(['lists and their counts are of one moment']);
  });
});

describe('claims', () => {
  it('finds a second holder', () => {
    const history = spoiled((one) => one.calls.splice(9, 1));
    expect(guarantees(history)).toEqual(['a claim has one holder']);
  });

  it('finds a token that comes again', () => {
    const history = spoiled((one) => Object.assign(callOf(one, 11).answer, granted(1)));
    expect(guarantees(history)).toEqual(['claim tokens never come again']);
    const rewound = spoiled(({ tables }) => (tables.claims = [{ item_id: ITEM, token: 1, holder: 's2' }]));
    expect(guarantees(rewound)).toEqual(['claim tokens never come again']);
  });

  it('finds a write under a claim that somebody else has by then', () => {
    const history = spoiled(({ calls, tables }) => {
      const late = noted(20, 's1', 's1-20');
      calls.push({ ...late, args: { ...late.args, claim_token: 1 } });
      tables.changes.push(noteChange(8, 's1-20'));
      tables.feed = 8;
    });
    expect(guarantees(history)).toEqual(['a lost claim is fenced off']);
  });
});

describe('tables', () => {
  it.each<[string, (history: History) => void]>([
    ['the feed has no gaps', ({ tables }) => (tables.feed = 8)],
    ['versions have no gaps', ({ tables }) => (tables.items[0] = { ...first(tables.items), version: 4 })],
    [
      'records are what the changes made',
      ({ tables }) => (tables.items[0] = { ...first(tables.items), title: 'x' }),
    ],
    ['counts are exact', ({ tables }) => (tables.counts = [])],
    ['the queue of ready work follows from the items', ({ tables }) => tables.ready.pop()],
  ])('%s', (guarantee, alter) => {
    expect(guarantees(spoiled(alter))).toEqual([guarantee]);
  });

  it('counters count each change', () => {
    const history = spoiled(({ calls, tables }) => {
      calls.push(
        updated(20, 's2', 3, { metadata: { 's2-9': 1 }, description: '1 C.s2-9' }, ['s2-9', 'C.s2-9'], 13),
      );
      tables.changes.push(
        change(8, ITEM, 'update', 4, [
          ['description', '1 C.s1-8', '1 C.s2-9'],
          ['metadata.s2-9', null, 1],
        ]),
      );
      tables.feed = 8;
    });
    expect(among(history)).toContain('counters count each change');
  });
});

describe('held writes and servers', () => {
  it('finds what did not settle, and servers that ended by themselves', () => {
    const history = spoiled((one) => {
      one.unsettled.push('a1: 2 writes wait');
      one.oddities.push('a1 ended by itself');
    });
    expect(guarantees(history)).toEqual(['servers behave', 'held writes move on']);
  });
});

/** Histories that failed once, cut down to what shows it; `violates` names what must be found, or nothing. */
describe('histories of real runs', () => {
  const folder = fileURLToPath(new URL('fixtures/', import.meta.url));
  it.each(readdirSync(folder))('%s', (file) => {
    const { violates, history } = JSON.parse(readFileSync(folder + file, 'utf8')) as {
      violates: string | null;
      history: History;
    };
    const found = guarantees(history);
    if (violates === null) expect(found).toEqual([]);
    else expect(found).toContain(violates);
  });
});

/** The call as it is when a journal took the write. */
function keptIn(journal: string, call: History['calls'][number]): History['calls'][number] {
  const warnings = [{ code: 'saved_locally', message: '' }];
  Object.assign(call.answer, { durability: journal, data_source: 'sqlite_cache', as_of: at(0), warnings });
  if ('version' in call.answer) call.answer['version'] = 7_000_000;
  return call;
}

function at(n: number, part = 0): string {
  return new Date(moment(n, part)).toISOString();
}

function first<T>(list: readonly T[]): T {
  return list[0] as T;
}

// Bugs that were put in on purpose, each between the parts of a process: the model has to notice every one.
import { partsOf, withParts } from '../../../src/domain/batch.ts';
import type { Change } from '../../../src/domain/change.ts';
import { knownVersion, provisionalStep, withoutMark } from '../../../src/domain/provisional-version.ts';
import type { Vendor } from '../../../src/domain/vendor.ts';
import type { VendorFilter } from '../../../src/storage/queries/vendors.ts';
import type { Reader } from '../../../src/storage/queries/reader.ts';
import { isOutcomeUnknown, type Primary } from '../../../src/storage/primary/sql-store.ts';
import type { Journal, JournalEntry } from '../../../src/storage/contract/journal.ts';
import {
  JournalUnavailable,
  inReplayOrder,
  footprintOfEntry,
} from '../../../src/storage/contract/journal.ts';
import type { Journals, Waiting } from '../../../src/storage/journals/journals.ts';
import { readIdentity, type StoreIdentity } from '../../../src/storage/contract/store-identity.ts';
import { WaitingFootprint } from '../../../src/storage/journals/waiting-footprint.ts';
import type { Action } from './commands.ts';
import { PROJECT_ID } from './database.ts';
import type { ModelProcess, Seams } from './machine.ts';
import type { TieredParts } from '../../../src/storage/tiers/parts.ts';

/** The same object with some methods replaced; the others see the original. */
function patched<T extends object>(target: T, replaced: Partial<T>): T {
  return new Proxy(target, {
    get(original, name) {
      if (Object.hasOwn(replaced, name)) return replaced[name as keyof T];
      const value = Reflect.get(original, name, original) as unknown;
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(original) : value;
    },
  });
}

type Replay = Parameters<Primary['replay']>[0];

/** Replays something else than what was written. */
const replaying = (alter: (write: Replay, at: ModelProcess) => Replay): Seams => ({
  primary: (primary, at) => patched(primary, { replay: (write) => primary.replay(alter(write, at)) }),
});

const mapChanges = (write: Replay, alter: (change: Change) => Change): Replay => ({
  ...write,
  changes: write.changes.map(alter),
});

const onJournals = (alter: (journals: Journals, at: ModelProcess) => Journals): Seams => ({
  parts: (parts, at) => ({ ...parts, journals: alter(parts.journals, at) }),
});

/** What is told of what waits, to who asks and to who applies it. */
const onWaiting = (journals: Journals, alter: (waiting: Waiting) => Waiting): Partial<Journals> => ({
  waiting: async () => alter(await journals.waiting()),
  forReplay: async () => alter(await journals.forReplay()),
});

const onJournal = (alter: (journal: Journal, at: ModelProcess) => Partial<Journal>): Seams => ({
  journal: (journal, at) => patched(journal, alter(journal, at)),
});

const right = ({ world }: ModelProcess) => world.server.right;

function currentVersion(at: ModelProcess, { entity, entity_id }: Change): number {
  const table = { vendor: 'vendors', enhancement: 'enhancements' }[String(entity)] ?? 'work_items';
  return (
    right(at).get<{ version: number }>(`select version from ${table} where id = ?`, entity_id)?.version ?? 0
  );
}

/** As if its maker had seen what is there now. */
const onCurrent = (at: ModelProcess, { base_fields: _seen, ...change }: Change): Change => ({
  ...change,
  base_version: currentVersion(at, change),
});

interface HistoryRow {
  change_id: string;
  fields: string;
}

const changesAfter = (at: ModelProcess, { entity_id, base_version }: Change): HistoryRow[] =>
  right(at).all<HistoryRow>(
    'select change_id, fields from changes where entity_id = ? and version > ?',
    entity_id,
    (base_version ?? 0) % 1_000_000,
  );

/** A truth that never differs from what is known. */
function credulous(
  at: ModelProcess,
  primary: Primary,
  lie: (identity: StoreIdentity) => StoreIdentity,
): Primary {
  return patched(primary, {
    inSnapshot: async (work) => {
      const found: unknown = await primary.inSnapshot(work).catch((error: unknown) => {
        // An empty database has no position to read.
        if (at.world.server.current === right(at)) throw error;
        return { project_id: null, seq: 0, items: 0 };
      });
      // Told by what comes of it: whoever looks does so in words of his own.
      const { project_id, seq, items, change_id = null } = (found ?? {}) as Partial<StoreIdentity>;
      if (project_id === undefined || seq === undefined || items === undefined) return found as never;
      return lie({ project_id, seq, items, change_id, points: [] }) as never;
    },
  });
}

export const BUGS: Readonly<Record<string, Seams>> = {
  'acknowledges a write before the journal has taken it': onJournal((journal, at) => ({
    append: (entry) => {
      void at.world.time
        .sleep(400)
        .then(() => (at.isAlive ? journal.append(entry).catch(() => undefined) : undefined));
      return Promise.resolve();
    },
  })),

  'swallows the error of a journal that failed': onJournal((journal) => ({
    append: (entry) => journal.append(entry).catch(() => undefined),
  })),

  'removes a waiting write before it is replayed': {
    parts: (parts, at) => {
      removers.set(at, parts.journals);
      return parts;
    },
    primary: (primary, at) =>
      patched(primary, {
        replay: async (write) => {
          await removers.get(at)?.remove([write.id]);
          return await primary.replay(write);
        },
      }),
  },

  'replays without looking whether a write was applied before': {
    primary: (primary, at) =>
      patched(primary, {
        replay: (write) => {
          for (const { id } of write.changes)
            right(at).all('delete from applied_changes where change_id = ? returning 1', id);
          return primary.replay(write);
        },
      }),
  },

  'replays the last write first': onJournals((journals) =>
    patched(
      journals,
      onWaiting(journals, (waiting) => {
        const order = waiting.entries.map(({ lamport }) => lamport);
        const entries = waiting.entries
          .toReversed()
          .map((entry, index): JournalEntry => ({ ...entry, lamport: order[index] ?? 0 }))
          .sort(inReplayOrder);
        return { ...waiting, entries };
      }),
    ),
  ),

  'replays every update on the current version': {
    primary: (primary, at) =>
      patched(primary, {
        replay: (write) =>
          primary.replay(
            mapChanges(write, (change) =>
              change.kind === 'update' && change.entity !== 'configuration' ? onCurrent(at, change) : change,
            ),
          ),
      }),
  },

  'takes the changes of others for own ones': replaying((write, at) =>
    mapChanges(write, ({ base_fields, ...change }) => {
      const all = change.kind === 'update' ? changesAfter(at, change).map(({ change_id }) => change_id) : [];
      if (all.length === 0) return { ...change, ...(base_fields !== undefined && { base_fields }) };
      const steps = all.reduce((sum, id) => sum + provisionalStep(id), 0);
      return { ...change, own_changes: all, base_version: knownVersion(change.base_version ?? 0) + steps };
    }),
  ),

  'merges the two sides of a pair of fields': replaying((write, at) =>
    mapChanges(write, (change) => {
      if (change.kind !== 'update') return change;
      const theirs = changesAfter(at, change).flatMap(({ fields }) =>
        (JSON.parse(fields) as { field: string }[]).map(({ field }) => field),
      );
      const mine = Object.entries(change.patch).flatMap(([field, value]) =>
        field === 'metadata' ? Object.keys(value as object).map((key) => `metadata.${key}`) : [field],
      );
      const isApart = mine.every((field) => !theirs.includes(field) && field !== 'labels');
      return isApart ? onCurrent(at, change) : change;
    }),
  ),

  'forgets which labels the maker of an update saw': replaying((write) =>
    mapChanges(write, (change) =>
      Object.hasOwn(change.patch, 'labels')
        ? { ...change, base_fields: { ...change.base_fields, labels: [] } }
        : change,
    ),
  ),

  'takes what fills a field that a layer does not show for its value': {
    store: (store) =>
      patched(store, {
        write: (changes) =>
          store.write(
            changes.map((change) => {
              const told = partsOf(change).map((part) => ({
                ...part,
                base_version: part.base_version === null ? null : withoutMark(part.base_version),
              }));
              return change.kind === 'batch' ? withParts(change, told) : (told[0] ?? change);
            }),
          ),
      }),
  },

  'drops a write that is in conflict': {
    primary: (primary, at) =>
      patched(primary, {
        replay: async (write) => {
          const outcome = await primary.replay(write);
          if (outcome.outcome !== 'conflict') return outcome;
          right(at).all('delete from open_conflicts where conflict_id = ? returning 1', write.id);
          right(at).all('delete from conflicts where id = ? returning 1', write.id);
          return outcome;
        },
      }),
  },

  'takes a lost answer for a failure and writes under another id': {
    primary: (primary, at) =>
      patched(primary, {
        write: async (changes) => {
          try {
            return await primary.write(changes);
          } catch (error) {
            if (!isOutcomeUnknown(error)) throw error;
            const again = changes.map((change) => ({ ...change, id: at.world.newChangeId(at.machine.wall) }));
            return await primary.write(again);
          }
        },
      }),
  },

  'replays under ids of its own': replaying((write, at) =>
    mapChanges(write, (change) => ({
      ...change,
      id: `${change.id.slice(0, -2)}${((at.machine.processes.indexOf(at) % 200) + 16).toString(16)}`,
    })),
  ),

  'says the conflict is settled when it is kept': {
    primary: (primary, at) =>
      patched(primary, {
        replay: async (write) => {
          const outcome = await primary.replay(write);
          right(at).all('delete from open_conflicts where conflict_id = ? returning 1', write.id);
          return outcome;
        },
      }),
  },

  'refreshes the cache without what waits': {
    parts: (parts) => {
      const { cache } = parts;
      if (cache === undefined) return parts;
      const forgetful = patched(cache, {
        refresh: (primary, findWaiting, known) => {
          const findNone = async () => ({ ...(await findWaiting()), list: () => Promise.resolve([]) });
          return cache.refresh(primary, findNone, known);
        },
      });
      return withCache(parts, forgetful);
    },
  },

  'moves the cache on without copying': {
    parts: (parts, at) => {
      const { cache } = parts;
      if (cache === undefined) return parts;
      const lazy = patched(cache, {
        refresh: async (primary, findWaiting, known) => {
          const before = await cache.known();
          if (before.seq === undefined) return await cache.refresh(primary, findWaiting, known);
          const identity = await primary.inSnapshot((c) => readIdentity(c));
          at.machine.cache.database.setCursor(identity.seq);
          return identity;
        },
      });
      return withCache(parts, lazy);
    },
  },

  'trusts an empty or another database': {
    primary: (primary, at) =>
      credulous(at, primary, (identity) => ({ ...identity, project_id: PROJECT_ID, seq: right(at).seq })),
  },

  'forgets the positions that it has seen until the cache is fresh': {
    parts: (parts, at) => {
      at.seen.settled = () => undefined;
      at.seen.saw = () => true;
      return parts;
    },
  },

  'trusts an older database': {
    primary: (primary, at) => credulous(at, primary, (identity) => ({ ...identity, seq: right(at).seq })),
  },

  'gives the answer of a copy for one of the primary': {
    parts: (parts) => ({
      ...parts,
      replicas: parts.replicas.map((replica) => patched(replica, { source: 'postgres' })),
    }),
  },

  'says that a copy is from now': {
    parts: (parts, at) => ({
      ...parts,
      replicas: parts.replicas.map((replica) =>
        patched(replica, {
          run: (waiting, work) =>
            replica.run(waiting, (ready) =>
              work({ ...ready, as_of: new Date(at.machine.wall).toISOString() }),
            ),
        }),
      ),
    }),
  },

  'does not see what other processes journaled': onJournals((journals, at) => {
    const own = new Set<string>();
    return patched(journals, {
      append: async (changes) => {
        if (changes[0] !== undefined) own.add(changes[0].id);
        return await journals.append(changes);
      },
      ...onWaiting(journals, (waiting) => {
        const entries = waiting.entries.filter(({ id }) => own.has(id) || at.machine.alive.length === 1);
        return entries.length === waiting.entries.length
          ? waiting
          : { ...waiting, entries, footprint: new WaitingFootprint([], footprintOfEntry) };
      }),
    });
  }),

  'journals what a rule refused': {
    store: (store, at) =>
      patched(store, {
        write: async (changes) => {
          try {
            return await store.write(changes);
          } catch (error) {
            await at.store.parts.journals.append([...changes]).catch(() => undefined);
            throw error;
          }
        },
      }),
  },

  'says that nothing was saved when it was': onJournal((journal, at) => {
    const kept = new Set<string>();
    return {
      append: async (entry) => {
        await journal.append(entry);
        if (kept.has(entry.id) || at.world.random.chance(0.7)) return;
        kept.add(entry.id);
        throw new JournalUnavailable(journal.name, 'not really');
      },
      // Taking back what was refused is forgotten once.
      remove: (ids) => journal.remove(ids.filter((id) => !kept.delete(id))),
    };
  }),

  'replays a batch without its last part': replaying((write) =>
    mapChanges(write, (change) => {
      const parts = partsOf(change);
      return parts.length > 1 ? withParts(change, parts.slice(0, -1)) : change;
    }),
  ),

  'replays the parts of a batch on the current versions': replaying((write, at) =>
    mapChanges(write, (change) =>
      change.kind === 'batch'
        ? withParts(
            change,
            partsOf(change).map((part) => (part.kind === 'update' ? onCurrent(at, part) : part)),
          )
        : change,
    ),
  ),

  'shows the conflict of a batch on its first record only': {
    primary: (primary, at) =>
      patched(primary, {
        replay: async (write) => {
          const outcome = await primary.replay(write);
          const [change] = write.changes;
          const sql = 'delete from open_conflicts where conflict_id = ? and record_id <> ? returning 1';
          if (change?.kind === 'batch') right(at).all(sql, write.id, change.entity_id);
          return outcome;
        },
      }),
  },

  'replays a note twice, the second time under a new id': {
    primary: (primary, at) =>
      patched(primary, {
        replay: async (write) => {
          const outcome = await primary.replay(write);
          const [note] = write.changes;
          if (note?.entity === 'note' && outcome.outcome === 'applied') {
            const sql = `insert into notes (id, item_id, text, created_at, created_by)
              select ?, item_id, text, created_at, created_by from notes where id = ? returning 1`;
            right(at).all(sql, at.world.random.uuid(), note.entity_id);
          }
          return outcome;
        },
      }),
  },

  'loses a note that it says is applied': {
    primary: (primary, at) =>
      patched(primary, {
        replay: async (write) => {
          const outcome = await primary.replay(write);
          for (const { entity, entity_id } of write.changes)
            if (entity === 'note') right(at).all('delete from notes where id = ? returning 1', entity_id);
          return outcome;
        },
      }),
  },

  'uses up the attempts of a write by a right that is missing': {
    parts: (parts) => {
      const { memory } = parts;
      const { held } = memory;
      const counting = patched(held, {
        noteFailure: (id, failure) => held.noteFailure(id, { ...failure, isKnown: false }),
        isRetryDue: () => true,
      });
      return { ...parts, memory: patched(memory, { held: counting }) };
    },
  },

  'lets a note overtake what waits for its item': onJournals((journals) => {
    const footprintOf = (entry: JournalEntry) => ({ ...footprintOfEntry(entry), about: [] });
    return patched(journals, {
      footprintOf,
      waiting: async (): Promise<Waiting> => {
        const waiting = await journals.waiting();
        const footprint = new WaitingFootprint(waiting.entries, footprintOf);
        const { isEmpty } = footprint;
        const isInFrontOf: WaitingFootprint['isInFrontOf'] = (own, forPerson) =>
          footprint.isInFrontOf({ ...own, about: [] }, forPerson);
        return { ...waiting, footprint: patched(footprint, { isEmpty, isInFrontOf }) };
      },
    });
  }),

  'grants an offline claim although another holds the item': replaying((write, at) =>
    mapChanges(write, (change) => {
      const held = right(at).get<{ token: number; holder: string | null }>(
        'select token, holder from claims where item_id = ?',
        change.entity_id,
      );
      if (change.kind !== 'claim' || change.claim_token !== null || held?.holder == null) return change;
      const patch = { ...change.patch, action: 'hand_over', to: change.actor };
      return { ...change, claim_token: held.token, patch };
    }),
  ),

  'replays a write whose claim has ended': replaying((write) =>
    mapChanges(write, (change) => (change.kind === 'claim' ? change : { ...change, claim_token: null })),
  ),

  'gives the token of an earlier claim again': {
    primary: (primary, at) =>
      patched(primary, {
        write: async (changes) => {
          const applied = await primary.write(changes);
          const sql = 'update claims set token = token - 1 where item_id = ? and holder is null returning 1';
          for (const { kind, entity_id } of changes) if (kind === 'claim') right(at).all(sql, entity_id);
          return applied;
        },
      }),
  },

  'leaves a claim with an item that is closed': {
    primary: (primary, at) =>
      patched(primary, {
        write: async (changes) => {
          const ids = changes.flatMap(partsOf).map(({ entity_id }) => entity_id);
          const held = ids.flatMap((id) =>
            right(at).all<{ item_id: string; holder: string; expires_at: string }>(
              'select item_id, holder, expires_at from claims where item_id = ? and holder is not null',
              id,
            ),
          );
          const applied = await primary.write(changes);
          const sql =
            'update claims set holder = ?, expires_at = ? where item_id = ? and holder is null returning 1';
          for (const { item_id, holder, expires_at } of held) {
            if (!changes.some(({ kind }) => kind === 'claim'))
              right(at).all(sql, holder, expires_at, item_id);
          }
          return applied;
        },
      }),
  },

  'archives an item without what is below it': {
    primary: (primary, at) =>
      patched(primary, {
        replay: async (write) => {
          const outcome = await primary.replay(write);
          const sql = 'update work_items set archived_at = null where parent_id = ? returning 1';
          for (const { kind, entity_id } of write.changes)
            if (kind === 'archive') right(at).all(sql, entity_id);
          return outcome;
        },
      }),
  },

  'lists and counts at two moments': {
    primary: (primary, at) =>
      patched(primary, {
        read: async (work) => {
          const lists: { items: Vendor[] }[] = [];
          const listing = async (reader: Reader, filter: VendorFilter) => {
            const page = await reader.listVendors(filter);
            lists.push(page);
            return page;
          };
          const first = await primary.read((reader) =>
            work({ ...reader, listVendors: (filter) => listing(reader, filter) }),
          );
          if (lists.length === 0) return first;
          await at.world.time.sleep(100);
          const counting = async (reader: Reader, filter: VendorFilter) => ({
            ...(await reader.listVendors(filter)),
            items: lists.shift()?.items ?? [],
          });
          return await primary.read((reader) =>
            work({ ...reader, listVendors: (filter) => counting(reader, filter) }),
          );
        },
      }),
  },

  'answers with something older without a word': {
    session: (session) =>
      patched(session, {
        read: async (work) => {
          const answer = await session.read(work);
          return { ...answer, warnings: answer.warnings.filter(({ code }) => code !== 'went_back') };
        },
      }),
  },

  'loses the count of items': {
    primary: (primary, at) =>
      patched(primary, {
        replay: async (write) => {
          const outcome = await primary.replay(write);
          if (write.changes.some(({ kind }) => kind === 'create')) {
            right(at).all('update work_item_counts set items = items + 1 where items > 0 returning 1');
          }
          return outcome;
        },
      }),
  },
};

const UPDATES: readonly Action[] = ['update', 'another client', 'primary away or back'];

/** In whose schedules the bugs are looked for: what happens more often in them, and which of them is the first to be tried. */
export const DIRECTED: Readonly<Record<string, { often?: readonly Action[]; from?: number }>> = {
  'swallows the error of a journal that failed': { from: 10 },
  'removes a waiting write before it is replayed': { from: 42 },
  'replays without looking whether a write was applied before': { from: 9 },
  'replays the last write first': { from: 7 },
  'replays every update on the current version': { often: UPDATES, from: 9 },
  'takes the changes of others for own ones': { from: 43 },
  'merges the two sides of a pair of fields': {
    often: ['update', 'update', 'another client', 'another client', 'primary away or back'],
    from: 492,
  },
  'forgets which labels the maker of an update saw': { often: UPDATES, from: 108 },
  'takes what fills a field that a layer does not show for its value': {
    often: ['status file', 'update', 'another client'],
    from: 10,
  },
  'drops a write that is in conflict': { from: 43 },
  'takes a lost answer for a failure and writes under another id': {
    often: ['fault', 'update', 'create', 'note'],
    from: 19,
  },
  'refreshes the cache without what waits': { from: 42 },
  'trusts an empty or another database': {
    often: ['another database', 'read', 'read', 'update', 'wait'],
    from: 740,
  },
  'forgets the positions that it has seen until the cache is fresh': {
    often: ['backup', 'another database', 'update', 'read'],
    from: 102,
  },
  'trusts an older database': { often: ['another database', 'update', 'read', 'wait'], from: 369 },
  'does not see what other processes journaled': {
    often: ['take', 'keep claim', 'note', 'table refuses or works', 'primary away or back'],
    from: 208,
  },
  'replays the parts of a batch on the current versions': {
    often: ['bulk update', 'another client', 'primary away or back'],
    from: 30,
  },
  'shows the conflict of a batch on its first record only': { from: 6 },
  'uses up the attempts of a write by a right that is missing': { from: 100 },
  'lets a note overtake what waits for its item': { often: ['note', 'update', 'table refuses or works'] },
  'replays a write whose claim has ended': { from: 29 },
  'gives the token of an earlier claim again': { from: 62 },
  'leaves a claim with an item that is closed': { from: 16 },
  'archives an item without what is below it': {
    often: ['archive', 'create', 'primary away or back'],
    from: 62,
  },
  'lists and counts at two moments': { often: ['register vendor', 'update vendor', 'read'], from: 16 },
  'answers with something older without a word': { from: 34 },
  'takes a version that fits by chance for the one that its maker saw': { from: 14 },
  'takes what is there for what an own change that was refused had made': { from: 4 },
  'forgets which versions the database has lost': { from: 13 },
};

/** Those that show only where a database was restored: see `restored.ts`. */
export const BUGS_AFTER_RESTORES: Readonly<Record<string, Seams>> = {
  'takes a version that fits by chance for the one that its maker saw': replaying((write) =>
    mapChanges(write, ({ base_fields: _seen, ...change }) => change),
  ),

  'takes what is there for what an own change that was refused had made': {
    primary: (primary) =>
      patched(primary, {
        write: (changes) => primary.write(changes.map(onReal)),
        replay: (write) => primary.replay(mapChanges(write, onReal)),
      }),
  },

  'forgets which versions the database has lost': {
    parts: (parts, at) => {
      at.seen.findVoid = () => undefined;
      return parts;
    },
  },
};

/** On the real version that its chain of changes began with. */
const onReal = ({ own_changes: _own, ...change }: Change): Change => ({
  ...change,
  base_version: change.base_version === null ? null : knownVersion(change.base_version),
});

const removers = new WeakMap<ModelProcess, Journals>();

function withCache(parts: TieredParts, cache: NonNullable<TieredParts['cache']>): TieredParts {
  return {
    ...parts,
    cache,
    replicas: parts.replicas.map((replica) => (replica === parts.cache ? cache : replica)),
  };
}

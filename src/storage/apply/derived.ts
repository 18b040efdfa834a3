/**
 * Tables that follow from others, each with the version of the rules it is made by. They are kept in the transaction of
 * every change, or by triggers; one that was made by older rules is made again when a store is opened. Who alters such
 * a rule raises its version and adds a migration, so that programs with the old one stop writing.
 */
import { sql } from 'drizzle-orm';
import type { Connection, Session } from '../database/connection.ts';
import { layerFailure } from '../database/driver-errors.ts';
import { askPlainly, runPlainly } from '../database/plain-statement.ts';
import { COUNT_RULES, differingCounts, refillCounts } from './counts.ts';
import { READINESS_RULES, differingQueue, refillQueue } from './readiness.ts';
import { SEARCH_RULES, differingDocuments, refillSearch } from './search-documents.ts';

export interface Derivation {
  name: 'ready_queue' | 'work_item_counts' | 'search';
  /** What it is for, for a person. */
  label: string;
  rules: number;
  /** How many of its rows are not what the other tables say. */
  differing: (c: Connection) => Promise<number>;
  refill: (c: Connection) => Promise<void>;
}

export const DERIVATIONS: readonly Derivation[] = [
  {
    name: 'ready_queue',
    label: 'the queue of ready work',
    rules: READINESS_RULES,
    differing: differingQueue,
    refill: refillQueue,
  },
  {
    name: 'work_item_counts',
    label: 'the number of items of each kind',
    rules: COUNT_RULES,
    differing: differingCounts,
    refill: refillCounts,
  },
  {
    name: 'search',
    label: 'the search index',
    rules: SEARCH_RULES,
    differing: differingDocuments,
    refill: refillSearch,
  },
];

/**
 * Makes again what older rules than those of this program made. Costs one question where none did. What cannot be made
 * again, because the disk is full or a right is missing, stays as it is: `doctor` tells of it.
 */
export async function refreshDerived(session: Session): Promise<void> {
  try {
    if ((await session.read(outdated)).length === 0) return;
    await session.write(async (c) => {
      await holdFeed(c);
      // Another process may have done it meanwhile.
      await refill(c, await outdated(c));
    });
  } catch (error) {
    if (layerFailure(error) === undefined) throw error;
  }
}

export interface Difference {
  derivation: Derivation;
  rows: number;
}

/** Compares each with what the other tables say at this moment. */
export async function compareDerived(session: Session): Promise<Difference[]> {
  return await session.read(async (c) => {
    const differences: Difference[] = [];
    for (const derivation of DERIVATIONS) {
      const rows = await derivation.differing(c);
      if (rows > 0) differences.push({ derivation, rows });
    }
    return differences;
  });
}

/** Makes again what differs. @returns what did */
export async function mendDerived(session: Session): Promise<Difference[]> {
  return await session.write(async (c) => {
    await holdFeed(c);
    return await mendDerivedIn(c);
  });
}

/** The same within a transaction that nobody writes beside. */
export async function mendDerivedIn(c: Connection): Promise<Difference[]> {
  const mended: Difference[] = [];
  for (const derivation of DERIVATIONS) {
    const rows = await derivation.differing(c);
    if (rows === 0) continue;
    await refill(c, [derivation]);
    mended.push({ derivation, rows });
  }
  return mended;
}

/** Whoever writes waits here before it keeps these tables, and then sees them as they are made now. */
async function holdFeed(c: Connection): Promise<void> {
  const { feed } = c.tables;
  await c.db.update(feed).set({ seq: sql`${feed.seq}` });
}

async function outdated(c: Connection): Promise<Derivation[]> {
  const made = await askPlainly<{ name: string; rules: number }>(c, sql`select name, rules from derivations`);
  const rulesOf = new Map(made.map(({ name, rules }) => [name, Number(rules)]));
  return DERIVATIONS.filter(({ name, rules }) => (rulesOf.get(name) ?? 0) < rules);
}

async function refill(c: Connection, derivations: readonly Derivation[]): Promise<void> {
  for (const { name, rules, refill: fill } of derivations) {
    await fill(c);
    await runPlainly(
      c,
      sql`insert into derivations (name, rules) values (${name}, ${rules})
      on conflict (name) do update set rules = excluded.rules`,
    );
  }
}

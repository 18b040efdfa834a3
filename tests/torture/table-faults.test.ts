// A right that is missing, or a table that is away, for 0.1 to 5 seconds: everything that waited for it is through soon
// after, once and in order, whatever was tried meanwhile. In the long form with every table and every kind of write.
import { afterAll, expect, it } from 'vitest';
import '../support/global-setup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import { TABLE_FAULTS } from '../support/table-faults.ts';
import { TIMEOUT_MS, counted, isLong, randomFor, report } from './scale.ts';
import { disturb } from './tables/disturbance.ts';

/** What the kinds of writes touch. */
const TABLES = [
  'notes',
  'claims',
  'work_item_dependencies',
  'work_items',
  'work_item_labels',
  'work_item_counts',
  'ready_queue',
  'search_documents',
  'feed',
  'changes',
  'applied_changes',
];
/** Touched only where writes of all kinds wait. */
const OTHER_TABLES = ['vendors', 'enhancements'];
/** The bar, from the end of the fault on. */
const THROUGH_MAX_MS = 10_000;
/** What this machine may be busy with besides, in the short run. */
const SLACK_MS = isLong ? 0 : 20_000;

const CASES = [...TABLES, ...OTHER_TABLES].flatMap((table) =>
  TABLE_FAULTS.map((fault) => [table, fault] as const),
);
const TRIED = isLong ? CASES : someOf(CASES, 3);
const FAULT_MIN_MS = 100;
const FAULT_MAX_MS = isLong ? 5_000 : 2_000;

describeUnless(postgresSkipReason(), 'a table that refuses writes', () => {
  /** By table and kind of write, the longer of the two faults. */
  const combinations = new Map<string, number>();
  const others: number[] = [];
  let [writes, kept] = [0, 0];

  afterAll(() => {
    const all = [...combinations];
    const inTime = all.filter(([, ms]) => ms <= THROUGH_MAX_MS).length;
    const [name, slowest] = all.reduce((a, b) => (b[1] > a[1] ? b : a), ['none', 0]);
    report(
      'table faults',
      [
        `${inTime} of ${all.length} combinations of table and write through within ${THROUGH_MAX_MS / 1000} s of the end`,
        `slowest ${counted(slowest)} ms (${name})`,
        `writes of many kinds behind each other at most ${counted(Math.max(0, ...others))} ms`,
        `${counted(writes)} writes (${counted(kept)} waited at the end of a fault), 0 lost, 0 twice, in order`,
      ].join(', '),
    );
  });

  it.each(TRIED)(
    'holds up %s (%s) no longer than it lasts',
    { timeout: TIMEOUT_MS },
    async (table, fault) => {
      const random = randomFor(`${table} ${fault}`);
      const faultMs = FAULT_MIN_MS + random.int(FAULT_MAX_MS - FAULT_MIN_MS);
      const outcome = await disturb(table, fault, faultMs, random);
      for (const [kind, ms] of TABLES.includes(table) ? outcome.kinds : []) {
        const name = `${kind} with ${table}`;
        combinations.set(name, Math.max(ms, combinations.get(name) ?? 0));
      }
      others.push(...outcome.others.values());
      writes += outcome.writes;
      kept += outcome.kept;
      const late = [...outcome.kinds, ...outcome.others].filter(([, ms]) => ms > THROUGH_MAX_MS + SLACK_MS);
      expect(late, 'what was through too late, in ms').toEqual([]);
    },
  );
});

function someOf<T>(all: readonly T[], count: number): T[] {
  const random = randomFor('which');
  const left = [...all];
  return Array.from({ length: count }, () => left.splice(random.int(left.length), 1)).flat();
}

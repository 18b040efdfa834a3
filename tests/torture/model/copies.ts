// Whether the caches are what they say they are.
import { leaseEnd } from '../../../src/domain/claim.ts';
import { equalJson } from '../../../src/domain/json.ts';
import { layOnTop } from '../../../src/storage/replicas/replica.ts';
import { EPOCH_MS, TABLE_NAMES, borrowDatabase, giveBack, type SqlRow } from './database.ts';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

/** Every cache equals the primary, row by row; where writes wait, they are on top of it. */
export async function checkCopies(world: World): Promise<void> {
  const identity = world.server.right.tables();
  // What changed nothing is not in the feed, so that no copy learns of it; repeated there, it changes nothing again.
  const recorded = new Set(identity.get('changes')?.map((row) => row['change_id']));
  const onlyRecorded = (rows: SqlRow[] = []) => rows.filter((row) => recorded.has(row['change_id']));
  identity.set('applied_changes', onlyRecorded(identity.get('applied_changes')));
  for (const machine of world.machines) {
    if (machine.hasEntries) {
      await checkOnTop(world, machine);
      continue;
    }
    const copy = machine.cache.database.tables();
    copy.set('applied_changes', onlyRecorded(copy.get('applied_changes')));
    for (const name of TABLE_NAMES) {
      const [expected, actual] = [identity.get(name) ?? [], copy.get(name) ?? []].map((rows) =>
        rows.filter((row) => row['items'] !== 0),
      );
      const difference = firstDifference(expected ?? [], actual ?? []);
      if (difference !== undefined)
        world.violated(`the cache of machine ${machine.index} differs in ${name}: ${difference}`);
    }
  }
}

const RECORD_TABLES = [
  'vendors',
  'work_item_dependencies',
  'work_item_labels',
  'work_item_counts',
  'claims',
  'ready_queue',
  'notes',
  'enhancement_dependencies',
  'enhancements',
  'work_items',
];

async function checkOnTop(world: World, machine: Machine): Promise<void> {
  const now = await differencesOnTop(world, machine, machine.wall);
  if (now.length === 0) return;
  // A claim that waits fits or does not by the time at which it was laid on top: any since an earlier one ended.
  for (const moment of endsOfClaims(world, machine)) {
    if ((await differencesOnTop(world, machine, moment)).length === 0) return;
  }
  for (const difference of now)
    world.violated(`with what waits on top, the cache of machine ${machine.index} differs in ${difference}`);
}

async function differencesOnTop(world: World, machine: Machine, moment: number): Promise<string[]> {
  const expected = borrowDatabase('copy');
  expected.clock = () => moment;
  expected.fill(world.server.right.tables(), '');
  expected.raw.exec('begin');
  await layOnTop(expected.connection, machine.entries());
  expected.raw.exec('commit');
  const [identity, copy] = [expected.tables(), machine.cache.database.tables()];
  giveBack('copy', expected);
  return RECORD_TABLES.flatMap((name) => {
    const [a, b] = [identity, copy].map((tables) =>
      (tables.get(name) ?? []).filter((row) => row['items'] !== 0),
    );
    const difference = firstDifference(a ?? [], b ?? []);
    return difference === undefined ? [] : [`${name}: ${difference}`];
  });
}

/** Just before each of the claims ends that may hold back a waiting one, by the clock of the machine. */
function endsOfClaims(world: World, machine: Machine): number[] {
  const claims = machine.entries().flatMap(({ changes }) => changes.filter(({ kind }) => kind === 'claim'));
  if (claims.length === 0) return [];
  const held = world.server.right.all<{ expires_at: string | null }>('select expires_at from claims');
  const ends = [
    ...held.map(({ expires_at }) => expires_at),
    ...claims.map(
      ({ granted_until, at, patch }) =>
        granted_until ?? leaseEnd(at, Number(patch['lease_seconds'] ?? 1_800)),
    ),
  ];
  return [EPOCH_MS - DAY_MS, ...ends.flatMap((end) => (end === null ? [] : [Date.parse(end) - 1]))];
}

const DAY_MS = 86_400_000;

function firstDifference(expected: SqlRow[], actual: SqlRow[]): string | undefined {
  for (let index = 0; index < Math.max(expected.length, actual.length); index += 1) {
    const [a, b] = [JSON.stringify(expected[index]), JSON.stringify(actual[index])];
    if (a === b || equalJson(readable(expected[index]), readable(actual[index]))) continue;
    return `${String(a).slice(0, 400)} in the primary, ${String(b).slice(0, 400)} in the copy`;
  }
  return undefined;
}

/** JSON by value: keys may come in another order. */
function readable(row: SqlRow | undefined): unknown {
  return Object.fromEntries(
    Object.entries(row ?? {}).map(([name, value]) => [
      name,
      typeof value === 'string' && /^[[{]/.test(value) ? (JSON.parse(value) as unknown) : value,
    ]),
  );
}

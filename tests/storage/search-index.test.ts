// The search index is what the records say, whatever wrote them; and both databases find the same in it.
import { eq } from 'drizzle-orm';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { JsonObject } from '../../src/domain/json.ts';
import { SEARCH_ENTITIES, parseQuery, wordsOf } from '../../src/domain/search.ts';
import type { Connection, Session } from '../../src/storage/database/connection.ts';
import { openPostgres } from '../../src/storage/primary/postgres.ts';
import { search } from '../../src/storage/queries/search.ts';
import { clearTables, copyTables, insertRows } from '../../src/storage/database/table-copy.ts';
import { CacheReplica } from '../../src/storage/replicas/cache.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { openPrimary } from '../../src/storage/opening/open-primary.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { freshDatabase, inFolder } from './backends.ts';
import { creation, deploying, edit, noting, registration, vendorEdit } from './changes.ts';
import { HOSTILE } from './search-corpus.ts';
import { actualIndex, expectedIndex } from './search-oracle.ts';
import { apply, found, memorySession } from './tiers/filled-session.ts';
import { Tracker } from './tracker.ts';

const WORDS = [
  ...[
    'alpha',
    'Beta',
    'gamma-ray',
    'foo_bar',
    'src/main.ts',
    'C++',
    '登録画面',
    'Zürich',
    'МОСКВА',
    'naïve',
    '🚀',
  ],
  ...[
    'v1.2.3',
    "it's",
    '"quoted"',
    'e-mail@example.org',
    'ΑΘΗΝΑ',
    'İx',
    'ﬁne',
    '한국어',
    'ǅ',
    'x²',
    'co\u0301te',
  ],
];
const STEPS = 150;

/** Numbers that look random and are the same in every run of one seed. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const idOf = (letter: string, number: number) =>
  `${String(number).padStart(8, letter)}-0000-4000-8000-000000000000`;

/** The same writes for every session: rules, and rows that no rule writes yet. */
async function writeAtRandom(session: Session, seed: number): Promise<void> {
  const below = random(seed);
  const some = <T>(of: readonly T[]): T => of[below(of.length)] as T;
  const text = () => Array.from({ length: 1 + below(5) }, () => some(WORDS)).join(' ');
  const versions = new Map<string, number>();
  const count = { item: 0, vendor: 0, other: 0 };
  const item = () => idOf('a', below(count.item));
  const raise = (id: string) => {
    versions.set(id, (versions.get(id) ?? 0) + 1);
    return (versions.get(id) ?? 1) - 1;
  };
  const shelve = (id: string, archived_at: string | null) =>
    session.write(async ({ db, tables: { workItems: t } }) => {
      await db.update(t).set({ archived_at }).where(eq(t.id, id));
    });
  /** What is in the archive is not altered. */
  const change = async (entity_id: string, patch: JsonObject): Promise<void> => {
    await shelve(entity_id, null);
    await apply(session, [edit({ entity_id, base_version: raise(entity_id), patch })]);
  };
  const steps: ((step: number) => Promise<void>)[] = [
    () => {
      const entity_id = idOf('a', count.item);
      count.item += 1;
      raise(entity_id);
      const patch = { title: text(), description: some([null, text()]), labels: some([[], [some(WORDS)]]) };
      return apply(session, [
        creation({ entity_id, patch: { ...patch, branch_name: some([null, 'feature/x']) } }),
      ]);
    },
    () => {
      const entity_id = item();
      const fields = [
        { title: text() },
        { description: text() },
        { metadata: { note: { deep: [text()] } } },
        { priority: 1 },
      ];
      return change(entity_id, { deleted_at: null, ...some(fields) });
    },
    () => {
      const entity_id = item();
      const deleted_at = some([null, '2026-02-03T00:00:00.000Z']);
      return change(entity_id, { deleted_at });
    },
    () => {
      const id = item();
      const archived_at = some([null, '2026-02-03T00:00:00.000Z']);
      return shelve(id, archived_at);
    },
    (step) =>
      apply(session, [noting({ entity_id: idOf('e', step), patch: { item_id: item(), text: text() } })]),
    () => {
      const entity_id = idOf('b', count.vendor);
      count.vendor += 1;
      raise(entity_id);
      return apply(session, [
        registration({ entity_id, patch: { name: `${text()} ${count.vendor}`, extractor_version: '1.2' } }),
      ]);
    },
    () => {
      if (count.vendor === 0) return Promise.resolve();
      const entity_id = idOf('b', below(count.vendor));
      const patch = { extractor_version: some(['3', '4']), metadata: { comment: text() } };
      return apply(session, [vendorEdit({ entity_id, base_version: raise(entity_id), patch })]);
    },
    (step) => {
      const metadata = {
        pr_number: step + 1,
        pr_title: text(),
        test_summary: {},
        constitutional_compliance: true,
      };
      const patch = { deployed_at: '2026-01-31T16:00:00.000Z', commit_hash: 'c0ffee00'.repeat(5), metadata };
      return apply(session, [deploying({ entity_id: idOf('d', step), patch })]);
    },
    (step) => session.write((c) => insertRows(c, 'enhancements', [enhancement(idOf('f', step), text())])),
    () =>
      session.write(async ({ db, tables: { enhancements: t } }) => {
        await db
          .update(t)
          .set({ title: text(), description: some([null, text()]) })
          .where(eq(t.id, idOf('f', below(STEPS))));
      }),
  ];
  await (steps[0] as (step: number) => Promise<void>)(0);
  for (let step = 0; step < STEPS; step += 1) await some(steps)(step);
}

const AT = '2026-02-01T00:00:00.000Z';

function enhancement(id: string, title: string) {
  const who = { created_at: AT, updated_at: AT, created_by: 'ada', updated_by: 'ada' };
  const rest = { description: `About ${title}`, target_quarter: '2026-Q1', work_item_id: null };
  return {
    id,
    version: 1,
    title,
    priority: 3,
    status: 'planned',
    requires_constitutional_principles: ['Quality first'],
    ...rest,
    ...who,
  };
}

/** What a search finds, without what differs from database to database (nothing). */
const answers = (session: Session, query: string, archived = false, entities = SEARCH_ENTITIES.slice(0, 0)) =>
  session.read((c) => search(c, { query: parseQuery(query), entities, archived, limit: 50 }));

async function expectFresh(c: Connection): Promise<void> {
  const index = await actualIndex(c);
  expect(index).toEqual(await expectedIndex(c));
  expect(index.length).toBeGreaterThan(0);
}

const folded = (word: string) =>
  word
    .normalize('NFD')
    .replaceAll(/\p{Mn}/gu, '')
    .normalize('NFC')
    .toLowerCase();

/** Every single word of every live record finds exactly the records that have it. */
async function expectWordsFound(session: Session): Promise<void> {
  const index = (await session.read(actualIndex)).filter(({ facets }) => facets.startsWith('live'));
  const words = new Map<string, Set<string>>();
  for (const { title, words: body, entity, entity_id } of index) {
    for (const word of [...wordsOf(title), ...body]) {
      const found = words.get(folded(word)) ?? new Set<string>();
      words.set(folded(word), found.add(`${entity} ${entity_id}`));
    }
  }
  for (const [word, expected] of words) {
    // A quoted word is a whole one; it is no id then either.
    const { ranked } = await answers(session, `"${word}"`);
    expect(ranked, word).toBe(expected.size);
  }
}

describeUnless(postgresSkipReason(), 'the search index', () => {
  it.each([1, 2, 3])(
    'is what the records say after random writes, and the same in both databases (seed %i)',
    async (seed) => {
      const url = await freshDatabase();
      const { session: postgres } = await openPostgres({ url, schema: `random_${seed}` });
      cleanUpLater(() => postgres.close());
      const sqlite = memorySession();
      for (const session of [sqlite, postgres]) {
        await session.write((c) => found(c));
        await writeAtRandom(session, seed);
        await session.read(expectFresh);
        await expectWordsFound(session);
      }
      for (const query of [
        ...WORDS,
        ...HOSTILE,
        'alpha beta',
        '"beta alpha"',
        'fea',
        'alp',
        'aaaaaa',
        'quality',
        'c0ffee',
      ]) {
        for (const archived of [false, true]) {
          expect(await answers(postgres, query, archived), query).toEqual(
            await answers(sqlite, query, archived),
          );
        }
        expect(await answers(postgres, query, false, ['note', 'vendor'])).toEqual(
          await answers(sqlite, query, false, ['note', 'vendor']),
        );
      }

      // Whole tables copied, in both directions, and cleared.
      const copy = memorySession();
      await postgres.read((from) => copy.write((to) => copyTables(from, to)));
      await copy.read(expectFresh);
      expect(await answers(copy, 'alpha')).toEqual(await answers(sqlite, 'alpha'));
      await postgres.write((c) => clearTables(c));
      expect(await postgres.read(actualIndex)).toEqual([]);
      await copy.read((from) => postgres.write((to) => copyTables(from, to)));
      await postgres.read(expectFresh);
      expect(await answers(postgres, 'alpha')).toEqual(await answers(sqlite, 'alpha'));
      await copy.write((c) => clearTables(c));
      expect(await copy.read(actualIndex)).toEqual([]);
      expect(await answers(copy, 'alpha')).toMatchObject({ items: [], ranked: 0 });
    },
    180_000,
  );
});

it('keeps the cache searchable: filled, caught up, and with a write on top', async () => {
  const place = inFolder(await temporaryProject(), undefined);
  const primary = await openPrimary(place);
  cleanUpLater(() => primary.close());
  const { project_id } = await primary.health();
  const file = path.join(await temporaryProject(), 'cache.db');
  const cache = new CacheReplica(
    file,
    () => project_id ?? undefined,
    systemClock,
    () => undefined,
  );
  cleanUpLater(() => cache.close());
  const nothing = { fingerprint: 'nothing', list: () => Promise.resolve([]) };
  const refresh = () =>
    cache.refresh(
      primary,
      () => Promise.resolve(nothing),
      () => ({}),
    );
  const inCache = <T>(work: (c: Connection) => Promise<T>) =>
    cache.run(nothing, ({ session }) => session.read(work));

  const tracker = new Tracker(primary, place);
  const first = await tracker.create({ title: 'Walnut tree' });
  const second = await tracker.create({ title: 'Other' });
  await refresh();
  await inCache(expectFresh);
  await tracker.update(first, { title: 'Oak tree', description: 'walnut once' });
  await tracker.note(first, 'an acorn');
  await tracker.note(second, 'another acorn');
  await tracker.update(second, { deleted_at: tracker.clock.iso });
  await tracker.register({ name: 'Acorn Ltd', extractor_version: '1' });
  await tracker.deploy();
  await refresh();
  await inCache(expectFresh);
  const acorns = await inCache((c) =>
    search(c, { query: parseQuery('acorn'), entities: [], archived: false, limit: 10 }),
  );
  expect(acorns.items.map(({ entity, title }) => `${entity} ${title}`)).toEqual([
    'vendor Acorn Ltd',
    'note Oak tree',
  ]);
});

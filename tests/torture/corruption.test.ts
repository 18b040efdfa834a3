// Damage to every file of a tracker and to the database itself, before a start and under a running server, with
// acknowledged writes waiting. Nothing that was acknowledged is lost, nothing local overwrites the primary, every
// answer says where it is from, and once the right things are back in their places all is as it should be.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { groupBy } from '../../src/domain/grouping.ts';
import { readStatus } from '../../src/use-cases/status/project-status.ts';
import { inFolder } from '../storage/backends.ts';
import { describeUnless } from '../support/describe-with.ts';
import { isLong, randomFor } from './scale.ts';
import { attachPostgres, postgresSkipReason, type PostgresServer } from '../support/postgres.ts';
import { cacheCases } from './corruption/cache-cases.ts';
import { IN_WORDS, MOMENTS } from './corruption/damage.ts';
import { playDatabaseCase } from './corruption/database-case.ts';
import { databaseCases } from './corruption/database-cases.ts';
import { embeddedCases } from './corruption/embedded-cases.ts';
import { expectConvergence, tablesOf } from './corruption/expected.ts';
import { playFileCase } from './corruption/file-case.ts';
import { folderCases } from './corruption/folder-cases.ts';
import { gitCases } from './corruption/git-cases.ts';
import { moveWaiting } from './corruption/lower-journals.ts';
import { markdownCases } from './corruption/markdown-cases.ts';
import { outboxCases } from './corruption/outbox-cases.ts';
import { copiesAreFresh, eventually, impatientClock, settled } from './corruption/patience.ts';
import { sceneFrom, type Scene } from './corruption/scene.ts';
import { Tally } from './corruption/tally.ts';
import { makeTemplate, withTracker, type Kind, type Template } from './corruption/template.ts';

const fileCases = [
  ...cacheCases,
  ...outboxCases,
  ...embeddedCases,
  ...gitCases,
  ...markdownCases,
  ...folderCases,
];

const nameOf = ({ on, file, damage, primary }: (typeof fileCases)[number]) =>
  `${on}: ${file} ${IN_WORDS[damage]}${primary === 'there' ? ', the primary there' : ''}`;

/** In the short form the seed chooses: a third of the damages to each file, each at one of its moments. */
const played = isLong
  ? fileCases
  : [...groupBy(fileCases, ({ on, file }) => `${on}: ${file}`)].flatMap(someOf);

function someOf([file, cases]: [string, typeof fileCases]): typeof fileCases {
  const random = randomFor(file);
  const damages = [...groupBy(cases, nameOf).values()];
  const kept = Math.ceil(damages.length / 3);
  while (damages.length > kept) damages.splice(random.int(damages.length), 1);
  return damages.map((moments) => random.pick(moments));
}

describeUnless(postgresSkipReason(), 'damage', () => {
  let server: PostgresServer;
  const templates = new Map<Kind, Template>();
  const tally = new Tally();

  beforeAll(async () => {
    server = attachPostgres(inject('postgresUrl'));
    for (const kind of ['postgres', 'embedded'] as const) {
      templates.set(kind, await makeTemplate(kind, server));
    }
  }, 120_000);
  afterAll(async () => {
    tally.report();
    await server.stop();
  });

  const sceneOf = (kind: Kind): Promise<Scene> => sceneFrom(templates.get(kind) as Template);

  describe.each(MOMENTS)('of files %s', (when) => {
    const cases = played
      .filter((found) => found.when === when)
      .map((found) => ({ ...found, name: nameOf(found) }));
    it.each(cases)('is survived: $name', async (found) => {
      const gone = await tally.count('files', async () => playFileCase(await sceneOf(found.on), found));
      tally.countGone(gone);
    });
  });

  describe.each(MOMENTS)('of the database %s', (when) => {
    const cases = databaseCases(when);
    it.each(cases.filter(({ unnoticed }) => unnoticed === undefined))('is survived: $name', async (found) => {
      await tally.count('the database', async () => playDatabaseCase(await sceneOf('postgres'), found));
    });
    // They fail, and pass for that: whoever mends it takes the mark away.
    it.fails.each(cases.filter(({ unnoticed }) => unnoticed !== undefined))(
      'is not noticed yet: $name ($unnoticed)',
      async (found) => {
        await tally.countUnnoticed(async () => playDatabaseCase(await sceneOf('postgres'), found));
      },
    );
  });

  it('of one table degrades only what is read from it', async () => {
    await tally.count('one table', async () => {
      const scene = await sceneOf('postgres');
      await scene.open();
      await settled(scene.tracker);
      await copiesAreFresh(scene.tracker);
      await scene.sql('alter table deployments rename to deployments_away');
      const list = await scene.list();
      expect(list).toMatchObject({ source: 'postgres', warnings: [] });
      const report = await readStatus(scene.tracker.context);
      expect(report).toMatchObject({ source: 'postgres', warnings: [{ code: 'partial' }] });
      expect(report.warnings[0]?.message).toMatch(/list deployments.* is from sqlite_cache/);
      expect(report.data.deployments).toHaveLength(1);
      expect(report.data.items_total).toBeGreaterThan(10);
      expect(await scene.write('Made beside the hole')).toBe('postgres');
      const deployed = await scene.tracker.deployAnswer();
      expect(deployed).toMatchObject({ durability: 'outbox' });
      expect(deployed.warnings.map(({ message }) => message).join('\n')).toMatch(
        /one of its tables is missing/,
      );
      await scene.said();
      await scene.sql('alter table deployments_away rename to deployments');
      await eventually('the deployment to arrive', async () => {
        const found = await scene.inPrimary(tablesOf);
        return found.deployments.length === 2;
      });
    });
  });

  it('of one repository: two trackers in its folders keep their waiting writes apart', async () => {
    await tally.count('one repository', async () => {
      const scene = await sceneOf('postgres');
      await moveWaiting(scene, scene.template.waiting, 'git');
      const projectDir = path.join(scene.place.projectDir, 'second');
      mkdirSync(projectDir);
      const place = { ...inFolder(projectDir, undefined), slug: { value: 'second', explicit: true } };
      await withTracker({ ...place, clock: impatientClock }, async (second) => {
        await settled(second);
        expect(await second.titles()).toEqual([]);
        expect(await second.context.store.pending()).toEqual([]);
      });
      await scene.open();
      await expectConvergence(scene);
    });
  });
});

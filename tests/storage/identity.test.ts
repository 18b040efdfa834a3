// A store belongs to one project: who may join it, who is refused, and who shares it.
import { existsSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import postgres from 'postgres';
import { readConfig } from '../../src/config/config.ts';
import { agree, forget, revokeAgreements } from '../../src/config/agreements.ts';
import { joining } from '../../src/storage/opening/first-meeting.ts';
import { inspectLayers } from '../../src/storage/maintenance/inspect-layers.ts';
import { openPrimary } from '../../src/storage/opening/open-primary.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import { git, temporaryProject } from '../support/temporary-project.ts';
import { describeEachBackend, freshDatabase, inFolder, openTracker, openTrackerAt } from './backends.ts';
import { outcomeOf, refusalOf } from './refusal.ts';
import type { PrimaryOptions } from '../../src/storage/opening/primary-options.ts';

const OTHER_ID = '00000000-0000-4000-8000-000000000000';

const memoryOf = (place: PrimaryOptions) => path.join(place.dataDir, 'project.json');

async function expectRefused(place: PrimaryOptions, layer: string, why: string): Promise<void> {
  const remembered = existsSync(memoryOf(place)) ? await readFile(memoryOf(place), 'utf8') : undefined;
  const refusal = await refusalOf(openPrimary(place));
  expect(refusal).toMatchObject({ error: 'DatabaseError', details: { layer } });
  expect(refusal.details['reason']).toContain(why);
  expect(refusal.next).toContain('project.slug');
  expect(refusal.next).toContain(`"${place.slug.value}"`);
  expect(existsSync(memoryOf(place)) ? await readFile(memoryOf(place), 'utf8') : undefined).toBe(remembered);
}

describeEachBackend('a project', (backend) => {
  it('is remembered by its folder, in a place that git ignores', async () => {
    const tracker = await openTracker(backend, { git: true });
    const { project_id, project_slug } = await tracker.store.health();
    expect(JSON.parse(await readFile(memoryOf(tracker.place), 'utf8'))).toEqual({
      project_id,
      project_slug,
      store: backend.source,
    });
    expect(await git(tracker.place.projectDir, 'status', '--porcelain')).toBe('');
  });

  it('is refused to a folder that remembers another one', async () => {
    const tracker = await openTracker(backend);
    const memory = { project_id: OTHER_ID, project_slug: tracker.place.slug.value };
    await writeFile(memoryOf(tracker.place), JSON.stringify(memory));
    await expectRefused(tracker.place, backend.source, 'this folder remembers another project');
    // Also when someone says that the name is meant.
    await expectRefused(
      { ...tracker.place, slug: { ...tracker.place.slug, explicit: true } },
      backend.source,
      'remembers another',
    );
  });

  it.each([
    ['lost', undefined],
    ['damaged', '{"project_id": '],
    ['of another form', '{"project_id": 7}'],
  ])('is found again by its repository when the memory is %s', async (_, content) => {
    const tracker = await openTracker(backend, { git: true });
    await tracker.create({ title: 'Kept' });
    const remembered = await readFile(memoryOf(tracker.place), 'utf8');
    if (content === undefined) await rm(memoryOf(tracker.place));
    else await writeFile(memoryOf(tracker.place), content);
    expect(await (await openTrackerAt(tracker.place)).titles()).toEqual(['Kept']);
    expect(await readFile(memoryOf(tracker.place), 'utf8')).toBe(remembered);
  });

  it('keeps its name and its items when its folder gets another name', async () => {
    const tracker = await openTracker(backend, { git: true });
    await tracker.create({ title: 'Kept' });
    const renamed = { ...tracker.place, slug: { value: 'another-name', explicit: false } };
    expect(await (await openTrackerAt(renamed)).titles()).toEqual(['Kept']);
  });

  it('is founded under the id that the folder remembers', async () => {
    const place = await backend.place();
    await mkdir(place.dataDir);
    await writeFile(memoryOf(place), JSON.stringify({ project_id: OTHER_ID, project_slug: 'test-project' }));
    const tracker = await openTrackerAt(place);
    expect(await tracker.store.health()).toMatchObject({ project_id: OTHER_ID });
    expect((await tracker.configuration()).id).toBe(OTHER_ID);
  });

  it('is shared by all work trees of a repository, and by every folder in them', async () => {
    const { projectDir, databaseUrl } = await backend.place({ git: true });
    const linked = path.join(await temporaryProject(), 'linked tree');
    await git(projectDir, 'worktree', 'add', '--quiet', linked, '-b', 'side');
    const inside = path.join(linked, 'src', 'deep');
    await mkdir(inside, { recursive: true });

    const environment = databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl };
    const [main, ...others] = [projectDir, linked, inside].map((folder) =>
      readConfig({}, environment, folder),
    );
    for (const other of others)
      expect(other).toMatchObject({ projectDir, dataDir: main?.dataDir, slug: main?.slug });
    const trackers = [];
    for (const config of [main, ...others]) trackers.push(await openTrackerAt(config as PrimaryOptions));
    await trackers[1]?.create({ title: 'From the linked tree' });
    for (const tracker of trackers) expect(await tracker.titles()).toEqual(['From the linked tree']);
    expect(existsSync(path.join(linked, '.worktrail'))).toBe(false);
  });
});

describeUnless(postgresSkipReason(), 'a project on a PostgreSQL that many use', () => {
  const clone = async (from: string, ...options: string[]): Promise<string> => {
    const folder = path.join(await temporaryProject(), 'clone');
    await git(from, 'clone', '--quiet', ...options, `file://${from}`, folder);
    return folder;
  };

  describe('meets a folder for the first time', () => {
    it('and is joined by a clone, which begins with the same commit', async () => {
      const first = await openTrackerAt(
        inFolder(await temporaryProject({ git: true }), await freshDatabase()),
      );
      await first.create({ title: 'Shared' });
      const cloned = await openTrackerAt(
        inFolder(await clone(first.place.projectDir), first.place.databaseUrl),
      );
      expect(await cloned.titles()).toEqual(['Shared']);
      expect((await cloned.store.health()).project_id).toBe((await first.store.health()).project_id);
    });

    it('and is joined there, though another process of that folder founds it just after this one looked', async () => {
      const place = inFolder(await temporaryProject(), await freshDatabase());
      let others = 0;
      const founding = () => {
        // The other one is done between the question for the project and its answer.
        if (existsSync(memoryOf(place))) return;
        others += 1;
        const memory = { project_id: OTHER_ID, project_slug: 'test-project', store: 'postgres' };
        writeFileSync(memoryOf(place), JSON.stringify(memory));
      };
      const primary = await openPrimary({ ...place, logQuery: founding });
      cleanUpLater(() => primary.close());
      expect(others).toBe(1);
      expect((await primary.read((reader) => reader.findProject())).data).toMatchObject({
        project_id: OTHER_ID,
      });
    });

    it('and is joined there, though another process of the clone is about to give back an id of its own', async () => {
      const first = await openTrackerAt(
        inFolder(await temporaryProject({ git: true }), await freshDatabase()),
      );
      await first.create({ title: 'Shared' });
      const place = inFolder(await clone(first.place.projectDir), first.place.databaseUrl);
      await mkdir(place.dataDir);
      const claim = { project_id: OTHER_ID, project_slug: place.slug.value };
      await writeFile(memoryOf(place), JSON.stringify(claim));
      setTimeout(() => void rm(memoryOf(place)), 300);
      expect(await (await openTrackerAt(place)).titles()).toEqual(['Shared']);
    });

    it('and is named to a clone in a folder of another name, instead of a second tracker beside it', async () => {
      const first = await openTrackerAt(
        inFolder(await temporaryProject({ git: true }), await freshDatabase()),
      );
      const place = inFolder(await clone(first.place.projectDir), first.place.databaseUrl);
      const elsewhere = { ...place, slug: { value: 'elsewhere', explicit: false } };
      await expectRefused(
        elsewhere,
        'postgres',
        'has a tracker there already, under the name "test-project"',
      );
      await expectRefused(elsewhere, 'postgres', 'has a tracker there already');
      const apart = await openTrackerAt({ ...place, slug: { value: 'elsewhere', explicit: true } });
      expect(await apart.titles()).toEqual([]);
    });

    it('and is refused to a repository that began with another commit, even where the name is meant', async () => {
      const first = await openTrackerAt(
        inFolder(await temporaryProject({ git: true }), await freshDatabase()),
      );
      const stranger = inFolder(await temporaryProject({ git: true }), first.place.databaseUrl);
      await git(stranger.projectDir, 'commit', '--quiet', '--amend', '--message', 'Begin otherwise');
      await expectRefused(stranger, 'postgres', 'another first commit');
      await expectRefused(
        { ...stranger, slug: { value: 'test-project', explicit: true } },
        'postgres',
        'another first commit',
      );
    });

    it.each([
      ['a folder without git', () => temporaryProject()],
      ['a repository without commits', emptyRepository],
    ])('and is refused to %s, unless the name is meant', async (_, folder) => {
      const first = await openTrackerAt(
        inFolder(await temporaryProject({ git: true }), await freshDatabase()),
      );
      await first.create({ title: 'Shared' });
      const stranger = inFolder(await folder(), first.place.databaseUrl);
      await expectRefused(stranger, 'postgres', 'nothing proves');
      const named = { ...stranger, slug: { value: 'test-project', explicit: true } };
      expect(await (await openTrackerAt(named)).titles()).toEqual(['Shared']);
      // From then on the folder remembers.
      expect(await (await openTrackerAt(stranger)).titles()).toEqual(['Shared']);
    });

    it('and is refused to a shallow clone, whose first commit is not known', async () => {
      const origin = await temporaryProject({ git: true });
      await git(origin, 'commit', '--quiet', '--allow-empty', '--message', 'Go on');
      const first = await openTrackerAt(inFolder(origin, await freshDatabase()));
      const shallow = inFolder(await clone(origin, '--depth', '1'), first.place.databaseUrl);
      await expectRefused(shallow, 'postgres', 'nothing proves');
    });

    it('and is refused to a second folder without git that has the same name', async () => {
      const first = await openTrackerAt(inFolder(await temporaryProject(), await freshDatabase()));
      await expectRefused(
        inFolder(await temporaryProject(), first.place.databaseUrl),
        'postgres',
        'nothing proves',
      );
    });
  });

  describe('is named by what comes with a folder', () => {
    const fromFile = (place: PrimaryOptions): PrimaryOptions => ({
      ...place,
      slug: { value: 'test-project', explicit: true, isFromFile: true },
    });
    const shared = async () => {
      const origin = await temporaryProject({ git: true });
      await git(origin, 'commit', '--quiet', '--allow-empty', '--message', 'Go on');
      const first = await openTrackerAt(inFolder(origin, await freshDatabase()));
      await first.create({ title: 'Shared' });
      return first;
    };
    const foldersWithoutProof = [
      ['a folder without git', () => temporaryProject()],
      ['a shallow clone', (origin: string) => clone(origin, '--depth', '1')],
    ] as const;

    it.each(foldersWithoutProof)('and not joined by %s until a person says so', async (_, folder) => {
      const first = await shared();
      const databaseUrl = first.place.databaseUrl as string;
      const place = fromFile(inFolder(await folder(first.place.projectDir), databaseUrl));
      const refusal = await refusalOf(openPrimary(place));
      expect(refusal.next).toContain('`worktrail trust --project-slug test-project`');
      expect(refusal.next).toContain('WORKTRAIL_PROJECT_SLUG=test-project');
      expect(existsSync(memoryOf(place))).toBe(false);
      agree(joining(place.projectDir, 'another', databaseUrl));
      agree(joining(await temporaryProject(), 'test-project', databaseUrl));
      await expectRefused(place, 'postgres', 'nothing proves');

      agree(joining(place.projectDir, 'test-project', databaseUrl));
      expect(await (await openTrackerAt(place)).titles()).toEqual(['Shared']);
      // What the folder met is remembered by itself.
      forget(joining(place.projectDir, 'test-project', databaseUrl));
      expect(await (await openTrackerAt(place)).titles()).toEqual(['Shared']);
      revokeAgreements(place.projectDir);
      await expectRefused(place, 'postgres', 'nothing proves');
    });

    it('and joined by a clone with its history', async () => {
      const first = await shared();
      const place = fromFile(inFolder(await clone(first.place.projectDir), first.place.databaseUrl));
      expect(await (await openTrackerAt(place)).titles()).toEqual(['Shared']);
    });

    it.each(foldersWithoutProof)(
      'and not joined by %s with a memory of the project in it',
      async (_, folder) => {
        const first = await shared();
        const place = inFolder(await folder(first.place.projectDir), first.place.databaseUrl);
        await mkdir(place.dataDir);
        await writeFile(memoryOf(place), await readFile(memoryOf(first.place), 'utf8'));
        await expectRefused(place, 'postgres', 'nothing proves');
        const { refusal, store, close } = await inspectLayers(place);
        expect({ refusal, store }).toMatchObject({ refusal: { kind: 'stranger' }, store: undefined });
        await close();
      },
    );

    it('and not joined by a repository of another history with a memory of the project in it', async () => {
      const first = await shared();
      const place = inFolder(await temporaryProject({ git: true }), first.place.databaseUrl);
      await mkdir(place.dataDir);
      await writeFile(memoryOf(place), await readFile(memoryOf(first.place), 'utf8'));
      await expectRefused(place, 'postgres', 'another first commit');
    });

    it('and still used by a folder that worked with it before such things were remembered', async () => {
      const first = await shared();
      revokeAgreements(first.place.projectDir);
      expect(await (await openTrackerAt(first.place)).titles()).toEqual(['Shared']);
      // Without a proof, and after its history was rewritten, once a person said so.
      revokeAgreements(first.place.projectDir);
      await git(first.place.projectDir, 'checkout', '--quiet', '--orphan', 'rewritten');
      await git(first.place.projectDir, 'commit', '--quiet', '--message', 'Begin otherwise');
      await expectRefused(first.place, 'postgres', 'another first commit');
      agree(joining(first.place.projectDir, 'test-project', first.place.databaseUrl as string));
      expect(await (await openTrackerAt(first.place)).titles()).toEqual(['Shared']);
    });

    it('and nothing of it is migrated before', async () => {
      const first = await shared();
      await first.store.close();
      const databaseUrl = first.place.databaseUrl as string;
      const client = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
      cleanUpLater(() => client.end({ timeout: 1 }));
      const applied = async () =>
        Number(
          (await client`select count(*) as n from worktrail_test_project.__drizzle_migrations`)[0]?.['n'],
        );
      const all = await applied();
      await client`delete from worktrail_test_project.__drizzle_migrations where created_at = (select max(created_at) from worktrail_test_project.__drizzle_migrations)`;
      const place = fromFile(inFolder(await temporaryProject(), databaseUrl));
      await expectRefused(place, 'postgres', 'nothing proves');
      expect(await applied()).toBe(all - 1);
    });
  });

  it('is founded by one of several folders of the same name that start at once', async () => {
    const databaseUrl = await freshDatabase();
    const places = await Promise.all(
      [1, 2, 3, 4].map(async () => inFolder(await temporaryProject(), databaseUrl)),
    );
    const outcomes = await Promise.all(places.map((place) => outcomeOf(openTrackerAt(place))));
    expect(outcomes.filter((outcome) => 'answer' in outcome)).toHaveLength(1);
    expect(
      outcomes.filter((outcome) => 'refused' in outcome && outcome.refused === 'DatabaseError'),
    ).toHaveLength(3);
    // The folders that were refused remember nothing, so that they may still choose.
    expect(places.filter((place) => existsSync(memoryOf(place)))).toHaveLength(1);
  });

  it('does not see what other projects keep in the same database', async () => {
    const databaseUrl = await freshDatabase();
    const open = async (value: string) =>
      openTrackerAt({ ...inFolder(await temporaryProject(), databaseUrl), slug: { value, explicit: false } });
    const [one, two] = [await open('one'), await open('two')];
    await one.create({ title: 'of one' });
    await two.create({ title: 'of two' });
    await one.register({ name: 'Acme' });
    expect([await one.titles(), await two.titles()]).toEqual([['of one'], ['of two']]);
    expect((await two.vendors()).items).toEqual([]);
    expect([await one.seq(), await two.seq()]).toEqual([2, 1]);
  });
});

async function emptyRepository(): Promise<string> {
  const folder = await temporaryProject();
  await git(folder, 'init', '--quiet');
  return folder;
}

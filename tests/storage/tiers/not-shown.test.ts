// What a layer did not show cannot be set: records of the status file, and versions that fit by chance.
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, expect, it } from 'vitest';
import { listConflictsInput, resolveConflictInput } from '../../../src/domain/conflict-record.ts';
import { updateEnhancementInput } from '../../../src/domain/enhancement.ts';
import { isPartlyShown, knownVersion, partlyShown } from '../../../src/domain/provisional-version.ts';
import { parseInput } from '../../../src/domain/validate.ts';
import { listConflicts, resolveConflict } from '../../../src/use-cases/records/conflicts.ts';
import { answerText, describeAnswer } from '../../../src/use-cases/support/described-answer.ts';
import { updateEnhancement } from '../../../src/use-cases/records/enhancements.ts';
import { STATUS_FILE, writeStatusFile } from '../../../src/use-cases/status/status-file.ts';
import { queryWorkItem } from '../../../src/use-cases/records/work-items.ts';
import { CACHE_FILE } from '../../../src/storage/opening/open-store.ts';
import { acceptPrimary } from '../../../src/storage/maintenance/accept-primary.ts';
import { lookIntoCache } from '../../../src/storage/replicas/cache-position.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { describeUnless } from '../../support/describe-with.ts';
import { postgresSkipReason } from '../../support/postgres.ts';
import { startProxy } from '../../support/tcp-proxy.ts';
import { git, temporaryProject } from '../../support/temporary-project.ts';
import { databaseWithSchema, inFolder, openTrackerAt } from '../backends.ts';
import { databaseRows } from '../database-rows.ts';
import type { Tracker } from '../tracker.ts';
import { PROGRAM } from '../../../src/use-cases/support/context.ts';

const PATIENCE_MS = 60_000;

async function eventually(check: () => boolean | Promise<boolean>): Promise<void> {
  for (const until = Date.now() + PATIENCE_MS; !(await check()); await sleep(100)) {
    expect(Date.now()).toBeLessThan(until);
  }
}

async function scene(options: { git?: boolean } = {}) {
  const url = await databaseWithSchema();
  const proxy = await startProxy(url);
  cleanUpLater(() => proxy.stop());
  const project = await temporaryProject(options);
  const place = inFolder(project, proxy.url);
  const first = await openTrackerAt(place);
  return { url, proxy, project, place, first };
}
type Scene = Awaited<ReturnType<typeof scene>>;

/** The database is away, and of what the folder knew only the status file is left. */
async function leaveStatusFile({ first, place, proxy, project }: Scene): Promise<Tracker> {
  await writeStatusFile(first.context, place);
  await first.store.close();
  await proxy.setMode('refuse');
  await forgetCache(place.dataDir);
  expect(await readFile(path.join(project, STATUS_FILE), 'utf8')).toContain('worktrail status');
  return await openTrackerAt(place);
}

async function forgetCache(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir))
    if (name.startsWith('cache.')) await rm(path.join(dataDir, name));
}

async function comesBack(tracker: Tracker, { proxy }: Scene): Promise<void> {
  await proxy.setMode('pass');
  await eventually(async () => {
    if ((await tracker.context.store.pending()).length > 0) return false;
    return (await tracker.context.store.read((reader) => reader.findFeedPosition())).source === 'postgres';
  });
}

const conflictsOf = async ({ context }: Tracker) =>
  (await listConflicts.run(context, PROGRAM, parseInput(listConflictsInput, {}))).data.items;

const overlaps = async (tracker: Tracker) =>
  (await conflictsOf(tracker)).map(({ details }) => details['overlap']).sort();

const refusal = async (call: Promise<unknown>): Promise<{ code: string; details: Record<string, unknown> }> =>
  await call.then(
    () => expect.fail('it was not refused'),
    (error: unknown) => error as never,
  );

describeUnless(postgresSkipReason(), 'what the status file does not show', () => {
  let s: Scene;
  beforeEach(async () => {
    // Without git, so that no snapshot stands before the status file.
    s = await scene();
  });

  const rich = () =>
    s.first.create({
      title: 'Rich',
      labels: ['urgent', 'customer'],
      description: 'What is known',
      priority: 1,
      metadata: { estimated_hours: 4 },
    });

  it('is not answered as empty', { timeout: 180_000 }, async () => {
    const item = await rich();
    const tracker = await leaveStatusFile(s);
    const answer = await queryWorkItem.run(tracker.context, tracker.caller, {
      id: item.id.replaceAll('-', ''),
      include_children: true,
      include_dependencies: true,
      max_depth: 5,
    });
    expect(answer.source).toBe('markdown_file');
    const said = describeAnswer(answer);
    for (const field of ['labels', 'description', 'metadata', 'priority', 'assignee', 'claimed_by']) {
      expect(said).not.toHaveProperty(field);
      expect(said['unknown_fields']).toContain(field);
    }
    expect(said).toMatchObject({ title: 'Rich', status: 'active', branch_name: null });
    expect(isPartlyShown(said['version'] as number)).toBe(true);
    expect(knownVersion(said['version'] as number)).toBe(1);
    expect(answerText(answer, ({ priority }) => `p${priority}`)).toMatch(
      /^p\?\nNot known to this layer, or not whole: .*labels.*metadata/,
    );
    const [listed] = (await tracker.list()).items as (typeof item & { unknown_fields?: string[] })[];
    expect(listed?.unknown_fields).toContain('labels');
    expect((await tracker.configuration()) as object).toMatchObject({
      unknown_fields: expect.arrayContaining(['default_token_budget']) as unknown,
    });
  });

  it('is not overwritten by writes that were kept', { timeout: 180_000 }, async () => {
    const item = await rich();
    const [other, third] = [await s.first.create({ title: 'Other' }), await rich()];
    const tracker = await leaveStatusFile(s);
    const seen = async (id: string) => ({ id, version: (await tracker.query(id)).version });
    await tracker.update(await seen(item.id), { labels: ['mine'], title: 'Richer' });
    await tracker.update(await seen(item.id), { labels: ['mine', 'second'] });
    await tracker.update(await seen(other.id), { description: 'First', labels: ['new'], priority: 3 });
    await tracker.update(await seen(third.id), { description: ' and more' });
    await comesBack(tracker, s);
    expect(await tracker.query(item.id)).toMatchObject({
      title: 'Richer',
      labels: ['urgent', 'customer', 'mine', 'second'],
      description: 'What is known',
    });
    expect(await tracker.query(other.id)).toMatchObject({ description: 'First', labels: ['new'] });
    expect(await tracker.query(third.id)).toMatchObject({ version: 1, description: 'What is known' });
    const [conflict, ...more] = await conflictsOf(tracker);
    expect(more).toEqual([]);
    expect(conflict).toMatchObject({
      kind: 'conflict',
      entity_id: third.id,
      reason: expect.stringContaining('does not show') as unknown,
      details: { overlap: ['description'], not_seen: [{ field: 'description', value: 'What is known' }] },
    });
  });

  it('is not taken for seen because the folder wrote it', { timeout: 180_000 }, async () => {
    await s.first.create({ title: 'Other' });
    await writeStatusFile(s.first.context, s.place);
    const status = path.join(s.project, STATUS_FILE);
    const earlier = await readFile(status, 'utf8');
    await eventually(() => (lookIntoCache(path.join(s.place.dataDir, CACHE_FILE))?.identity.seq ?? 0) >= 1);
    await s.proxy.setMode('refuse');
    const kept = await s.first.create({ title: 'Kept', labels: ['of another session'] });
    const tracker = await leaveStatusFile(s);
    const shown = await tracker.query(kept.id);
    expect(isPartlyShown(shown.version)).toBe(true);
    // A copy that does not list it has all of it from the journal.
    await writeFile(status, earlier);
    await tracker.update({ id: kept.id, version: shown.version }, { labels: ['mine'] });
    await comesBack(tracker, s);
    expect(await tracker.query(kept.id)).toMatchObject({ labels: ['of another session', 'mine'] });
  });

  it('is not overwritten where the database is back before the update', { timeout: 180_000 }, async () => {
    const item = await rich();
    const tracker = await leaveStatusFile(s);
    const { version } = await tracker.query(item.id);
    await tracker.store.close();
    // Another process, which knows nothing but the version.
    const later = await openTrackerAt(s.place);
    await comesBack(later, s);
    for (const patch of [{ description: 'Mine' }, { metadata: { estimated_hours: 9 } }, { labels: [] }]) {
      const { code, details } = await refusal(later.update({ id: item.id, version }, patch));
      expect(code).toBe('VersionConflictError');
      expect(details).toMatchObject({ mergeable: false, current_version: 1 });
      expect(details['not_seen']).toHaveLength(1);
    }
    const batch = [{ id: item.id, version, priority: 5 }];
    expect((await refusal(later.updateMany(batch))).code).toBe('VersionConflictError');
    const answer = await later.updateAnswer(
      { id: item.id, version },
      { labels: ['mine'], metadata: { blocked_reason: 'none yet' }, description: 'What is known' },
    );
    expect(answer).toMatchObject({
      source: 'postgres',
      data: {
        version: 2,
        merged_with: [1],
        labels: ['urgent', 'customer', 'mine'],
        metadata: { estimated_hours: 4, blocked_reason: 'none yet' },
      },
    });
  });

  it(
    'counts for vendors, enhancements, the configuration and parents too',
    { timeout: 180_000 },
    async () => {
      const parent = await s.first.create({ title: 'Parent', status: 'planned' });
      const child = await s.first.create({ title: 'Child', parent_id: parent.id });
      await s.first.register({
        name: 'vendor_a',
        extractor_version: '1.0.0',
        metadata: { manifest_compliant: true, note: 'theirs', format_support: { pdf: true } },
      });
      const long = 'words '.repeat(80).trim();
      const wish = await s.first.enhance({ title: 'Wish', description: long });
      const configured = await s.first.configuration();
      await s.first.configure(configured.version, { default_token_budget: 123_000 });
      const tracker = await leaveStatusFile(s);

      const vendor = await tracker.vendor('vendor_a');
      expect(vendor).toMatchObject({
        metadata: { format_support: { pdf: true } },
        unknown_fields: ['metadata'],
      });
      await tracker.updateVendor(vendor, { metadata: { note: 'mine' } });
      const shown = await tracker.context.store.read((reader) => reader.findEnhancement(wish.id));
      expect(shown.data).toMatchObject({
        unknown_fields: expect.arrayContaining(['description', 'depends_on']) as unknown,
      });
      const input = { id: wish.id, version: shown.data?.version, description: 'Mine' };
      await updateEnhancement.run(tracker.context, tracker.caller, parseInput(updateEnhancementInput, input));
      await tracker.configure((await tracker.configuration()).version, { default_token_budget: 50_000 });
      const found = await tracker.query(child.id);
      expect(found).toMatchObject({ parent_id: null });
      await tracker.update(found, { parent_id: (await tracker.create({ title: 'New parent' })).id });
      await comesBack(tracker, s);
      expect(await overlaps(tracker)).toEqual([
        ['default_token_budget'],
        ['description'],
        ['metadata.note'],
        ['parent_id'],
      ]);
      expect((await tracker.vendor('vendor_a')).metadata).toMatchObject({ note: 'theirs' });
      expect(await tracker.configuration()).toMatchObject({ default_token_budget: 123_000 });
    },
  );

  it('is not taken away by making the change again', { timeout: 180_000 }, async () => {
    const item = await rich();
    const tracker = await leaveStatusFile(s);
    await tracker.update(await tracker.query(item.id), { labels: ['mine'], description: 'Mine' });
    await comesBack(tracker, s);
    const [conflict] = await conflictsOf(tracker);
    await resolveConflict.run(
      tracker.context,
      tracker.caller,
      parseInput(resolveConflictInput, { id: conflict?.id, resolution: 'reapply' }),
    );
    expect(await tracker.query(item.id)).toMatchObject({
      description: 'Mine',
      labels: ['urgent', 'customer', 'mine'],
    });
  });

  it('takes what it shows for seen', { timeout: 180_000 }, async () => {
    const item = await s.first.create({ title: 'Two  spaces', labels: ['theirs'] });
    await s.first.register({ name: 'vendor_a', metadata: { format_support: { pdf: true } } });
    const tracker = await leaveStatusFile(s);
    await tracker.update(await tracker.query(item.id), {
      title: 'One',
      status: 'completed',
      branch_name: 'b',
    });
    await tracker.updateVendor(await tracker.vendor('vendor_a'), {
      status: 'operational',
      metadata: { format_support: { csv: true }, test_results: { passing: 1, total: 2 } },
    });
    await comesBack(tracker, s);
    expect(await conflictsOf(tracker)).toEqual([]);
    expect(await tracker.query(item.id)).toMatchObject({ title: 'One', status: 'completed', version: 2 });
    expect((await tracker.vendor('vendor_a')).metadata['format_support']).toMatchObject({
      pdf: true,
      csv: true,
    });
  });

  it('is nothing at all where the file was edited by hand', { timeout: 180_000 }, async () => {
    const item = await s.first.create({ title: 'Written' });
    const file = path.join(s.project, STATUS_FILE);
    await writeStatusFile(s.first.context, s.place);
    const tracker = await leaveStatusFile(s);
    await tracker.store.close();
    await writeFile(file, (await readFile(file, 'utf8')).replace('### Written', '### Edited'));
    const later = await openTrackerAt(s.place);
    const seen = await later.query(item.id);
    expect(seen).toMatchObject({ title: 'Edited', version: partlyShown(0) });
    await later.update(seen, { title: 'Mine' });
    await comesBack(later, s);
    expect(await overlaps(later)).toEqual([['title']]);
    expect(await later.query(item.id)).toMatchObject({ title: 'Written', version: 1 });
  });
});

describeUnless(postgresSkipReason(), 'a version that fits by chance', () => {
  it('does not license overwriting what another history led to', { timeout: 180_000 }, async () => {
    const { first, place, proxy, url, project } = await scene({ git: true });
    const made = await first.create({ title: 'Made', labels: ['a'] });
    const second = await first.update(made, { title: 'Seen by a', labels: ['a', 'b'] });
    const cache = path.join(place.dataDir, CACHE_FILE);
    await eventually(() => (lookIntoCache(cache)?.identity.seq ?? 0) >= 2);
    await proxy.setMode('refuse');
    await first.update(second, { title: 'Mine', labels: ['a', 'b', 'mine'] });
    const other = await first.update(await first.query(made.id), { priority: 2 });
    expect(knownVersion(other.version)).toBe(2);
    await first.store.close();

    // Restored to the first version; another folder makes a second one of its own.
    const rows = databaseRows({ ...place, databaseUrl: url });
    await rows.run(`update work_items set version = 1, title = 'Made', labels = '["a"]'`);
    await rows.run(`delete from work_item_labels where label = 'b'`);
    await rows.run(
      `delete from applied_changes where change_id in (select change_id from changes where version = 2)`,
    );
    await rows.run(`delete from changes where version = 2`);
    await rows.run(`update feed set seq = seq - 1`);
    const clone = path.join(await temporaryProject(), 'clone');
    await git(project, 'clone', '--quiet', project, clone);
    const b = await openTrackerAt(inFolder(clone, url));
    await b.update(await b.query(made.id), { title: 'Theirs', labels: ['a', 'c'] });
    await acceptPrimary({ ...place, databaseUrl: url });

    const a = await openTrackerAt(place);
    await proxy.setMode('pass');
    await eventually(async () => (await conflictsOf(a).catch(() => [])).length > 0);
    const [conflict] = await conflictsOf(b);
    expect(conflict).toMatchObject({
      kind: 'conflict',
      reason: expect.stringContaining('had other values') as unknown,
      details: { overlap: ['title'], not_seen: [{ field: 'title', value: 'Theirs' }] },
    });
    expect(await b.query(made.id)).toMatchObject({ title: 'Theirs', labels: ['a', 'c'], version: 2 });
  });
});

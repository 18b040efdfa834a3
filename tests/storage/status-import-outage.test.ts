// Importing a status file while PostgreSQL is away: it waits, is checked when it gets there, and is all there or refused.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { listConflictsInput } from '../../src/domain/conflict-record.ts';
import { parseInput } from '../../src/domain/validate.ts';
import { listConflicts } from '../../src/use-cases/records/conflicts.ts';
import { importProjectStatus } from '../../src/importers/project-imports.ts';
import { STATUS_FILE } from '../../src/use-cases/status/status-file.ts';
import { CACHE_FILE } from '../../src/storage/opening/open-store.ts';
import { lookIntoCache } from '../../src/storage/replicas/cache-position.ts';
import { MIXED } from '../importers/taken-over.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { freshDatabase, inFolder, openTrackerAt } from './backends.ts';
import { databaseRows } from './database-rows.ts';
import type { Tracker } from './tracker.ts';
import { PROGRAM } from '../../src/use-cases/support/context.ts';

const PATIENCE_MS = 60_000;
const POLL_MS = 100;

async function eventually(check: () => boolean | Promise<boolean>): Promise<void> {
  for (const until = Date.now() + PATIENCE_MS; !(await check()); await sleep(POLL_MS)) {
    expect(Date.now()).toBeLessThan(until);
  }
}

/** A tracker whose database went away after its copy was filled, and a hand-kept file beside it. */
async function cutOff() {
  const url = await freshDatabase();
  const proxy = await startProxy(url);
  cleanUpLater(() => proxy.stop());
  const project = await temporaryProject({ git: true });
  const tracker = await openTrackerAt(inFolder(project, proxy.url));
  await tracker.create({ title: 'Before' });
  const cache = path.join(tracker.place.dataDir, CACHE_FILE);
  await eventually(() => (lookIntoCache(cache)?.identity.seq ?? 0) >= 1);
  const file = path.join(project, STATUS_FILE);
  await writeFile(file, MIXED);
  await proxy.setMode('refuse');
  return { tracker, proxy, file, rows: databaseRows({ ...tracker.place, databaseUrl: url }) };
}

const importIt = (tracker: Tracker) =>
  importProjectStatus.run(tracker.context, tracker.caller, { dry_run: false, add_from_git: false });

const conflictsOf = async ({ context }: Tracker) =>
  (await listConflicts.run(context, PROGRAM, parseInput(listConflictsInput, {}))).data;

async function isSettled({ context }: Tracker): Promise<boolean> {
  if ((await context.store.pending()).length > 0) return false;
  return (await context.store.read((reader) => reader.findFeedPosition())).source === 'postgres';
}

describeUnless(postgresSkipReason(), 'a status file imported while the database is away', () => {
  it('waits here, says so, and is all there when the database is back', { timeout: 180_000 }, async () => {
    const { tracker, proxy, file } = await cutOff();
    const answer = await importIt(tracker);
    expect(answer).toMatchObject({ durability: 'outbox' });
    expect(answer.data).toMatchObject({
      outcome: 'imported',
      file_replaced: false,
      backup: { database: null },
    });
    const codes = answer.warnings.map(({ code }) => code);
    expect(codes).toEqual(expect.arrayContaining(['saved_locally', 'no_database_backup', 'import_waits']));
    expect(await readFile(file, 'utf8')).toBe(MIXED);
    expect(await readFile(answer.data.backup?.file ?? '', 'utf8')).toBe(MIXED);

    await proxy.setMode('pass');
    await eventually(() => isSettled(tracker));
    expect(await tracker.vendor('plain')).toMatchObject({ version: 1, status: 'broken' });
    expect((await conflictsOf(tracker)).total_count).toBe(0);
    const again = await importIt(tracker);
    expect(again.data).toMatchObject({ outcome: 'unchanged', file_replaced: true });
    expect(again.data.checks.map(({ match }) => match)).toEqual([true, true, true, true, true]);
  });

  it('is refused as a whole, visibly, when a check fails at that moment', { timeout: 180_000 }, async () => {
    const { tracker, proxy, file, rows } = await cutOff();
    await rows.run(
      `create function fault() returns trigger language plpgsql as $$ begin
         update vendors set name = 'Other', name_key = 'other' where id = new.id; return null; end $$;
       create trigger fault after insert on vendors for each row when (new.name = 'plain') execute function fault()`,
    );
    await importIt(tracker);
    const waiting = await tracker.context.store.pending();
    expect(waiting).toHaveLength(1);
    await proxy.setMode('pass');
    await eventually(() => isSettled(tracker));
    expect((await tracker.vendors()).items).toEqual([]);
    expect((await tracker.deployments()).items).toEqual([]);
    expect((await tracker.list()).items.map(({ title }) => title)).toEqual(['Before']);
    const conflicts = await conflictsOf(tracker);
    expect(conflicts.total_count).toBe(1);
    expect(JSON.stringify(conflicts.items)).toContain('vendor_names');
    expect(await readFile(file, 'utf8')).toBe(MIXED);
  });
});

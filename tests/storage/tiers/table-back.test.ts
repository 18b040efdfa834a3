// A table that is away while an answer begins and back before its parts are read one by one: what waits is not in it yet.
import { execFileSync } from 'node:child_process';
import postgres from 'postgres';
import { expect, it } from 'vitest';
import { openStore } from '../../../src/storage/opening/open-store.ts';
import { queryWorkItem } from '../../../src/use-cases/records/work-items.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { describeUnless } from '../../support/describe-with.ts';
import { postgresSkipReason } from '../../support/postgres.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { databaseWithSchema, inFolder } from '../backends.ts';
import { Tracker } from '../tracker.ts';

const SCHEMA = 'worktrail_test_project';

/** Between two queries of this process, which waits for it. */
function putBack(url: string): void {
  const script = `import(${JSON.stringify(import.meta.resolve('postgres'))}).then(async ({ default: postgres }) => {
    const sql = postgres(${JSON.stringify(url)}, { max: 1 });
    await sql.unsafe('alter table ${SCHEMA}.away rename to notes');
    await sql.end();
  });`;
  execFileSync(process.execPath, ['-e', script]);
}

describeUnless(postgresSkipReason(), 'a table that comes back while an answer is read', () => {
  it('does not hide that a write waits', async () => {
    const url = await databaseWithSchema();
    const admin = postgres(url, { max: 1, onnotice: () => undefined });
    cleanUpLater(() => admin.end({ timeout: 1 }));
    let stage: 'before' | 'asked' | 'failing' | 'back' = 'before';
    const store = await openStore({
      ...inFolder(await temporaryProject(), url),
      logQuery: (query) => {
        if (stage === 'failing') {
          stage = 'back';
          putBack(url);
        }
        if (stage !== 'asked' || !query.includes('"notes"')) return;
        setImmediate(() => setImmediate(() => (stage = 'failing')));
      },
    });
    cleanUpLater(() => store.close());
    const tracker = new Tracker(store, inFolder('', url));
    const item = await tracker.create();
    await expect.poll(async () => (await store.parts.cache?.known())?.seq).toBe(1);
    await admin.unsafe(`alter table ${SCHEMA}.notes rename to away`);
    await tracker.note(item, 'Waits');
    // It failed and waits for its next attempt; everything else goes to the primary.
    await expect.poll(() => store.state).toBe('online');
    stage = 'asked';
    const { data, source, warnings } = await tracker.answer(queryWorkItem, { id: item.id });
    expect(stage).toBe('back');
    expect(source).toBe('postgres');
    const shown = (data.notes ?? []).map(({ text }) => text);
    if (!shown.includes('Waits')) expect(warnings.map(({ code }) => code)).toContain('pending_changes');
  });
});

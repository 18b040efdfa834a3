// `worktrail jobs`: the record of long work as people read it, and that no text of a record ever gets into it.
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JobView, JobList } from '../../src/use-cases/maintenance/jobs.ts';
import { Operations } from '../../src/storage/operations/operations.ts';
import { describeWithPostgres } from '../support/describe-with.ts';
import { git } from '../support/program.ts';
import { commandLine, type CommandLine } from './command-line.ts';

const CANARY = 'canaryquokka';

async function writeBeads({ project }: CommandLine, issues: object[]): Promise<string> {
  const file = path.join(project, 'issues.jsonl');
  const full = issues.map((issue, n) => ({
    ...{ id: `bd-${n}`, title: `Item ${n}`, status: 'open', priority: 1, issue_type: 'task' },
    ...{ created_at: '2020-01-01T00:00:00Z', updated_at: '2020-01-02T00:00:00Z', ...issue },
  }));
  await writeFile(file, full.map((issue) => JSON.stringify(issue)).join('\n'));
  return file;
}

describe('jobs', () => {
  it('lists what ran, filters it, and shows one job', async () => {
    const worktrail = await commandLine({ git: true });
    expect(await worktrail.text('jobs')).toBe('No jobs.\n');
    expect(existsSync(path.join(worktrail.project, '.worktrail'))).toBe(false);
    await worktrail.text('import', 'beads', await writeBeads(worktrail, [{}, { status: 'closed' }]));
    await worktrail.text('archive');

    const table = await worktrail.text('jobs');
    expect(table).toMatch(/^ID +KIND +STATE +STARTED \(UTC\) +TOOK +PROGRESS +COUNTS$/m);
    expect(table).toMatch(/archive +succeeded .* move 1 +items 1, subtrees 1$/m);
    expect(table).toMatch(/import +succeeded .* write 2\/2 +created 2,/m);
    expect(table).toContain('2 jobs, 2 shown');
    const { items } = await worktrail.json<JobList>('jobs', '--kind', 'import', '--state', 'succeeded');
    expect(items).toMatchObject([{ kind: 'import', counts: { created: 2 } }]);

    const id = items[0]?.id ?? '';
    expect(await worktrail.text('jobs', id.slice(0, 8))).toMatch(
      new RegExp(`^Job ${id}\\n  Kind +import\\n`),
    );
    expect(await worktrail.json<JobView>('jobs', id)).toMatchObject({ id, snapshots: [] });
    expect(await worktrail.text('jobs', '--snapshots')).toMatch(/git_snapshot .* [0-9a-f]{40}$/m);
    expect(await worktrail.failure(2, 'jobs', '--state', 'gone')).toMatchObject({ error: 'ValidationError' });
    expect(await worktrail.failure(1, 'jobs', 'abcdef')).toMatchObject({ error: 'NotFoundError' });
  });

  it('needs no database, and no work fails when its file is damaged or gone', async () => {
    const worktrail = await commandLine();
    await worktrail.text('import', 'beads', await writeBeads(worktrail, [{}]));
    const url = 'postgres://ada@127.0.0.1:1/team';
    expect(await worktrail.json<JobList>('jobs', '--database', url)).toMatchObject({ total_count: 1 });
    const file = path.join(worktrail.project, '.worktrail', 'operations.db');
    await writeFile(file, 'no database');
    await worktrail.text('import', 'beads', await writeBeads(worktrail, [{}, {}]));
    expect(await worktrail.json<JobList>('jobs')).toMatchObject({ total_count: 1 });
    await rm(file);
    await chmod(path.join(worktrail.project, '.worktrail'), 0o755);
    await worktrail.text('import', 'beads', await writeBeads(worktrail, [{}, {}, {}]));
    expect(await worktrail.json<JobList>('jobs')).toMatchObject({ total_count: 1 });
  });

  it(
    'hold no title, text, name or path of a record after jobs of every kind, good and bad',
    { timeout: 180_000 },
    async () => {
      const worktrail = await commandLine({ git: true });
      const issue = { title: CANARY, description: CANARY, labels: [CANARY], assignee: CANARY, notes: CANARY };
      await worktrail.text('create', CANARY, '--label', CANARY);
      await worktrail.text(
        'import',
        'beads',
        await writeBeads(worktrail, [issue, { ...issue, status: 'closed' }]),
      );
      await worktrail.text('archive');
      // An import that is refused quotes the record in its error.
      const [parent] = (await worktrail.json<{ items: { id: string }[] }>('list')).items;
      await worktrail.text('create', CANARY, '--parent', parent?.id ?? '');
      await git(worktrail.project, 'commit', '--quiet', '--allow-empty', '-m', CANARY);

      // The real work of every kind, good and refused.
      const put = async (name: string, text: string) => {
        const file = path.join(worktrail.project, name);
        await mkdir(path.dirname(file), { recursive: true });
        await writeFile(file, text);
        return file;
      };
      const prompts = path.join('docs', 'session-prompts');
      await put(path.join(prompts, 'a.md'), `---\nschema_version: "1"\ntitle: ${CANARY}\n---\n${CANARY}\n`);
      await worktrail.text('import', 'session-prompts');
      const legacy = `## Vendors\n- ${CANARY}: operational\n- ${CANARY} lost\n## ${CANARY}\n`;
      await worktrail.text('import', 'status', await put('old.md', legacy));
      const copies = path.join(worktrail.project, 'copies');
      const { file } = await worktrail.json<{ file: string }>('backup', '--to', copies);
      await worktrail.text('export', '--to', path.join(copies, 'all.jsonl'));
      await worktrail.text('export', '--format', 'csv', '--to', path.join(copies, 'tables'));
      await worktrail.text('create', `${CANARY} later`);
      await worktrail.failure(2, 'restore', file);
      await worktrail.failure(2, 'load', file);
      await worktrail.text('restore', file, '--replace');
      await worktrail.failure(2, 'export', '--to', path.join(copies, 'all.jsonl'));
      const broken = await put('broken.jsonl', `${CANARY}\n`);
      await worktrail.failure(2, 'restore', broken);

      // A file where their folder should be.
      await rm(path.join(worktrail.project, '.worktrail', 'backups', 'before-import'), { recursive: true });
      await put(path.join('.worktrail', 'backups', 'before-import'), CANARY);
      await worktrail.failure(
        3,
        'import',
        'status',
        await put('more.md', `${legacy}## Vendors\n- new: broken\n`),
      );
      await worktrail.failure(2, 'backup', '--to', broken);

      const { items } = await worktrail.json<JobList>('jobs', '--limit', '100');
      const ran = (state: string) =>
        [...new Set(items.filter((job) => job.state === state).map(({ kind }) => kind))].sort();
      expect(ran('succeeded')).toEqual(
        expect.arrayContaining([
          ...['archive', 'backup', 'export', 'import', 'legacy_import', 'restore', 'session_prompts'],
        ]),
      );
      expect(ran('failed')).toEqual(['backup', 'export', 'legacy_import', 'load', 'restore']);
      const copiesMade = await worktrail.json<JobList>('jobs', '--snapshots');
      expect([...new Set(copiesMade.snapshots.map(({ kind }) => kind))]).toEqual(
        expect.arrayContaining(['backup', 'export', 'restore']),
      );

      const jobs = new Operations(path.join(worktrail.project, '.worktrail'));
      for (const kind of ['replay', 'sync', 'report'] as const) {
        await jobs.run(kind, (job) => {
          job.report({ phase: `${CANARY} and more`, done: 1, total: 1 });
          job.counts({ [`Of ${CANARY}`]: 1, [CANARY]: CANARY as unknown as number });
          return Promise.resolve();
        });
        const failure = Object.assign(new Error(CANARY, { cause: new Error(CANARY) }), {
          name: CANARY,
          code: CANARY,
        });
        await jobs.run(kind, () => Promise.reject(failure)).catch(() => undefined);
      }
      // Before the log is taken into the file, and after.
      await expectNoCanary(worktrail);
      jobs.close();
      await expectNoCanary(worktrail);
      expect((await worktrail.json<JobList>('jobs')).total_count).toBe(items.length + 6);
    },
  );
});

describeWithPostgres('jobs on PostgreSQL', (server) => {
  it('records the first filling of the copy and the move of a tracker', { timeout: 120_000 }, async () => {
    const worktrail = await commandLine();
    await worktrail.text('create', CANARY);
    const url = await server.createDatabase();
    const moved = await worktrail.run(['migrate', '--to-postgres', url]);
    expect(moved.code, moved.stderr).toBe(0);
    const { items } = await worktrail.json<JobList>('jobs', '--kind', 'move_to_postgres');
    expect(items).toMatchObject([
      { state: 'succeeded', phase: 'switch', counts: { tables: expect.any(Number) as number } },
    ]);
    await worktrail.text('list', '--database', url);
    const filled = await worktrail.json<JobList>('jobs', '--kind', 'cache_refresh');
    expect(filled.items).toMatchObject([{ state: 'succeeded', phase: 'fill' }]);
    await worktrail.text('list', '--database', url);
    expect((await worktrail.json<JobList>('jobs', '--kind', 'cache_refresh')).total_count).toBe(1);

    const refused = await worktrail.run([
      'migrate',
      '--to-postgres',
      'postgres://ada:s3cret@127.0.0.1:1/team',
    ]);
    expect(refused.code).not.toBe(0);
    expect((await worktrail.json<JobList>('jobs', '--state', 'failed')).items).toMatchObject([
      { kind: 'move_to_postgres', error: expect.stringMatching(/^DatabaseError/) as string },
    ]);
    await expectNoCanary(worktrail, 's3cret');
  });
});

async function expectNoCanary({ project }: CommandLine, ...more: string[]): Promise<void> {
  const folder = path.join(project, '.worktrail');
  const files = (await readdir(folder)).filter((name) => name.startsWith('operations'));
  expect(files).toContain('operations.db');
  for (const name of files) {
    const bytes = await readFile(path.join(folder, name));
    for (const word of [CANARY, ...more]) expect(bytes.includes(word), `${word} in ${name}`).toBe(false);
  }
}

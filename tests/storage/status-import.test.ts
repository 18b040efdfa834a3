// Importing a status file that was kept by hand: whole, checked, repeatable; or nothing at all.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { CHECKS, type Check } from '../../src/domain/reconciliation.ts';
import { parseInput } from '../../src/domain/validate.ts';
import { listEnhancementsInput } from '../../src/domain/enhancement.ts';
import { getBrief } from '../../src/use-cases/brief/brief.ts';
import { getBriefInput } from '../../src/domain/brief.ts';
import { listEnhancements } from '../../src/use-cases/records/enhancements.ts';
import {
  importStatusFile,
  type StatusImportOptions,
} from '../../src/importers/legacy-status/import-status-file.ts';
import { renderStatusImport } from '../../src/importers/legacy-status/import-report.ts';
import { readStatusSource } from '../../src/importers/legacy-status/status-source.ts';
import { renderStatusFile } from '../../src/use-cases/status/status-file.ts';
import { readStatus } from '../../src/use-cases/status/project-status.ts';
import { checkExport } from '../../src/storage/export/read-export.ts';
import { describeWithSharedData } from '../support/shared-data.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { databaseRows } from './database-rows.ts';
import { refusalOf } from './refusal.ts';
import type { Tracker } from './tracker.ts';

interface Options extends Partial<StatusImportOptions> {
  addFromGit?: boolean;
}

async function importFile(tracker: Tracker, name: string, { addFromGit = false, ...options }: Options = {}) {
  const { projectDir } = tracker.context.workspace;
  const source = await readStatusSource(projectDir, path.join(projectDir, name), { addFromGit });
  const how = { dryRun: false, ...options };
  return (await importStatusFile(tracker.context, tracker.caller, source, how)).data;
}

const put = async (tracker: Tracker, text: string, name = 'status.md') =>
  await writeFile(path.join(tracker.context.workspace.projectDir, name), text);

const enhancements = async (tracker: Tracker) =>
  (
    await listEnhancements.run(
      tracker.context,
      tracker.caller,
      parseInput(listEnhancementsInput, { limit: 100 }),
    )
  ).data.items;

const matching = (checks: Check[]) => checks.filter(({ match }) => match === true).map(({ check }) => check);

const MIXED = `# Project Status
## Future Enhancements (2)
- Plain one (Priority: Low)
### Bold one (Priority: 2)
- **Target**: Q3 2026
- **Description**: First line.
  Second line.
## Vendors (9 total)
- plain: broken (1/3 tests passed, 1 skipped) [CSV, XML] v1.0
- **bold**: operational (7/9 tests) [pdf]
- too: operational (5/5 tests passed, 3 skipped) []
- bare: operational
- PLAIN: operational (1/1 tests) [csv]
- odd: degraded (1/1 tests) [csv]
## Recent Deployments (Last 10)
### 2026-01-02T10:00:00+02:00 - PR #5
- **Commit**: \`abcdef1\`
- Vendors: bold, plain
- Author: nobody
### 2026-01-03
## Active Work Items (1)
#### Parent (project)
##### Child (task)
- **Status**: blocked
### Lost (task)
- **Parent**: Nowhere
## Ours
kept
`;

describeEachBackend('a status file kept by hand', (backend) => {
  it('makes nothing again of a generated file that lost its last line', async () => {
    const tracker = await openTracker(backend);
    await tracker.create({ title: 'Made here' });
    const text = await renderStatusFile((await readStatus(tracker.context)).data);
    await put(tracker, text.replace(/<!-- worktrail status:.*/, ''));
    for (const dryRun of [true, false]) {
      const report = await importFile(tracker, 'status.md', { dryRun });
      expect(report).toMatchObject({ outcome: 'generated', backup: null });
      expect(report.message).toContain('--import-edits');
    }
    expect(await tracker.titles()).toEqual(['Made here']);
  });

  it('of mixed dialects is imported with what it says and nothing else', async () => {
    const tracker = await openTracker(backend);
    await put(tracker, MIXED);
    const report = await importFile(tracker, 'status.md');
    expect(report).toMatchObject({
      outcome: 'imported',
      dialect: 'mixed',
      file_replaced: false,
      records: {
        vendors: { created: 4 },
        work_items: { created: 3 },
        deployments: { created: 2 },
        enhancements: { created: 2 },
      },
      wrong_counts: [
        { line: 8, said: '9', found: '4' },
        { line: 21, said: '1', found: '3' },
      ],
      not_understood: [
        { line: 13, text: '- PLAIN: operational (1/1 tests) [csv]' },
        { line: 14, text: '- odd: degraded (1/1 tests) [csv]' },
        { line: 19, text: '- Author: nobody' },
      ],
      unresolved_commits: [{ line: 17, commit: 'abcdef1' }],
      kept_parts: [{ heading: 'Ours' }],
    });
    expect(matching(report.checks)).toEqual([...CHECKS]);
    expect(await tracker.vendor('plain')).toMatchObject({
      status: 'broken',
      extractor_version: '1.0',
      metadata: {
        format_support: { excel: false, csv: true, pdf: false, ocr: false },
        test_results: { passing: 1, total: 3, skipped: 1 },
        imported: { formats: ['csv', 'xml'] },
      },
    });
    // More passed and skipped than there are: nothing true can be said, and what was written is kept.
    expect((await tracker.vendor('too')).metadata).toMatchObject({
      test_results: { passing: 0, total: 0, skipped: 0 },
      imported: { tests: { passing: 5, total: 5, skipped: 3 } },
    });
    const [later, earlier] = (await tracker.deployments()).items;
    expect(later).toMatchObject({ deployed_at: '2026-01-03T00:00:00.000Z', commit_hash: '' });
    expect(Object.keys(later?.metadata ?? {}).sort()).toEqual(['imported', 'test_summary']);
    expect(earlier).toMatchObject({
      deployed_at: '2026-01-02T08:00:00.000Z',
      commit_hash: 'abcdef1',
      affected_vendors: [{ name: 'bold' }, { name: 'plain' }],
    });
    expect(Object.keys(earlier?.metadata ?? {}).sort()).toEqual(['imported', 'pr_number', 'test_summary']);
    const { items } = await tracker.list();
    const child = items.find(({ title }) => title === 'Child');
    expect(child).toMatchObject({ status: 'blocked', depth: 1 });
    expect(items.find(({ title }) => title === 'Lost')).toMatchObject({
      depth: 0,
      metadata: { imported: { parent: 'Nowhere' } },
    });
    expect(await enhancements(tracker)).toMatchObject([
      { title: 'Bold one', priority: 2, target_quarter: '2026-Q3', description: 'First line.\nSecond line.' },
      { title: 'Plain one', priority: 5, target_quarter: null, description: null },
    ]);
  });

  it('does not make others say what it left open', async () => {
    const tracker = await openTracker(backend);
    await put(tracker, MIXED);
    await importFile(tracker, 'status.md');
    expect((await tracker.deployments({ compliant: true })).items).toEqual([]);
    expect((await tracker.deployments({ compliant: false })).items).toEqual([]);
    const brief = await getBrief.run(tracker.context, tracker.caller, parseInput(getBriefInput, {}));
    expect(JSON.stringify(brief.data)).not.toMatch(/undefined|NaN/);
  });

  it('is refused as a new deployment what an import may leave out', async () => {
    const tracker = await openTracker(backend);
    const { details } = await refusalOf(
      tracker.deploy({ metadata: { pr_title: undefined, is_imported: true }, is_imported: true }),
    );
    expect(details).toMatchObject({ field: expect.stringMatching(/is_imported|pr_title/) as string });
  });

  it('is imported once, however often, and leaves alone what was changed here', async () => {
    const tracker = await openTracker(backend);
    await put(tracker, MIXED);
    await importFile(tracker, 'status.md');
    const seq = await tracker.seq();
    const again = await importFile(tracker, 'status.md');
    expect(again).toMatchObject({ outcome: 'unchanged', backup: null });
    expect(matching(again.checks)).toEqual([...CHECKS]);
    expect(await tracker.seq()).toBe(seq);

    await tracker.updateVendor(await tracker.vendor('bold'), { status: 'broken' });
    await put(tracker, MIXED.replace('(7/9 tests)', '(8/9 tests)').replace('(1/3', '(2/3'));
    const changed = await importFile(tracker, 'status.md');
    expect(changed).toMatchObject({
      outcome: 'imported',
      records: { vendors: { created: 0, updated: 1, unchanged: 2, kept_local: 1 } },
      kept_here: [{ kind: 'vendors', name: 'bold' }],
    });
    expect(await tracker.vendor('plain')).toMatchObject({
      version: 2,
      metadata: { test_results: { passing: 2 } },
    });
    expect(await tracker.vendor('bold')).toMatchObject({ metadata: { test_results: { passing: 7 } } });
  });

  it('meets records that were made here: by name, by commit, by title', async () => {
    const tracker = await openTracker(backend);
    const commit = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b';
    await tracker.register({ name: 'Known', status: 'operational' });
    await tracker.register({ name: 'Elsewhere' });
    await tracker.deploy({ commit_hash: commit, metadata: { pr_number: 5 } });
    await tracker.enhance({ title: 'One day', priority: 1 });
    const file = `## Vendors (1)\n- KNOWN: operational\n## Deployments (1)\n### 2026-01-02 - PR #5\n- Commit: ${commit}\n## Future Enhancements (1)\n- One day (Priority: High)\n`;
    await put(tracker, file);
    const seq = await tracker.seq();
    const report = await importFile(tracker, 'status.md');
    expect(report.outcome).toBe('unchanged');
    expect(matching(report.checks)).toEqual([...CHECKS]);
    expect(await tracker.seq()).toBe(seq);
  });

  it('in no known form imports nothing and stays as it is', async () => {
    const tracker = await openTracker(backend);
    await put(tracker, '# Deployments\nWe deploy with make.\n');
    const seq = await tracker.seq();
    const report = await importFile(tracker, 'status.md');
    expect(report).toMatchObject({ outcome: 'not_a_status_file', backup: null, checks: [] });
    expect(report.message).toContain('Nothing was imported');
    expect(await tracker.seq()).toBe(seq);
  });

  it('is copied first, and the database as a backup that can be restored', async () => {
    const tracker = await openTracker(backend);
    await put(tracker, MIXED);
    const { backup } = await importFile(tracker, 'status.md');
    expect(await readFile(backup?.file ?? '', 'utf8')).toBe(MIXED);
    const { header } = await checkExport(backup?.database ?? '');
    expect(header).toMatchObject({ kind: 'backup', seq: 0 });
  });

  it('hands the file over after everything is saved, and survives a failure of that', async () => {
    const tracker = await openTracker(backend);
    await put(tracker, MIXED);
    const { projectDir } = tracker.context.workspace;
    const source = await readStatusSource(projectDir, path.join(projectDir, 'status.md'));
    let kept: unknown;
    const answer = await importStatusFile(tracker.context, tracker.caller, source, {
      dryRun: false,
      takeOverFile: ({ parsed }) => {
        kept = parsed.kept;
        return Promise.reject(new Error('no room'));
      },
    });
    expect(kept).toMatchObject([{ heading: 'Ours' }]);
    expect(answer.data).toMatchObject({ outcome: 'imported', file_replaced: false });
    expect(answer.warnings).toMatchObject([{ code: 'file_not_replaced' }]);
    expect(await tracker.vendor('plain')).toMatchObject({ version: 1 });
  });

  it('is held against the git history, which adds only what it is asked for', async () => {
    const tracker = await openTracker(backend, { git: true });
    const { projectDir } = tracker.context.workspace;
    const git = (...args: string[]) =>
      execFileSync('git', args, { cwd: projectDir, encoding: 'utf8' }).trim();
    const commit = (message: string) => {
      git('-c', 'user.name=a', '-c', 'user.email=a@b.c', 'commit', '-q', '--allow-empty', '-m', message);
      return git('rev-parse', 'HEAD');
    };
    const told = commit('PR #5: Told by both');
    const untold = commit('Merge pull request #6 from ours/008-x\n\nOnly in git');
    commit('vendor(plain): operational\n\n45/50 tests passing');
    commit('vendor(fresh): broken');
    await put(
      tracker,
      MIXED.replace('abcdef1', told.slice(0, 7)).replace(
        '# Project Status',
        '# Project Status - 2020-01-01T00:00:00Z',
      ),
    );
    const dry = await importFile(tracker, 'status.md', { dryRun: true });
    expect(dry).toMatchObject({ outcome: 'rehearsed', unresolved_commits: [] });
    expect(dry.git).toMatchObject({
      deployments: [{ commit: untold, pr_number: 6, title: 'Only in git' }],
      vendors: [{ name: 'fresh' }, { name: 'plain', tests: { passing: 45, total: 50 } }],
      added: false,
    });
    const plain = await importFile(tracker, 'status.md');
    expect(plain.records?.deployments.created).toBe(2);
    expect((await tracker.deployments()).items.map(({ commit_hash }) => commit_hash)).toContain(told);
    const added = await importFile(tracker, 'status.md', { addFromGit: true });
    expect(added).toMatchObject({
      outcome: 'imported',
      records: { deployments: { created: 1, unchanged: 2 } },
    });
    expect(matching(added.checks)).toEqual([...CHECKS]);
    expect(await tracker.vendor('fresh')).toMatchObject({ status: 'broken' });
    expect(await tracker.vendor('plain')).toMatchObject({
      status: 'operational',
      metadata: { test_results: { passing: 45, total: 50 } },
    });
    expect(renderStatusImport(added)).toContain('added: 3');
  });

  describeWithSharedData('of the real inputs', (folder) => {
    const prepared = async () => {
      const tracker = await openTracker(backend, { git: true });
      const { projectDir } = tracker.context.workspace;
      await mkdir(path.join(projectDir, 'docs'));
      await cp(path.join(folder, 'session-prompts'), path.join(projectDir, 'docs/session-prompts'), {
        recursive: true,
      });
      for (const name of ['dialect-a.md', 'dialect-b.md', 'neither.md']) {
        await writeFile(path.join(projectDir, name), readFileSync(path.join(folder, 'status-files', name)));
      }
      return tracker;
    };
    const bytesOf = (tracker: Tracker, name: string) =>
      readFileSync(path.join(tracker.context.workspace.projectDir, name));

    it.each([
      ['dialect-a.md', [5, 2, 3, 3, 35]],
      ['dialect-b.md', [6, 3, 4, 5, 54]],
    ])('%s matches in all five checks, and again', async (name, sources) => {
      const tracker = await prepared();
      const before = bytesOf(tracker, name);
      const report = await importFile(tracker, name);
      const whole = CHECKS.map((check, at) => ({
        check,
        source: sources[at],
        migrated: sources[at],
        match: true,
        problems: [],
      }));
      expect(report.checks).toEqual(whole);
      expect(report.not_understood).toEqual([]);
      expect(report.skipped).toMatchObject([
        { file: 'docs/session-prompts/2025-10-08-malformed.md', line: 3 },
        { file: 'docs/session-prompts/2025-10-09-code.md', line: 1 },
      ]);
      const again = await importFile(tracker, name);
      expect(again).toMatchObject({ outcome: 'unchanged', checks: whole });
      expect(bytesOf(tracker, name).equals(before)).toBe(true);
      expect(existsSync(path.join(tracker.context.workspace.projectDir, 'PWNED'))).toBe(false);
    });

    it('tell what is wrong in them', async () => {
      const tracker = await prepared();
      expect(await importFile(tracker, 'dialect-a.md', { dryRun: true })).toMatchObject({
        dialect: 'A',
        wrong_counts: [
          { line: 3, said: '5/5', found: '4/5' },
          { line: 10, said: '8', found: '5' },
        ],
        unresolved_commits: [{ line: 41, commit: '104662c' }],
        unknown_vendors: [],
      });
      expect(await importFile(tracker, 'dialect-b.md', { dryRun: true })).toMatchObject({
        dialect: 'B',
        wrong_counts: [],
        unresolved_commits: [{ commit: 'abc1234' }, { commit: '5c0ffee' }, { commit: '0ddba11' }],
        unknown_vendors: [{ line: 29, name: 'unknown_vendor' }],
        unknown_references: [{ line: 16 }, { line: 16 }],
      });
    });

    it('in neither dialect imports nothing', async () => {
      const tracker = await prepared();
      const before = bytesOf(tracker, 'neither.md');
      const seq = await tracker.seq();
      expect((await importFile(tracker, 'neither.md')).outcome).toBe('not_a_status_file');
      expect(await tracker.seq()).toBe(seq);
      expect(bytesOf(tracker, 'neither.md').equals(before)).toBe(true);
    });

    it.each(FAULTS)('is rolled back when %s are wrong: %s', async (check, _what, table, fault) => {
      const tracker = await prepared();
      const rows = databaseRows(tracker.place);
      // After the backup, which opens the file and takes nothing with a trigger that is not ours.
      const { backUp } = tracker.context;
      tracker.context.backUp = async (options) => {
        const taken = await backUp(options);
        await rows.run((rows.dialect === 'sqlite' ? sqliteTrigger : postgresTrigger)(table, fault));
        return taken;
      };
      const before = await rows.all();
      const file = bytesOf(tracker, 'dialect-a.md');
      const refusal = await refusalOf(importFile(tracker, 'dialect-a.md'));
      const failed = (refusal.details['checks'] as Check[]).filter(({ match }) => match !== true);
      expect(failed.map((one) => one.check)).toContain(check);
      expect(refusal.next).toContain('file and database are as before');
      expect(await rows.all()).toEqual(before);
      expect(bytesOf(tracker, 'dialect-a.md').equals(file)).toBe(true);
      await rows.run(rows.dialect === 'sqlite' ? 'drop trigger fault' : `drop trigger fault on ${table}`);
      tracker.context.backUp = backUp;
      expect(matching((await importFile(tracker, 'dialect-a.md')).checks)).toEqual([...CHECKS]);
    });
  });
});

interface Fault {
  when: string;
  sqlite: string;
  postgres?: string;
}

/** What goes wrong after a row was inserted, behind the tracker's back. */
const FAULTS: [check: (typeof CHECKS)[number], what: string, table: string, fault: Fault][] = [
  [
    'vendor_names',
    'one has another name',
    'vendors',
    {
      when: "new.name = 'ADP Payroll'",
      sqlite: "update vendors set name = 'Other', name_key = 'other' where id = new.id",
    },
  ],
  [
    'vendor_names',
    'one is there that the file does not name',
    'vendors',
    {
      when: "new.name = 'ADP Payroll'",
      sqlite:
        "insert into vendors (id, version, name, name_key, status, extractor_version, metadata, created_at, updated_at, created_by, updated_by) values ('00000000-0000-4000-8000-000000000001', 1, 'Ghost', 'ghost', 'broken', '1', '{}', new.created_at, new.updated_at, 'x', 'x')",
    },
  ],
  [
    'deployments',
    'a commit',
    'deployments',
    {
      when: "new.commit_hash = '104662c'",
      sqlite: "update deployments set commit_hash = '104662d' where id = new.id",
    },
  ],
  [
    'deployments',
    'a pull request',
    'deployments',
    {
      when: "new.commit_hash = '104662c'",
      sqlite: "update deployments set metadata = json_set(metadata, '$.pr_number', 25) where id = new.id",
      postgres:
        "update deployments set metadata = jsonb_set(metadata, '{pr_number}', '25') where id = new.id",
    },
  ],
  [
    'enhancement_titles',
    'a title',
    'enhancements',
    {
      when: "new.title like 'OCR%'",
      sqlite: "update enhancements set title = 'ORC' where id = new.id",
    },
  ],
  [
    'session_prompts',
    'one says no file',
    'work_items',
    {
      when: "new.title = 'Handoff'",
      sqlite: "update work_items set metadata = json_remove(metadata, '$.imported') where id = new.id",
      postgres: "update work_items set metadata = metadata - 'imported' where id = new.id",
    },
  ],
  [
    'vendor_metadata',
    'a number',
    'vendors',
    {
      when: "new.name = 'ADP Payroll'",
      sqlite:
        "update vendors set metadata = json_set(metadata, '$.test_results.passing', 41) where id = new.id",
      postgres:
        "update vendors set metadata = jsonb_set(metadata, '{test_results,passing}', '41') where id = new.id",
    },
  ],
];

const sqliteTrigger = (table: string, { when, sqlite }: Fault) =>
  `create trigger fault after insert on ${table} when ${when} begin ${sqlite}; end`;

const postgresTrigger = (table: string, { when, sqlite, postgres = sqlite }: Fault) =>
  `create function fault() returns trigger language plpgsql as $$ begin ${postgres}; return null; end $$;
   create trigger fault after insert on ${table} for each row when (${when}) execute function fault()`;

// A project's name becomes a part of names of files and schemas, and of lines of ours; a repository can bring one along.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { parseHeader, headerLine, type ExportHeader } from '../../src/storage/export/format.ts';
import { refuseStranger } from '../../src/storage/opening/first-meeting.ts';
import { readMemory } from '../../src/storage/opening/open-primary.ts';
import { runInProcess } from '../support/in-process.ts';
import { temporaryProject } from '../support/program.ts';

const ID = '00000000-0000-4000-8000-000000000000';
const HOSTILE = [
  ['a name that leads out', ID, 'x/../../../outside/p'],
  ['a name of two lines', ID, 'p\n! forged'],
  ['a name with a command for the database', ID, 'p".meta; drop schema public cascade; --'],
  ['an id of two lines', `${ID}\n! forged`, 'p'],
] as const;

describe.each(HOSTILE)('%s is none', (_case, project_id, project_slug) => {
  it('in what the folder remembers', async () => {
    const dataDir = path.join(await temporaryProject(), '.worktrail');
    mkdirSync(dataDir);
    const file = path.join(dataDir, 'project.json');
    writeFileSync(file, JSON.stringify({ project_id, project_slug, store: 'sqlite' }));
    expect(readMemory(dataDir)).toBeUndefined();
    writeFileSync(file, JSON.stringify({ project_id: ID, project_slug: 'p', store: 'sqlite' }));
    expect(readMemory(dataDir)).toEqual({ project_id: ID, project_slug: 'p', store: 'sqlite' });
  });

  it('in a database', async () => {
    const folder = await temporaryProject();
    const project = path.join(folder, 'a', 'b');
    mkdirSync(path.join(folder, 'outside'));
    mkdirSync(project, { recursive: true });
    await runInProcess(['create', 'An item'], { project });
    rmSync(path.join(project, '.worktrail', 'project.json'));
    const database = new Database(path.join(project, '.worktrail', 'worktrail.db'));
    database.prepare('update meta set project_id = ?, project_slug = ?').run(project_id, project_slug);
    database.close();
    for (const command of ['list', 'backup', 'export', 'doctor']) {
      const { code, stdout, stderr } = await runInProcess([command], { project });
      expect(code).not.toBe(0);
      expect(`${stdout}${stderr}`).toContain('a name or an id that Worktrail gives to none');
      expect(`${stdout}${stderr}`).not.toMatch(/^! forged/m);
    }
    expect(readdirSync(path.join(folder, 'outside'))).toEqual([]);
  });

  it('in an export', () => {
    const head: ExportHeader = {
      worktrail_export: 1,
      kind: 'export',
      project_id: ID,
      project_slug: 'p',
      root_commit: null,
      seq: 0,
      changed_at: '2026-01-01T00:00:00.000Z',
      taken_at: '2026-01-01T00:00:00.000Z',
      schema_version: 1,
      counts: {},
      waiting: 0,
    };
    expect(parseHeader('f', headerLine(head).trim())).toEqual(head);
    expect(() => parseHeader('f', headerLine({ ...head, project_id, project_slug }).trim())).toThrow();
  });
});

it('the name of a schema is quoted where it is looked into', async () => {
  const asked: string[] = [];
  const client = { unsafe: (sql: string) => (asked.push(sql), Promise.resolve([])) };
  const meeting = { projectDir: '/', slug: { value: 'p', explicit: false }, databaseUrl: 'postgres://h/d' };
  await refuseStranger(client as never, 'a".b', meeting, undefined);
  expect(asked[0]).toContain('from "a"".b".meta');
});

it('a log beside a file that is taken over is a plain file, or not read', async () => {
  const project = await temporaryProject();
  await runInProcess(['create', 'An item'], { project });
  const file = path.join(project, 'writes.db');
  new Database(file).exec('create table t (a)').close();
  execFileSync('mkfifo', [`${file}-wal`]);
  expect(existsSync(`${file}-wal`)).toBe(true);
  const { code, stderr } = await runInProcess(['doctor', '--adopt', file], { project });
  expect(code).toBe(2);
  expect(stderr).toContain('is not a plain file');
});

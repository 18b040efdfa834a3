// `worktrail recover` as a person meets it: an older database was put in place.
import { copyFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { commandLine, contentOf, type CommandLine } from './command-line.ts';

describe('recover', () => {
  let worktrail: CommandLine;
  let file: string;
  const titles = async () =>
    (await worktrail.json<{ items: { title: string }[] }>('list')).items.map(({ title }) => title).sort();

  beforeEach(async () => {
    worktrail = await commandLine();
    file = path.join(worktrail.project, '.worktrail', 'worktrail.db');
    await worktrail.text('create', 'In the backup');
    copyFileSync(file, `${file}.backup`);
    const { id } = await worktrail.json<{ id: string }>('create', 'After it');
    await worktrail.text('update', id, '--priority', '1');
  });

  const putBackupBack = () => {
    for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
    copyFileSync(`${file}.backup`, file);
  };

  it('finds nothing to do where nothing is missing', async () => {
    expect(await worktrail.json('recover')).toMatchObject({ refused: null, lost: [], done: null });
    expect(await worktrail.text('recover', '--yes')).toMatch(/nothing/i);
  });

  it('shows what is missing and whose it is, and does nothing until it is told to', async () => {
    putBackupBack();
    const before = await contentOf(path.join(worktrail.project, '.worktrail'));
    const shown = await worktrail.run(['recover']);
    expect(shown.code).toBe(1);
    expect(shown.stdout).toContain('2 changes');
    expect(shown.stdout).toContain('worktrail recover --yes');
    const after = await contentOf(path.join(worktrail.project, '.worktrail'));
    expect(after['worktrail.db']).toBe(before['worktrail.db']);
    const report = JSON.parse((await worktrail.run(['recover', '--json'])).stdout) as {
      lost: { changes: { kind: string }[] }[];
      by: { writes: number }[];
    };
    expect(report.lost.flatMap(({ changes }) => changes.map(({ kind }) => kind))).toEqual([
      'create',
      'update',
    ]);
    expect(report.by.map(({ writes }) => writes)).toEqual([2]);
  });

  it('puts it back once, in order', async () => {
    putBackupBack();
    const outcome = await worktrail.json('recover', '--yes');
    expect(outcome).toMatchObject({ outcome: { applied: 2, conflicts: [], waiting: 0 } });
    expect(await titles()).toEqual(['After it', 'In the backup']);
    expect(await worktrail.json('recover')).toMatchObject({ refused: null, lost: [] });
    const { items } = await worktrail.json<{ items: { title: string; priority: number; version: number }[] }>(
      'list',
    );
    expect(items.find(({ title }) => title === 'After it')).toMatchObject({ priority: 1, version: 2 });
  });

  it('keeps what is made meanwhile, behind what was lost', async () => {
    putBackupBack();
    const made = await worktrail.json('create', 'Made meanwhile');
    expect(made).toMatchObject({ durability: 'outbox' });
    await worktrail.text('recover', '--yes');
    expect(await titles()).toEqual(['After it', 'In the backup', 'Made meanwhile']);
    const history = await worktrail.json<{ items: { entity_id: string; seq: number }[] }>(
      'history',
      '--limit',
      '10',
    );
    const seqOf = (id: unknown) =>
      Math.max(...history.items.filter((one) => one.entity_id === id).map(({ seq }) => seq));
    expect(seqOf(made['id'])).toBe(Math.max(...history.items.map(({ seq }) => seq)));
  });
});

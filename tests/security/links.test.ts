// What a clone can bring along in `.worktrail`: links that lead out of the project, pipes and devices.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { Server } from '../processes/server.ts';
import { runInProcess } from '../support/in-process.ts';
import { spawnServe, temporaryProject } from '../support/program.ts';

let project: string;
let outside: string;
let folder: string;
beforeEach(async () => {
  [project, outside] = [await temporaryProject({ git: true }), await temporaryProject()];
  folder = path.join(project, '.worktrail');
  writeFileSync(path.join(outside, 'notes.md'), 'the notes of somebody\n');
  mkdirSync(path.join(outside, 'folder'));
});

/** Names, contents and times of all that is outside of the project. */
function outsideNow(): string {
  return readdirSync(outside, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const file = path.join(outside, name);
      const status = statSync(file);
      return `${name} ${status.mtimeMs} ${status.mode} ${status.isFile() ? readFileSync(file, 'utf8') : ''}`;
    })
    .join('\n');
}

async function expectRefused(name: string): Promise<void> {
  const before = outsideNow();
  for (const command of [['list'], ['create', 'A title'], ['doctor'], ['backup'], ['jobs']]) {
    const { code, stderr } = await runInProcess(command, { project });
    expect({ command, code }).toEqual({ command, code: 3 });
    expect(stderr).toContain(`${name} is a`);
    expect(stderr).toContain('move it elsewhere');
  }
  expect(outsideNow()).toBe(before);
}

const NAMES = [
  '.gitignore',
  'project.json',
  'device',
  'worktrail.db',
  'worktrail.db-journal',
  'worktrail.db-wal',
  'worktrail.db.migrate.lock',
  'outbox.db',
  'operations.db',
  'pending',
  'backups',
];

describe('a link that leads out of the project is named and not followed:', () => {
  it.each(NAMES)('%s', async (name) => {
    mkdirSync(folder);
    const target = name === 'pending' || name === 'backups' ? 'folder' : 'missing';
    symlinkSync(path.join(outside, target), path.join(folder, name));
    await expectRefused(path.join(folder, name));
  });

  it('the folder itself', async () => {
    symlinkSync(path.join(outside, 'folder'), folder);
    await expectRefused(folder);
  });

  it.each(['pending/.lock', 'pending/damaged', 'backups/before-import'])('deeper: %s', async (name) => {
    const link = path.join(folder, name);
    mkdirSync(path.dirname(link), { recursive: true });
    symlinkSync(path.join(outside, name === 'pending/.lock' ? 'missing' : 'folder'), link);
    await expectRefused(link);
  });

  it('a file that is there', async () => {
    mkdirSync(folder);
    symlinkSync(path.join(outside, 'notes.md'), path.join(folder, 'device'));
    await expectRefused(path.join(folder, 'device'));
  });

  it('a device', async () => {
    mkdirSync(folder);
    symlinkSync('/dev/zero', path.join(folder, 'project.json'));
    await expectRefused(path.join(folder, 'project.json'));
  });
});

it('the copy of an edited status file goes nowhere else, though whoever edited it knows its name', async () => {
  await runInProcess(['create', 'An item'], { project });
  const file = path.join(project, '.project_status.md');
  const text = readFileSync(file, 'utf8').replace('An item', 'An item; touch canary');
  writeFileSync(file, text);
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
  const copy = path.join(folder, 'edited', `project_status-${hash}.md`);
  mkdirSync(path.dirname(copy));
  symlinkSync(path.join(outside, 'notes.md'), copy);
  const before = outsideNow();
  expect(await runInProcess(['create', 'Another'], { project })).toMatchObject({ code: 0 });
  expect(outsideNow()).toBe(before);
  expect(lstatSync(copy).isFile()).toBe(true);
  expect(readFileSync(copy, 'utf8')).toBe(text);
});

it('a link is named beside a file where a folder should be', async () => {
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'pending'), '');
  symlinkSync(path.join(outside, 'made'), path.join(folder, '.gitignore'));
  await expectRefused(path.join(folder, '.gitignore'));
});

describe('a pipe is named and not waited for:', () => {
  it.each(['.gitignore', 'project.json', 'device', 'worktrail.db', 'outbox.db-wal', 'pending'])(
    '%s',
    async (name) => {
      mkdirSync(folder);
      execFileSync('mkfifo', [path.join(folder, name)]);
      await expectRefused(path.join(folder, name));
    },
  );
});

describe('beside them', () => {
  it('a server answers, and works once what is wrong is gone', async () => {
    mkdirSync(folder);
    const link = path.join(folder, 'pending');
    symlinkSync(path.join(outside, 'folder'), link);
    const before = outsideNow();
    const server = new Server(spawnServe({ project }));
    await server.rpc.initialize();
    const refused = await server.failure('create_work_item', { item_type: 'task', title: 'refused' });
    expect(refused).toMatchObject({ error: 'DatabaseError' });
    expect(refused.message).toContain(link);
    execFileSync('rm', [link]);
    await server.create({ title: 'accepted' });
    await server.rpc.program.stop();
    expect(outsideNow()).toBe(before);
  });

  it('a link to a folder of the project is used', async () => {
    mkdirSync(path.join(project, 'kept'));
    symlinkSync('kept', folder);
    mkdirSync(path.join(project, 'kept-backups'));
    symlinkSync('../kept-backups', path.join(project, 'kept', 'backups'));
    expect(await runInProcess(['create', 'An item'], { project })).toMatchObject({ code: 0 });
    expect(await runInProcess(['backup'], { project })).toMatchObject({ code: 0 });
    expect(readdirSync(path.join(project, 'kept-backups'))).toHaveLength(1);
  });
});

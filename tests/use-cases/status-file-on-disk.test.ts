// What stands in the place of `.project_status.md`: links, permissions, and things that are no files.
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import {
  chmod,
  mkdtemp,
  readdir,
  lstat,
  mkdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { STATUS_FILE, writeStatusFile } from '../../src/use-cases/status/status-file.ts';
import { describeEachBackend, openTracker } from '../storage/backends.ts';
import type { Tracker } from '../storage/tracker.ts';
import { temporaryProject } from '../support/temporary-project.ts';

describeEachBackend('the status file on the disk', (backend) => {
  let tracker: Tracker;
  const file = () => path.join(tracker.place.projectDir, STATUS_FILE);
  const write = () => writeStatusFile(tracker.context, tracker.place);

  beforeEach(async () => {
    tracker = await openTracker(backend);
    await tracker.create({ title: 'First' });
  });

  it('keeps its permissions', async () => {
    await write();
    await chmod(file(), 0o600);
    await tracker.create({ title: 'Second' });
    expect(await write()).toMatchObject({ written: true });
    expect((await stat(file())).mode & 0o777).toBe(0o600);
  });

  it('stays a link to a file of the project, and that file is written', async () => {
    await write();
    const target = path.join(tracker.place.projectDir, 'STATUS.md');
    await rename(file(), target);
    await symlink('STATUS.md', file());
    await tracker.create({ title: 'Second' });
    expect(await write()).toMatchObject({ written: true });
    expect(await readlink(file())).toBe('STATUS.md');
    expect(await readFile(target, 'utf8')).toContain('Second');
  });

  it('leaves a link alone that leads out of the project, or nowhere, and says so', async () => {
    await write();
    const outside = path.join(await temporaryProject(), 'STATUS.md');
    await rename(file(), outside);
    const before = await readFile(outside, 'utf8');
    await symlink(outside, file());
    await tracker.create({ title: 'Second' });
    await expect(write()).rejects.toThrow(/leads out of the project/);
    expect(await readFile(outside, 'utf8')).toBe(before);
    await rm(outside);
    await expect(write()).rejects.toThrow(/leads nowhere/);
    expect((await lstat(file())).isSymbolicLink()).toBe(true);
  });

  it('is not waited for where a pipe, a device or a folder has its name', async () => {
    const things: (() => Promise<unknown>)[] = [
      () => promisify(execFile)('mkfifo', [file()]),
      () => symlink('/dev/zero', file()),
      () => mkdir(file()),
    ];
    for (const make of things) {
      await make();
      await expect(write()).rejects.toMatchObject({
        code: 'ValidationError',
        message: expect.stringContaining('is no file') as string,
      });
      await rm(file(), { recursive: true });
    }
    await writeFile(file(), '');
    expect(await write()).toMatchObject({ written: true });
  });

  it.skipIf(otherFileSystem() === undefined)(
    'is written where the data folder is on another file system (a second one is at /dev/shm or /var/tmp)',
    async () => {
      const elsewhere = await mkdtemp(path.join(otherFileSystem() ?? '', 'worktrail-'));
      onTestFinished(() => rm(elsewhere, { recursive: true }));
      expect(await writeStatusFile(tracker.context, { ...tracker.place, dataDir: elsewhere })).toMatchObject({
        written: true,
      });
      expect(await readFile(file(), 'utf8')).toContain('First');
      const names = [...(await readdir(elsewhere)), ...(await readdir(tracker.place.projectDir))];
      expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([]);
    },
  );
});

/** A folder on another file system than that of the tests, if there is one. */
function otherFileSystem(): string | undefined {
  const own = statSync(os.tmpdir()).dev;
  return ['/dev/shm', '/var/tmp'].find((folder) => {
    const other = statSync(folder, { throwIfNoEntry: false });
    return other !== undefined && other.dev !== own;
  });
}

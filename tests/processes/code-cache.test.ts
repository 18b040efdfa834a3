// What V8 made of the program is kept for the next start, and no state of that cache changes what the program does.
import { execFile } from 'node:child_process';
import { readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryProject } from '../support/temporary-project.ts';
import { copyOfPackage } from './installation.ts';

describe('the code cache', () => {
  let program: string;
  let cacheFolder: string;
  beforeEach(async () => {
    const folder = await copyOfPackage();
    program = path.join(folder, 'dist', 'cli.js');
    cacheFolder = path.join(folder, 'dist', 'code-cache');
    await rm(cacheFolder, { recursive: true, force: true });
  });

  const help = async (): Promise<string> =>
    (await promisify(execFile)(process.execPath, [program, 'list', '--help'])).stdout;
  const caches = async (): Promise<string[]> =>
    (await readdir(cacheFolder)).map((name) => path.join(cacheFolder, name));
  const theCache = async (): Promise<string> => {
    const [file, ...others] = await caches();
    expect(others).toEqual([]);
    if (file === undefined) throw new Error('there is no cache');
    return file;
  };
  const LONG_AGO = new Date('2020-01-01T00:00:00Z');

  it('is written by the first start, and used by the next', async () => {
    const first = await help();
    expect(first).toContain('Usage: worktrail list');
    const file = await theCache();
    expect((await stat(file)).size).toBeGreaterThan(100_000);
    await utimes(file, LONG_AGO, LONG_AGO);
    expect(await help()).toBe(first);
    expect((await stat(file)).mtime).toEqual(LONG_AGO);
  });

  it('does not keep a start from loading what is loaded when it is needed', async () => {
    const cwd = await temporaryProject();
    const run = async (...args: string[]) =>
      (await promisify(execFile)(process.execPath, [program, ...args, '--database', 'embedded'], { cwd }))
        .stdout;
    await run('create', 'Kept', '--type', 'task');
    expect(await run('backup')).toContain('read back and found equal');
    const file = await theCache();
    await utimes(file, LONG_AGO, LONG_AGO);
    expect(await run('backup')).toContain('read back and found equal');
    expect((await stat(file)).mtime).toEqual(LONG_AGO);
  });

  it('is made again when it is torn, damaged or of an earlier build', async () => {
    const first = await help();
    const file = await theCache();
    const good = await readFile(file);
    const flipped = Buffer.from(good);
    const middle = Math.floor(flipped.length / 2);
    flipped[middle] = (flipped[middle] ?? 0) ^ 1;
    for (const damaged of [Buffer.alloc(0), good.subarray(0, middle), flipped, Buffer.from('rubbish')]) {
      await writeFile(file, damaged);
      await utimes(file, LONG_AGO, LONG_AGO);
      expect(await help()).toBe(first);
      expect((await stat(file)).mtimeMs).toBeGreaterThan(LONG_AGO.getTime());
    }
    await rm(file);
    await writeFile(path.join(cacheFolder, 'earlier-command-1'), good);
    expect(await help()).toBe(first);
    expect(await theCache()).toBe(file);
  });

  it('is done without where the package cannot be written', async () => {
    await writeFile(cacheFolder, 'no folder');
    expect(await help()).toContain('Usage: worktrail list');
    expect(await readFile(cacheFolder, 'utf8')).toBe('no folder');
  });
});

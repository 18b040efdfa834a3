import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPlainFile, UnsuitableFile } from '../../src/platform/plain-file.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const read = (file: string, inside: string, maxBytes = 100) => readPlainFile(file, { inside, maxBytes });

describe('a file that somebody else may have put there', () => {
  it('is read when it is plain and small enough, also through a link that stays inside', async () => {
    const folder = await temporaryProject();
    writeFileSync(path.join(folder, 'a'), 'content');
    symlinkSync('a', path.join(folder, 'link'));
    expect(read(path.join(folder, 'a'), folder)?.toString()).toBe('content');
    expect(read(path.join(folder, 'link'), folder)?.toString()).toBe('content');
    expect(read(path.join(folder, 'missing'), folder)).toBeUndefined();
    expect(read(path.join(folder, 'a', 'below'), folder)).toBeUndefined();
  });

  it('is refused as a pipe, a folder, a device, a link out or nowhere, and when it is too large', async () => {
    const folder = await temporaryProject();
    const outside = await temporaryProject();
    writeFileSync(path.join(outside, 'secret'), 'secret');
    writeFileSync(path.join(folder, 'large'), 'x'.repeat(101));
    mkdirSync(path.join(folder, 'folder'));
    execFileSync('mkfifo', [path.join(folder, 'pipe')]);
    symlinkSync('/dev/zero', path.join(folder, 'device'));
    symlinkSync(path.join(outside, 'secret'), path.join(folder, 'out'));
    symlinkSync(outside, path.join(folder, 'way-out'));
    symlinkSync('nothing', path.join(folder, 'nowhere'));
    for (const name of ['large', 'folder', 'pipe', 'device', 'out', 'way-out/secret', 'nowhere'])
      expect(() => read(path.join(folder, name), folder), name).toThrow(UnsuitableFile);
  });
});

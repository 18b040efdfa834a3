import { mkdirSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { UnsuitableFile } from '../../src/platform/plain-file.ts';
import { openUserFolder, userFolder } from '../../src/platform/user-folder.ts';
import { temporaryProject } from '../support/temporary-project.ts';

describe("the user's folder", () => {
  it('is one of the test run here', () => {
    expect(userFolder()).toContain('worktrail-user-');
  });

  it('is where the environment says, and relative paths say nothing', () => {
    expect(userFolder({ WORKTRAIL_HOME: '/a/b' })).toBe('/a/b');
    expect(userFolder({ XDG_CONFIG_HOME: '/a/b' })).toBe(path.join('/a/b', 'worktrail'));
    expect(userFolder({ WORKTRAIL_HOME: 'a', XDG_CONFIG_HOME: '/c' })).toBe(path.join('/c', 'worktrail'));
    expect(path.isAbsolute(userFolder({}))).toBe(true);
  });

  it('is made for its owner alone, and closed to others when it was open', async () => {
    const home = await temporaryProject();
    const folder = openUserFolder({ XDG_CONFIG_HOME: home });
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    mkdirSync(path.join(home, 'open'), { mode: 0o777 });
    expect(statSync(openUserFolder({ WORKTRAIL_HOME: path.join(home, 'open') })).mode & 0o777).toBe(0o700);
  });

  it('is refused as a link', async () => {
    const home = await temporaryProject();
    symlinkSync(home, path.join(home, 'link'));
    expect(() => openUserFolder({ WORKTRAIL_HOME: path.join(home, 'link') })).toThrow(UnsuitableFile);
  });
});

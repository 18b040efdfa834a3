import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { defaultProgram } from '../support/child-program.ts';
import { cleanEnvironment } from '../support/environment.ts';
import { temporaryProject } from '../support/program.ts';

/** The built program under a umask. */
async function run(umask: string, project: string, args: string[], env: Record<string, string> = {}) {
  const command = [...defaultProgram(), ...args].map((word) => `'${word}'`).join(' ');
  await promisify(execFile)('sh', ['-c', `umask ${umask}; exec '${process.execPath}' ${command}`], {
    cwd: project,
    env: cleanEnvironment({ WORKTRAIL_PROJECT: project, ...env }),
  });
}

const modeOf = (file: string) => (statSync(file).mode & 0o7777).toString(8);

/** Every file and folder below, with its mode. */
function modesBelow(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return Object.fromEntries(names.map((name) => [name, modeOf(path.join(folder, name))]));
}

async function useEverything(umask: string, project: string, env?: Record<string, string>) {
  await run(umask, project, ['create', 'An item'], env);
  await run(umask, project, ['list'], env);
  await run(umask, project, ['status', '--write'], env);
  await run(umask, project, ['backup'], env);
}

describe.each(['000', '022', '077'])('with umask %s', (umask) => {
  it("the tracker's folder and all in it are for its user alone", async () => {
    const project = await temporaryProject({ git: true });
    await useEverything(umask, project);
    const folder = path.join(project, '.worktrail');
    expect(modeOf(folder)).toBe('700');
    const open = Object.entries(modesBelow(folder)).filter(
      ([name, mode]) => name !== 'backups' && !['600', '700'].includes(mode),
    );
    expect(open).toEqual([]);
    // What is for others to read has the mode that its user wants files to have.
    expect(modeOf(path.join(project, '.project_status.md'))).toBe((0o666 & ~parseInt(umask, 8)).toString(8));
  });
});

describe('a folder that others could look into', () => {
  it('is closed to them, with the files in it, and nothing is opened to its own user', async () => {
    const project = await temporaryProject();
    await run('022', project, ['create', 'An item']);
    const folder = path.join(project, '.worktrail');
    chmodSync(folder, 0o777);
    writeFileSync(path.join(folder, 'note'), '', { mode: 0o444 });
    chmodSync(path.join(folder, 'worktrail.db'), 0o666);
    await run('022', project, ['list']);
    expect(modeOf(folder)).toBe('700');
    expect(modesBelow(folder)).toMatchObject({ 'worktrail.db': '600', note: '400' });
  });

  it('stays as it is where the environment says that the group shares it', async () => {
    const project = await temporaryProject();
    const folder = path.join(project, '.worktrail');
    mkdirSync(folder);
    chmodSync(folder, 0o2770);
    await run('022', project, ['create', 'An item'], { WORKTRAIL_SHARED_FOLDER: '1' });
    expect(modeOf(folder)).toBe('2770');
    expect(modesBelow(folder)).toMatchObject({ 'worktrail.db': '660' });
    const other = await temporaryProject();
    await run('022', other, ['create', 'An item'], { WORKTRAIL_SHARED_FOLDER: '1' });
    expect(modeOf(path.join(other, '.worktrail'))).toBe('770');
  });
});

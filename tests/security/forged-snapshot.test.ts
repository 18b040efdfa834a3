// A snapshot that somebody else put into the repository: it neither answers nor keeps ours from its place.
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  SNAPSHOT_REF,
  readSnapshot,
  snapshotDate,
  writeSnapshot,
} from '../../src/storage/replicas/snapshot.ts';
import type { Session } from '../../src/storage/database/connection.ts';
import { git, temporaryProject } from '../support/temporary-project.ts';
import { fillSession, memorySession } from '../storage/tiers/filled-session.ts';

const NOT_OURS = /does not have the seal/;

describe.each([
  ['of a newer format', '{"format_version":99}', 'now'],
  ['of a far future', '{"format_version":1,"seq":999999999}', '4000000000 +0000'],
  ['that is not a snapshot at all', 'nothing', 'now'],
])('a forged one %s', (_name, meta, date) => {
  it('is not shown, and makes way', async () => {
    const { folder, session } = await project();
    const forged = plant(folder, meta, date);
    expect(await readSnapshot(folder)).toEqual({ unavailable: expect.stringMatching(NOT_OURS) as string });
    expect(await snapshotDate(folder)).toEqual({ unavailable: expect.stringMatching(NOT_OURS) as string });
    expect(await take(folder, session)).toMatchObject({ written: true });
    expect(await readSnapshot(folder)).toMatchObject({
      meta: { project_slug: expect.any(String) as string },
    });
    // It is kept, for whoever wants to look into it.
    expect(await git(folder, 'rev-parse', `refs/worktrail/aside/${forged}`)).toBe(`${forged}\n`);
    expect(await git(folder, 'log', '--format=%H', SNAPSHOT_REF)).not.toContain(forged);
  });
});

it('ours stays readable below a forged one, and is built upon', async () => {
  const { folder, session } = await project();
  await take(folder, session);
  const own = (await git(folder, 'rev-parse', SNAPSHOT_REF)).trim();
  plant(folder, '{"format_version":99}', 'now', own);
  expect(await readSnapshot(folder)).toMatchObject({ commit: own, skipped: 0 });
  expect(await take(folder, session)).toMatchObject({ written: false, reason: 'unchanged' });
});

it('is not ours when only its seal is', async () => {
  const { folder, session } = await project();
  await take(folder, session);
  const message = await git(folder, 'log', '-1', '--format=%B', SNAPSHOT_REF);
  await git(folder, 'update-ref', '-d', SNAPSHOT_REF);
  plant(folder, '{"format_version":99}', 'now', undefined, message);
  expect(await readSnapshot(folder)).toEqual({ unavailable: expect.stringMatching(NOT_OURS) as string });
});

async function project(): Promise<{ folder: string; session: Session }> {
  const folder = await temporaryProject({ git: true });
  const session = memorySession();
  await fillSession(session);
  return { folder, session };
}

const take = (folder: string, session: Session) => writeSnapshot(folder, (work) => session.read(work));

/** Points the ref of snapshots at a commit of somebody else; answers its id. */
function plant(folder: string, meta: string, date: string, parent?: string, message = 'Snapshot'): string {
  const when = date === 'now' ? {} : { GIT_COMMITTER_DATE: date, GIT_AUTHOR_DATE: date };
  const run = (input: string, ...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@y', ...args], {
      cwd: folder,
      input,
      env: { ...process.env, ...when },
    })
      .toString()
      .trim();
  const blob = run(meta, 'hash-object', '-w', '--stdin');
  const tree = run(`100644 blob ${blob}\tmeta.json\n`, 'mktree');
  const parents = parent === undefined ? [] : ['-p', parent];
  const commit = run(message, 'commit-tree', tree, ...parents);
  run('', 'update-ref', SNAPSHOT_REF, commit);
  return commit;
}

// Commit hashes of deployments: 40 characters, or fewer that the project's own repository can complete.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { git } from '../support/temporary-project.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import { problemsOf } from './refusal.ts';
import type { Tracker } from './tracker.ts';

describeEachBackend('a short commit hash', (backend) => {
  let tracker: Tracker;
  let head: string;
  beforeAll(async () => {
    tracker = await openTracker(backend, { git: true });
    head = (await git(tracker.context.workspace.projectDir, 'rev-parse', 'HEAD')).trim();
  });

  it.each([7, 12, 39])('of %i characters is completed from the repository', async (length) => {
    const short = head.slice(0, length);
    const deployment = await tracker.deploy({ commit_hash: short, metadata: { commit_hash: short } });
    expect(deployment.commit_hash).toBe(head);
    expect(deployment.metadata).not.toHaveProperty('commit_hash');
  });

  it('is refused with the reason when no commit begins so', async () => {
    const unknown = head.startsWith('0000000') ? '1111111' : '0000000';
    const [problem] = await problemsOf(tracker.deploy({ commit_hash: unknown }));
    expect(problem).toMatchObject({ field: 'commit_hash', value: unknown });
    expect(problem?.constraint).toContain('has no commit');
  });

  it('is refused when it names a file, not a commit', async () => {
    await writeFile(path.join(tracker.context.workspace.projectDir, 'blob.txt'), 'only a blob\n');
    const blob = (await git(tracker.context.workspace.projectDir, 'hash-object', '-w', 'blob.txt')).trim();
    expect((await problemsOf(tracker.deploy({ commit_hash: blob.slice(0, 10) })))[0]?.field).toBe(
      'commit_hash',
    );
  });

  it('is not taken for a branch of that name', async () => {
    const name = head.startsWith('fedcba9') ? 'abcdef1' : 'fedcba9';
    await git(tracker.context.workspace.projectDir, 'branch', name);
    expect((await problemsOf(tracker.deploy({ commit_hash: name })))[0]?.field).toBe('commit_hash');
  });

  it('is refused with the reason outside of a repository', async () => {
    const elsewhere = await openTracker(backend);
    const [problem] = await problemsOf(elsewhere.deploy({ commit_hash: 'abcdef1' }));
    expect(problem).toMatchObject({ field: 'commit_hash', value: 'abcdef1' });
    expect(problem?.constraint).toContain('not in a git repository');
    expect(await elsewhere.deployments()).toMatchObject({ total_count: 0 });
  });

  it('is not needed: 40 characters are taken as they are, repository or not', async () => {
    expect((await tracker.deploy({ commit_hash: '9'.repeat(40) })).commit_hash).toBe('9'.repeat(40));
  });
});

// The project configuration: one record from the first start on.
import { beforeEach, describe, expect, it } from 'vitest';
import { git } from '../support/temporary-project.ts';
import { describeEachBackend, openTracker, openTrackerAt } from './backends.ts';
import { refusalOf, refusedFields } from './refusal.ts';
import type { Tracker } from './tracker.ts';

describeEachBackend('the configuration', (backend) => {
  let tracker: Tracker;
  beforeEach(async () => {
    tracker = await openTracker(backend);
  });

  it('is there at the first start, with the defaults', async () => {
    const { data: project } = await tracker.store.read((reader) => reader.findProject());
    expect(await tracker.configuration()).toEqual({
      id: project?.project_id,
      version: 1,
      active_context_type: 'feature',
      current_session_id: null,
      default_token_budget: 200_000,
      archive_after_days: 365,
      created_at: project?.created_at,
      updated_at: project?.created_at,
      created_by: 'worktrail',
      updated_by: 'worktrail',
      git_branch: null,
      git_head_commit: null,
      database_healthy: true,
      last_health_check_at: tracker.clock.iso,
    });
    expect(await tracker.history()).toMatchObject({ total_count: 0, latest_seq: 0 });
  });

  it('is made once by many first starts at the same time', async () => {
    const place = await backend.place();
    const trackers = await Promise.all(Array.from({ length: 6 }, () => openTrackerAt(place)));
    const ids = await Promise.all(trackers.map(async (one) => (await one.configuration()).id));
    expect(new Set(ids).size).toBe(1);
  });

  it('takes every setting, and keeps it over a restart', async () => {
    const session = await tracker.create({ item_type: 'session' });
    tracker.clock.advance(60);
    const settings = {
      active_context_type: 'research',
      current_session_id: session.id,
      default_token_budget: 1_000,
      archive_after_days: 30,
    };
    const updated = await tracker.configure(1, { ...settings, updated_by: 'bob' });
    expect(updated).toMatchObject({
      ...settings,
      version: 2,
      updated_at: tracker.clock.iso,
      updated_by: 'bob',
    });
    expect(await (await openTrackerAt(tracker.place)).configuration()).toMatchObject({
      ...settings,
      version: 2,
    });
    expect(await tracker.configure(2, { current_session_id: null })).toMatchObject({
      current_session_id: null,
      version: 3,
    });
  });

  it.each([
    ['active_context_type', 'bugfix'],
    ['default_token_budget', 999],
    ['default_token_budget', 1_000_001],
    ['default_token_budget', 5000.5],
    ['archive_after_days', 0],
    ['current_session_id', 'nobody'],
    ['git_branch', 'main'],
  ])('refuses %s %j', async (field, value) => {
    expect(await refusedFields(() => tracker.configure(1, { [field]: value }))).toEqual([field]);
    expect((await tracker.configuration()).version).toBe(1);
  });

  it('takes budgets from 1,000 to 1,000,000', async () => {
    expect(await tracker.configure(1, { default_token_budget: 1_000_000 })).toMatchObject({
      default_token_budget: 1_000_000,
    });
  });

  it('needs at least one setting to update', async () => {
    expect(await refusedFields(tracker.configure(1, {}))).toEqual(['arguments']);
  });

  it('refuses a session that does not exist', async () => {
    const id = '00000000-0000-4000-8000-000000000000';
    expect(await refusalOf(tracker.configure(1, { current_session_id: id }))).toMatchObject({
      error: 'NotFoundError',
      details: { entity: 'work item', id },
    });
  });

  it('lets one of many updates from the same version through', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, (_, index) => tracker.configure(1, { archive_after_days: index + 1 })),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'VersionConflictError' });
    }
    expect((await tracker.configuration()).version).toBe(2);
  });

  describe('tells what git says now', () => {
    it('on a branch, on a detached head, and before the first commit', async () => {
      const place = await openTracker(backend, { git: true });
      const folder = place.context.workspace.projectDir;
      const head = (await git(folder, 'rev-parse', 'HEAD')).trim();
      expect(await place.configuration()).toMatchObject({ git_branch: 'main', git_head_commit: head });
      await git(folder, 'checkout', '--quiet', '-b', 'feature/003-größe');
      expect(await place.configuration()).toMatchObject({ git_branch: 'feature/003-größe' });
      await git(folder, 'checkout', '--quiet', '--detach');
      expect(await place.configuration()).toMatchObject({ git_branch: null, git_head_commit: head });
      await git(folder, 'checkout', '--quiet', '--orphan', 'empty');
      expect(await place.configuration()).toMatchObject({ git_branch: 'empty', git_head_commit: null });
    });
  });
});

// record_deployment and get_project_configuration, on two surfaces.
import { describe, expect, it } from 'vitest';
import { git } from '../support/program.ts';
import { type Row, rows, short, text } from './calls.ts';
import { COMMIT, DEPLOYMENT } from './contract-tools.ts';
import { describeTwoSurfaces } from './surfaces.ts';

describeTwoSurfaces((surface) => {
  describe('record_deployment', () => {
    it('answers the event with its vendors and work items expanded, its time in UTC', async () => {
      const [one, two] = [await surface.vendor(), await surface.vendor({ status: 'operational' })];
      const item = await surface.item({ title: 'Add CSV', status: 'completed' });
      const answer = await surface.call('record_deployment', {
        ...DEPLOYMENT,
        affected_vendor_ids: [text(one['id']).slice(0, 8), two['id']],
        affected_vendors: [text(two['name']).toUpperCase()],
        related_work_item_ids: [item['id'], item['id']],
      });
      const deployment = await surface.call('query_deployment', { id: answer['id'] });
      expect(answer).toEqual({
        ...{ id: deployment['id'], version: 1, deployed_at: '2026-01-31T07:30:00.000Z', commit_hash: COMMIT },
        ...{ pr_number: 7, pr_title: 'Add CSV', vendors: expect.any(Array) as unknown[] },
        related_work_items: [short(item['id'])],
        data_source: surface.database,
        durability: surface.database,
      });
      expect(deployment).toEqual({
        ...{ id: deployment['id'], version: 1, deployed_at: '2026-01-31T07:30:00.000Z', commit_hash: COMMIT },
        metadata: DEPLOYMENT.metadata,
        ...{ created_at: deployment['created_at'], created_by: surface.clientName },
        affected_vendors: deployment['affected_vendors'],
        related_work_items: [{ id: item['id'], title: 'Add CSV', item_type: 'task', status: 'completed' }],
        impact: expect.anything() as unknown,
        data_source: surface.database,
      });
      expect(rows(deployment['affected_vendors'])).toHaveLength(2);
      expect(rows(deployment['affected_vendors'])).toEqual(
        expect.arrayContaining([
          { id: one['id'], name: one['name'], status: 'broken' },
          { id: two['id'], name: two['name'], status: 'operational' },
        ]),
      );
    });

    it('keeps an agreeing commit_hash of the metadata once, and further keys with a warning', async () => {
      const metadata = { ...DEPLOYMENT.metadata, commit_hash: COMMIT.slice(0, 7), rollout: 'blue/green' };
      const deployment = await surface.call('record_deployment', { ...DEPLOYMENT, metadata });
      const recorded = await surface.call('query_deployment', { id: deployment['id'] });
      expect(recorded['metadata']).toEqual({ ...DEPLOYMENT.metadata, rollout: 'blue/green' });
      expect(deployment['warnings']).toMatchObject([{ code: 'unknown_metadata_key' }]);
      const other = { ...metadata, commit_hash: 'f'.repeat(40) };
      expect(
        await surface.refuseField('metadata.commit_hash', 'record_deployment', {
          ...DEPLOYMENT,
          metadata: other,
        }),
      ).toBe(`must agree with commit_hash, which is ${COMMIT}`);
    });

    it("completes a short commit hash from the project's repository, or says why not", async () => {
      const head = (await git(surface.project(), 'rev-parse', 'HEAD')).trim();
      const abbreviated = { ...DEPLOYMENT, commit_hash: head.slice(0, 10) };
      expect(await surface.call('record_deployment', abbreviated)).toMatchObject({ commit_hash: head });
      const unknown = { ...DEPLOYMENT, commit_hash: head.startsWith('0000000') ? '1111111' : '0000000' };
      expect(await surface.refuseField('commit_hash', 'record_deployment', unknown)).toContain(
        'could not be completed',
      );
    });

    it('refuses vendors and items that do not exist, and changes nothing', async () => {
      const name = text((await surface.vendor())['name']);
      const before = await surface.feedPosition();
      const missing = '00000000-0000-4000-8000-000000000000';
      const cases: [Row, Row][] = [
        [
          { affected_vendors: [name, `${name}x`] },
          { entity: 'vendor', name: `${name}x`, did_you_mean: [name] },
        ],
        [{ affected_vendor_ids: [missing] }, { entity: 'vendor', id: missing }],
        [{ related_work_item_ids: [missing] }, { entity: 'work item', id: missing }],
        [{ related_work_item_ids: ['00000000'] }, { entity: 'work item', id: '00000000' }],
      ];
      for (const [links, details] of cases) {
        const refusal = await surface.refuse('NotFoundError', 'record_deployment', {
          ...DEPLOYMENT,
          ...links,
        });
        expect(refusal.details).toMatchObject(details);
      }
      expect(await surface.feedPosition()).toBe(before);
    });

    it('refuses what cannot be, and changes nothing', async () => {
      const before = await surface.feedPosition();
      const { metadata } = DEPLOYMENT;
      const wrong: [fields: Row, field: string][] = [
        [{ deployed_at: '2026-01-31T09:30:00' }, 'deployed_at'],
        [{ deployed_at: '2026-02-30T09:30:00Z' }, 'deployed_at'],
        [{ deployed_at: 1_769_852_000 }, 'deployed_at'],
        [{ commit_hash: '012345' }, 'commit_hash'],
        [{ commit_hash: COMMIT.toUpperCase().replaceAll('0', 'A') }, 'commit_hash'],
        [{ commit_hash: `${COMMIT}0` }, 'commit_hash'],
        [{ commit_hash: '--upload-pack=x' }, 'commit_hash'],
        [{ metadata: { ...metadata, pr_number: 0 } }, 'metadata.pr_number'],
        [{ metadata: { ...metadata, pr_title: '' } }, 'metadata.pr_title'],
        [{ metadata: { ...metadata, test_summary: { unit: -1 } } }, 'metadata.test_summary.unit'],
        [
          { metadata: { ...metadata, constitutional_compliance: 'yes' } },
          'metadata.constitutional_compliance',
        ],
        [{ metadata: {} }, 'metadata.pr_number'],
        [{ affected_vendors: 'vendor_abc' }, 'affected_vendors'],
        [{ affected_vendors: [''] }, 'affected_vendors[0]'],
        [{ affected_vendor_ids: ['%'] }, 'affected_vendor_ids[0]'],
        [{ related_work_item_ids: [1] }, 'related_work_item_ids[0]'],
      ];
      for (const [fields, field] of wrong) {
        await surface.refuseField(field, 'record_deployment', { ...DEPLOYMENT, ...fields });
      }
      expect(await surface.feedPosition()).toBe(before);
    });
  });

  describe('get_project_configuration', () => {
    it('answers the settings with what git and the store say now', async () => {
      const configuration = await surface.call('get_project_configuration');
      const checked = text(configuration['last_health_check_at']);
      expect(configuration).toEqual({
        ...{ id: configuration['id'], version: 1, active_context_type: 'feature' },
        ...{ default_token_budget: 200_000, archive_after_days: 365 },
        ...{ created_at: configuration['created_at'], updated_at: configuration['created_at'] },
        ...{ created_by: 'worktrail', updated_by: 'worktrail' },
        git_branch: 'main',
        git_head_commit: (await git(surface.project(), 'rev-parse', 'HEAD')).trim(),
        ...{ database_healthy: true, last_health_check_at: checked, data_source: surface.database },
      });
      expect(checked >= text(configuration['created_at'])).toBe(true);
    });
  });
});

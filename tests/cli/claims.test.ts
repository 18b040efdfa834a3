// Ready work and claims at the command line.
import { describe, expect, it } from 'vitest';
import type { WorkItem } from '../../src/domain/work-item.ts';
import type { ReadyWork } from '../../src/use-cases/records/ready.ts';
import { commandLine } from './command-line.ts';

type Claimed = WorkItem & { claim_token: number };

describe('ready', () => {
  it('lists what could be started, and why the rest cannot', async () => {
    const worktrail = await commandLine();
    const create = (...args: string[]) => worktrail.json<WorkItem>('create', ...args);
    expect(await worktrail.text('ready')).toBe('Nothing is ready.\n');
    const paused = await create('Paused', '--status', 'blocked');
    const parent = await create('Parent', '--priority', '5');
    await create('Urgent', '--priority', '1', '--label', 'ui', '--parent', parent.id);
    await create('Later', '--priority', '4');
    const held = await create('Held', '--priority', '2');
    const { claim_expires_at } = await worktrail.json<Claimed>('claim', held.id);
    const text = await worktrail.text('ready');
    expect(text).toMatch(/^ID .*TITLE.*\n[0-9a-f]{8} .*Urgent.*\n[0-9a-f]{8} .*Later/);
    expect(text).toContain('2 of 2 ready');
    expect(text).toMatch(
      new RegExp(`Not ready\nID .*\n${held.id.slice(0, 8)}.*claimed by .* until ${claim_expires_at}`),
    );
    expect(text).toMatch(new RegExp(`${paused.id.slice(0, 8)}.*is blocked`));
    expect(text).toMatch(new RegExp(`${parent.id.slice(0, 8)}.*has open children: "Urgent"`));

    const titles = async (...args: string[]) =>
      (await worktrail.json<ReadyWork>('ready', ...args)).items.map(({ title }) => title);
    expect(await titles('--label', 'ui')).toEqual(['Urgent']);
    expect(await titles('--parent', parent.id.slice(0, 8))).toEqual(['Urgent']);
    expect(await titles('--type', 'project')).toEqual([]);
    const page = await worktrail.json<ReadyWork>('ready', '--limit', '1');
    expect(page).toMatchObject({ total_count: 2, waiting_count: 3 });
    expect(await titles('--limit', '1', '--cursor', page.next_cursor ?? '')).toEqual(['Later']);
    expect(await worktrail.failure(2, 'ready', '--limit', '0')).toMatchObject({
      details: { field: 'limit' },
    });
  });
});

describe('claim', () => {
  it('takes the next item, keeps it, hands it over and gives it back', async () => {
    const worktrail = await commandLine();
    const { id } = await worktrail.json<WorkItem>('create', 'Wanted', '--label', 'ui');
    const said = await worktrail.text('claim', '--label', 'ui', '--as', 'ada');
    const token = /token (\d+)\n$/.exec(said)?.[1] ?? '';
    expect(said).toMatch(
      new RegExp(`^Claimed task ${id.slice(0, 8)}: Wanted\nHeld by ada until .* UTC, token \\d+\n$`),
    );
    expect(await worktrail.failure(1, 'claim', id)).toMatchObject({
      error: 'ClaimError',
      details: { claimed_by: 'ada' },
    });
    expect(await worktrail.text('claim', id, '--renew', '--token', token, '--minutes', '90')).toContain(
      'Renewed the claim on task',
    );
    expect(await worktrail.text('claim', id, '--to', 'grace', '--token', token)).toMatch(
      /^Handed over task .*\nHeld by grace until .* UTC\n$/,
    );
    expect(await worktrail.failure(1, 'update', id, '--title', 'X', '--token', token)).toMatchObject({
      error: 'ClaimError',
    });
    const { claim_token } = await worktrail.json<Claimed>('claim', id, '--as', 'grace');
    await worktrail.text('update', id, '--title', 'Done', '--token', String(claim_token));
    expect(await worktrail.text('show', id)).toMatch(/Claimed: +grace until /);
    expect(await worktrail.text('claim', id, '--release', '--token', String(claim_token))).toBe(
      `Released task ${id.slice(0, 8)}: Done\n`,
    );
    expect(await worktrail.text('history', id, '--limit', '1')).toContain('claimed_by: grace → (empty)');
  });

  it('ends with 1 when nothing is ready, and says why', async () => {
    const worktrail = await commandLine();
    expect(await worktrail.run(['claim'])).toMatchObject({
      code: 1,
      stdout: 'Nothing is ready: no open work item matches.\n',
    });
    await worktrail.json('create', 'Paused', '--status', 'blocked');
    const { code, stdout } = await worktrail.run(['claim']);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^Nothing is ready\. 1 open work item not ready:\n\nID .*WHY NOT\n.*Paused +is blocked\n$/,
    );
  });

  it.each([
    [['--renew'], 'id'],
    [['abcdef12', '--renew', '--release', '--token', '1'], 'action'],
    [['abcdef12', '--label', 'x'], 'label'],
    [['--minutes', '0'], 'lease_minutes'],
    [['--minutes', 'many'], 'lease_minutes'],
    [['--token', '1'], 'id'],
  ])('refuses %j and names the field', async (args, field) => {
    const worktrail = await commandLine();
    expect(await worktrail.failure(2, 'claim', ...args)).toMatchObject({ details: { field } });
  });
});

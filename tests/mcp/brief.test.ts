// The brief over stdio on both databases: what it tells, that it keeps its budget, and that it is the same twice.
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { expect, it } from 'vitest';
import { type Row, rows, short, text } from './calls.ts';
import { DEPLOYMENT } from './contract-tools.ts';
import { describeBothDatabases } from './surfaces.ts';

describeBothDatabases((surface) => {
  const brief = async (input: Row = {}): Promise<Row> => surface.call('get_brief', input);
  const briefText = async (input: Row = {}): Promise<string> =>
    (await surface.client().callTool('get_brief', input)).text;

  it('tells an empty project that it is empty', async () => {
    const told = await brief();
    expect(told).toMatchObject({ seq: 0, counts: {}, changed: { total: 0, items: [] } });
    for (const section of ['current_session', 'ready', 'blocked', 'open_conflicts', 'pending'])
      expect(told).not.toHaveProperty(section);
    expect(await briefText()).toContain('No work items yet.');
  });

  it('names ready work, blocked work with its reasons, the session, broken vendors and deployments', async () => {
    const session = await surface.item({ item_type: 'session', title: 'Today' });
    const configuration = await surface.call('get_project_configuration');
    await surface.call('update_project_configuration', {
      version: configuration['version'],
      current_session_id: session['id'],
    });
    const first = await surface.item({ title: 'Read the format', priority: 1 });
    const second = await surface.item({ title: 'Write the report' });
    await surface.call('link_work_items', {
      ...{ source_id: second['id'], target_id: first['id'], dependency_type: 'depends_on' },
    });
    await surface.item({
      ...{ title: 'Wait for the key', status: 'blocked', metadata: { blocked_reason: 'no access yet' } },
    });
    const vendor = await surface.vendor();
    await surface.call('record_deployment', { ...DEPLOYMENT, affected_vendors: [vendor['name']] });

    const told = await brief();
    expect(told['current_session']).toMatchObject({ id: short(session['id']), title: 'Today' });
    const titles = (section: string) => rows((told[section] as Row)['items']).map(({ title }) => text(title));
    expect(titles('ready')).toEqual(['Read the format', 'Today']);
    const blocked = rows((told['blocked'] as Row)['items']);
    expect(blocked).toMatchObject([
      { title: 'Write the report', waits_for: [`${short(first['id'])} Read the format`] },
      { title: 'Wait for the key', reason: 'no access yet' },
    ]);
    expect(told['counts']).toEqual({ active: 3, blocked: 1 });
    expect((told['broken_vendors'] as Row)['items']).toEqual([
      { name: vendor['name'], passing: 0, total: 0 },
    ]);
    expect((told['deployments'] as Row)['total']).toBe(1);
    const said = await briefText();
    expect(said).toContain('Current session: ');
    expect(said).toMatch(/Write the report ← waits for [0-9a-f]{8} Read the format/);
    expect(said).toContain('(no access yet)');
  });

  it('tells what changed since a position, a record once, newest first', async () => {
    const item = await surface.item({ title: 'Before' });
    const since = await surface.feedPosition();
    expect((await brief({ since }))['changed']).toEqual({ since, total: 0, items: [] });
    const other = await surface.item({ title: 'Another' });
    await surface.call('update_work_item', { id: item['id'], version: 1, title: 'After' });
    await surface.call('update_work_item', { id: item['id'], version: 2, status: 'blocked' });
    expect((await brief({ since }))['changed']).toMatchObject({
      since,
      total: 2,
      items: [
        {
          ...{ id: short(item['id']), title: 'After', changes: 2, kind: 'update', seq: since + 3 },
          fields: ['status'],
        },
        { id: short(other['id']), title: 'Another', kind: 'create' },
      ],
    });
    // Its own last change is where a client was last: nothing came after it.
    expect((await brief())['changed']).toMatchObject({ since: since + 3, total: 0 });
  });

  it('keeps any budget, tells what it left out, and says the same twice', async () => {
    const blocker = await surface.item({ title: 'Everything waits for this' });
    for (let n = 0; n < 60; n += 1) {
      const title =
        `${n} ${['業者抽出処理を作り直す', '🚀🧪 rocket', 'Größenänderung im Bestellprozess'][n % 3]}`.repeat(
          3,
        );
      const item = await surface.item({ title, priority: 1 + (n % 5) });
      if (n % 3 === 0) {
        await surface.call('link_work_items', {
          ...{ source_id: blocker['id'], target_id: item['id'], dependency_type: 'blocks' },
        });
      }
    }
    let before = 0;
    for (const max_tokens of [300, 500, 1_000, 2_000, 8_000]) {
      const said = await briefText({ max_tokens, since: 0 });
      expect(encode(said).length).toBeLessThanOrEqual(max_tokens);
      expect(await briefText({ max_tokens, since: 0 })).toBe(said);
      const told = await brief({ max_tokens, since: 0 });
      const shown = rows((told['ready'] as Row)['items']).length;
      expect(shown).toBeGreaterThanOrEqual(before);
      before = shown;
      expect(encode(JSON.stringify(told)).length).toBeLessThanOrEqual(max_tokens);
      if (max_tokens <= 1_000) {
        const next = 'list_work_items {"ready":true}';
        expect(told['cut']).toContainEqual({
          field: 'ready.items',
          left: expect.any(Number) as number,
          next,
        });
        expect(said).toContain(`more: ${next}`);
      }
    }
    expect(before).toBeGreaterThan(30);
  });

  it('refuses a budget that is too small or no number', async () => {
    expect(await surface.refuseField('max_tokens', 'get_brief', { max_tokens: 10 })).toContain(
      'at least 300',
    );
    expect(await surface.refuseField('since', 'get_brief', { since: -1 })).toContain('at least 0');
  });
});

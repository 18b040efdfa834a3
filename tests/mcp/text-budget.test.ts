// What every tool that reads costs a model, in text and in structured content: neither form is over its budget, each says
// what was cut and how to get it, and both are the same twice. Prints the table.
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { beforeAll, expect, it } from 'vitest';
import { LIST_TOKENS_DEFAULT, READ_TOKENS_DEFAULT } from '../../src/domain/limits.ts';
import { BRIEF_TOKENS_DEFAULT } from '../../src/domain/brief.ts';
import { TOOLS } from '../../src/mcp/registry.ts';
import { rows, short, text, type Row } from './calls.ts';
import { DEPLOYMENT } from './contract-tools.ts';
import { describeBothDatabases } from './surfaces.ts';

const READING = TOOLS.filter(({ annotations }) => annotations.readOnlyHint).map(({ name }) => name);
const ITEMS = 1_000;
/** Few enough for a busy PostgreSQL to take them within the time of an everyday call. */
const CALL_ITEMS = 50;
const DESCRIPTION = 'Was hier steht, 部品, ist lang: a sentence of some words.\n'.repeat(35);

/** Where the answer is one list, the cursor says how to go on; else a call is named. */
const GOES_ON = /next_cursor \S+|: \d+ more: \S+/;

describeBothDatabases((surface) => {
  let root: Row;
  let inputs: Record<string, Row>;
  beforeAll(async () => {
    root = await surface.item({ title: 'The root of all', description: DESCRIPTION.repeat(3) });
    const ids: unknown[] = [];
    for (let made = 0; made < ITEMS; made += CALL_ITEMS) {
      const items = Array.from({ length: CALL_ITEMS }, (_, n) => ({
        ...{ key: `k${made + n}`, item_type: 'task', parent: root['id'], description: DESCRIPTION },
        ...{ title: `Nummer ${made + n} für die Größenänderung`, labels: ['ui', 'größe'], assignee: 'ada' },
      }));
      ids.push(...Object.values((await surface.call('apply_plan', { items }))['ids'] as Row));
    }
    for (let n = 0; n < 60; n += 1) {
      const target_id = ids[n];
      const link = { source_id: root['id'], target_id, dependency_type: 'relates_to' };
      await surface.call('link_work_items', link);
      await surface.call('add_note', { id: root['id'], text: `${n}. ${DESCRIPTION}` });
      await surface.vendor({ metadata: { notes: DESCRIPTION.slice(0, 500) } });
      await surface.call('create_enhancement', { title: `Later ${n}`, description: DESCRIPTION });
    }
    for (let n = 0; n < 20; n += 1) await surface.contested();
    const deployment = await surface.call('record_deployment', {
      ...DEPLOYMENT,
      related_work_item_ids: ids.slice(0, 60),
    });
    const vendor = rows((await surface.call('list_vendors', { limit: 1 }))['items'])[0];
    const [enhancement] = rows((await surface.call('list_enhancements', { limit: 1 }))['items']);
    const [job] = rows((await surface.call('list_jobs', { limit: 1 }))['items']);
    inputs = {
      query_work_item: { id: root['id'] },
      list_notes: { id: root['id'], limit: 100 },
      list_work_items: { limit: 100 },
      query_history: { limit: 100 },
      list_vendors: { limit: 100 },
      query_vendor_status: { name: vendor?.['name'] },
      query_deployment: { id: deployment['id'] },
      list_enhancements: { id: enhancement?.['id'] },
      search: { query: 'sentence', limit: 50 },
      get_brief: { since: 0 },
      get_job: { id: job?.['id'] },
      list_conflicts: { limit: 100 },
      list_deployments: {},
    };
    if (job === undefined) delete inputs['get_job'];
  });

  it('is an argument of every tool that reads, and of no other', async () => {
    const tools = await surface.client().listTools();
    const taking = tools.filter(({ inputSchema }) => 'max_tokens' in (inputSchema.properties ?? {}));
    expect(taking.map(({ name }) => name).sort()).toEqual([...READING].sort());
  });

  it.each(READING)('holds both forms of %s', async (name) => {
    const input = inputs[name] ?? {};
    if (name === 'get_job' && inputs[name] === undefined) return;
    const told: string[] = [];
    for (const asked of [undefined, 500, 1_000]) {
      const call = { ...input, ...(asked !== undefined && { max_tokens: asked }) };
      const { text: said, structured = {}, isError } = await surface.client().callTool(name, call);
      expect(isError, said).toBe(false);
      const budget = asked ?? budgetOf(name);
      const costs = [encode(said).length, encode(JSON.stringify(structured)).length];
      for (const cost of costs) expect(cost, `${name} of ${budget}`).toBeLessThanOrEqual(budget);
      told.push(`${budget}: ${costs.join(' ')}`);
      const again = await surface.client().callTool(name, call);
      expect(steady(again.text)).toBe(steady(said));
      expect(steady(JSON.stringify(again.structured))).toBe(steady(JSON.stringify(structured)));
      const isCut = structured['cut'] !== undefined;
      const isMore = typeof structured['next_cursor'] === 'string';
      if (isCut || isMore) expect(said).toMatch(GOES_ON);
    }
    console.info(`${surface.database} ${name} (tokens of text, of JSON) ${told.join(', ')}`);
  });

  it('loses nothing of a long text: what is left is read on, and what is added is not sent again', async () => {
    const { id } = root;
    const first = await surface.call('query_work_item', { id });
    expect(first['cut']).toContainEqual({
      field: 'description',
      left: expect.any(Number) as number,
      next: expect.stringMatching(
        /^query_work_item \{"id":"[0-9a-f]{8}","field":"description","offset":\d+\}$/,
      ) as string,
    });
    const whole = await surface.whole(id, { include_children: false, include_dependencies: false });
    expect(whole['description']).toBe(DESCRIPTION.repeat(3));
    const shown = text(first['description']);
    const save = { id, version: whole['version'] };
    const constraint = await surface.refuseField('description', 'update_work_item', {
      ...save,
      description: `${shown}\n\nAnd more.`,
    });
    expect(constraint).toContain('an answer showed you a part of it');
    const answer = await surface.call('update_work_item', { ...save, append_description: 'And more.' });
    expect(answer).toMatchObject({ version: 2, saved: { description: expect.any(Number) as number } });
    const added = await surface.whole(id, { include_children: false, include_dependencies: false });
    expect(added['description']).toBe(`${DESCRIPTION.repeat(3).trimEnd()}\n\nAnd more.`);
  });

  it('answers a write of 30 KB with what it changed', async () => {
    const { id, version } = await surface.item({ description: 'x'.repeat(30_000) });
    const { text: said, structured } = await surface.client().callTool('update_work_item', {
      ...{ id, version, status: 'blocked', labels: ['waits'] },
    });
    expect(structured).toMatchObject({ id, version: 2, status: 'blocked', labels: ['waits'] });
    expect(said).toContain(`${short(id)} v2`);
    for (const form of [said, JSON.stringify(structured)]) expect(encode(form).length).toBeLessThan(300);
  });

  it('refuses a budget that no answer fits into', async () => {
    expect(await surface.refuseField('max_tokens', 'list_work_items', { max_tokens: 5 })).toContain(
      'at least 300',
    );
  });
});

/** Without the moment at which the database was asked whether it is well. */
const steady = (form: string): string => form.replace(/last_health_check_at\W+\S+?Z/, '');

function budgetOf(name: string): number {
  if (name === 'get_brief') return BRIEF_TOKENS_DEFAULT;
  return name.startsWith('list_') || name === 'search' || name === 'query_history'
    ? LIST_TOKENS_DEFAULT
    : READ_TOKENS_DEFAULT;
}

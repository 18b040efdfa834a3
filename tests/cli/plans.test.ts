// Plans from a file, taking changes back, and past states, from the command line.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { runInProcess } from '../support/in-process.ts';
import { temporaryProject } from '../support/program.ts';

const PLAN = `
- { key: shop, item_type: project, title: Shop }
- { key: api, item_type: task, title: API, parent: shop }
- { key: ui, item_type: task, title: UI, parent: shop, depends_on: [api] }
`;

it('makes a plan from YAML or JSON, takes it back, and shows what was', async () => {
  const project = await temporaryProject();
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await runInProcess([...args, '--json'], { project });
    return { code, stderr, data: JSON.parse(stdout) as Record<string, unknown> };
  };
  const file = path.join(project, 'plan.yaml');
  writeFileSync(file, PLAN);
  expect(await run('plan', file, '--dry-run')).toMatchObject({
    code: 0,
    data: { items_created: 3, dry_run: true },
  });
  const { data } = await run('plan', file, '--key', 'once');
  expect(data).toMatchObject({ items_created: 3, links_created: 1, version: 1 });
  expect((await run('plan', file, '--key', 'once')).data).toEqual({ ...data, repeated: true });
  const { ui = '' } = data['ids'] as Record<string, string>;

  const made = (await run('show', ui)).data;
  expect((await run('undo', '1', '--dry-run')).data).toMatchObject({
    applied: false,
    undone: [{ seq: 1, records: 4 }],
  });
  expect((await run('undo', '1')).data).toMatchObject({ applied: true });
  expect((await run('list')).data).toMatchObject({ total_count: 0 });
  expect((await run('undo', '1')).data).toMatchObject({ error: 'ValidationError' });
  const past = await run('history', ui, '--at', made['updated_at'] as string);
  expect(past.data).toMatchObject({
    state: { title: 'UI', deleted_at: null, version: 1 },
    items: [{ kind: 'create' }],
  });
  expect((await run('history', ui, '--at', '2020-01-01T00:00:00Z')).data).toMatchObject({
    error: 'NotFoundError',
  });
}, 60_000);

it('refuses files that hold no plan, and says what is wrong with them', async () => {
  const project = await temporaryProject();
  const file = path.join(project, 'plan.yaml');
  for (const [text, said] of [
    ['a: [', 'not usable as JSON or YAML: line 1'],
    ['3', 'must hold a list of items'],
    ['items: []\nother: 1', '"other"'],
    ['- { key: a, item_type: task, title: A, depends_on: [a] }', 'names the item itself'],
    [
      '- {key: a, item_type: task, title: A}\n- {key: a, item_type: task, title: B}',
      'is the key of items[0] already',
    ],
  ] as const) {
    writeFileSync(file, text);
    const { code, stderr, stdout } = await runInProcess(['plan', file], { project });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(said);
  }
  expect((await runInProcess(['plan', path.join(project, 'nothing')], { project })).stderr).toContain(
    'is not there',
  );
  expect((await runInProcess(['plan', '/dev/zero'], { project })).stderr).toContain('is not a plain file');
}, 60_000);

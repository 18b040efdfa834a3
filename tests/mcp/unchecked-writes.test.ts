// PostgreSQL takes no writes and there is no copy of any kind: each tool that writes keeps what it is asked and says so, or,
// where it would have to look something up, answers with the whole operation. What was kept is applied once, as it was told.
import { setTimeout as sleep } from 'node:timers/promises';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import postgres, { type Sql } from 'postgres';
import { expect, it } from 'vitest';
import { isProvisional } from '../../src/domain/provisional-version.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { connect, type TestClient } from '../support/mcp-clients.ts';
import { postgresSkipReason, startPostgres, type PostgresServer } from '../support/postgres.ts';
import { runInProcess } from '../support/in-process.ts';
import { temporaryProject } from '../support/program.ts';
import { callerFor, refusalOf, rows, text, type Row } from './calls.ts';
import { DEPLOYMENT } from './contract-tools.ts';
import { serveArguments } from './surfaces.ts';

const NEVER = '00000000-0000-4000-8000-000000000000';

interface Fault {
  make: (server: PostgresServer, admin: Sql) => Promise<unknown>;
  mend: (server: PostgresServer, admin: Sql) => Promise<unknown>;
  /** Whether nothing can be read either. */
  isWhole: boolean;
}

/** How long a session may take to hear of a new setting. */
const SIGNAL_MS = 200;

const FAULTS: Readonly<Record<string, Fault>> = {
  away: { make: (server) => server.halt('immediate'), mend: (server) => server.resume(), isWhole: true },
  'read-only': {
    make: async (_server, admin) => {
      await admin.unsafe('alter system set default_transaction_read_only = on');
      await admin.unsafe('select pg_reload_conf()');
      // It reaches each session by a signal.
      await expect
        .poll(async () => await admin.unsafe('show default_transaction_read_only'))
        .toEqual([{ default_transaction_read_only: 'on' }]);
      await sleep(SIGNAL_MS);
    },
    mend: async (_server, admin) => {
      await admin.unsafe('set default_transaction_read_only = off');
      await admin.unsafe('alter system reset default_transaction_read_only');
      await admin.unsafe('select pg_reload_conf()');
    },
    isWhole: true,
  },
  full: {
    make: (_server, admin) =>
      admin.unsafe(`create function no_room() returns trigger language plpgsql as
        $$ begin raise exception 'no room' using errcode = '53100'; end $$;
        create trigger no_room before insert on worktrail_test.changes execute function no_room()`),
    mend: (_server, admin) => admin.unsafe('drop trigger no_room on worktrail_test.changes'),
    isWhole: false,
  },
  'without a table': {
    make: (_server, admin) => admin.unsafe('alter table worktrail_test.work_item_counts rename to elsewhere'),
    mend: (_server, admin) => admin.unsafe('alter table worktrail_test.elsewhere rename to work_item_counts'),
    isWhole: false,
  },
};

/** A project whose tracker is in PostgreSQL, and nothing of it anywhere else. */
async function scene() {
  const server = await startPostgres({ own: true });
  cleanUpLater(() => server.stop());
  const url = await server.createDatabase('tracker');
  const admin = postgres(url, { max: 1, onnotice: () => undefined });
  cleanUpLater(() => admin.end({ timeout: 1 }));
  const project = await temporaryProject();
  const settings = { project: { slug: 'test' }, status_file: { enabled: false } };
  await writeFile(path.join(project, 'worktrail.config.json'), JSON.stringify(settings));
  const run = (...args: string[]) => runInProcess([...args, '--database', url], { project });
  expect((await run('create', 'First')).code).toBe(0);
  // What stands where the cache would be cannot be opened.
  for (const end of ['', '-wal', '-shm'])
    await rm(path.join(project, '.worktrail', `cache.db${end}`), { force: true });
  await mkdir(path.join(project, '.worktrail', 'cache.db'));
  const client = await connect({
    ...{ generation: 'current', transport: 'stdio', cwd: project },
    args: serveArguments(project, url),
  });
  return { server, admin, project, client, run };
}

interface Records {
  items: string[];
  closed: string;
  archived: string;
  vendor: string;
  enhancement: string;
  token: number;
}

async function makeRecords(client: TestClient): Promise<Records> {
  const { call } = callerFor(() => client);
  const items: string[] = [];
  for (let made = 0; made < 9; made += 1) {
    items.push(text((await call('create_work_item', { item_type: 'task', title: `Item ${made}` }))['id']));
  }
  const closed: string[] = [];
  for (let made = 0; made < 2; made += 1) {
    const fields = { item_type: 'task', title: 'Closed', status: 'completed' };
    closed.push(text((await call('create_work_item', fields))['id']));
  }
  await call('archive_work_items', { ids: [closed[1]] });
  await call('link_work_items', { source_id: items[4], target_id: items[5], dependency_type: 'blocks' });
  const claim = await call('claim_work_item', { id: items[6] });
  return {
    items,
    closed: String(closed[0]),
    archived: String(closed[1]),
    vendor: text((await call('register_vendor', { name: 'Known' }))['id']),
    enhancement: text((await call('create_enhancement', { title: 'Known' }))['id']),
    token: Number(claim['claim_token']),
  };
}

/** One call of each tool that needs nothing but what it is given. */
function keptCalls({
  items,
  closed,
  archived,
  vendor,
  enhancement,
  token,
}: Records): [string, Row, RegExp][] {
  const [a, b, c, d, e, f, g, h, i] = items;
  const link = { source_id: c, target_id: d, dependency_type: 'blocks' };
  return [
    ['create_work_item', { item_type: 'task', title: 'Made' }, /work item \S{36} v\d+ Made/],
    ['update_work_item', { id: a, version: 1, title: 'Changed' }, /work item \S{36} v\d+ Changed/],
    ['add_note', { id: b, text: 'Noted' }, /note \S{36} on \S{36}/],
    ['link_work_items', link, /link \S{36} blocks \S{36}/],
    [
      'link_work_items',
      { source_id: e, target_id: f, dependency_type: 'blocks', remove: true },
      /link \S{36} blocks \S{36} removed/,
    ],
    ['claim_work_item', { id: h }, /claim on \S{36} by .+ until \S+, claim_token \d+/],
    ['claim_work_item', { id: g, action: 'release', claim_token: token }, /claim on \S{36} released/],
    [
      'apply_plan',
      {
        items: [
          { key: 'a', item_type: 'task', title: 'Planned' },
          { key: 'b', item_type: 'task', title: 'Next', depends_on: ['a'] },
        ],
      },
      /work item \S{36} v\d+ Planned; .*link \S{36} depends_on \S{36}/,
    ],
    ['update_work_items', { updates: [{ id: i, version: 1, title: 'Many' }] }, /work item \S{36} v\d+ Many/],
    ['archive_work_items', { ids: [closed] }, /archive \S{36}/],
    ['archive_work_items', { ids: [archived], restore: true }, /restore \S{36}/],
    ['create_enhancement', { title: 'Idea' }, /enhancement \S{36} v\d+ Idea/],
    [
      'update_enhancement',
      { id: enhancement, version: 1, title: 'Better' },
      /enhancement \S{36} v\d+ Better/,
    ],
    ['register_vendor', { name: 'New' }, /vendor \S{36} v\d+ New/],
    [
      'record_deployment',
      { ...DEPLOYMENT, affected_vendor_ids: [vendor], related_work_item_ids: [a] },
      /deployment \S{36} v\d+/,
    ],
    [
      'resolve_conflict',
      { id: NEVER, resolution: 'keep_theirs' },
      /conflict \S{36} settled with keep_theirs/,
    ],
  ];
}

/** Calls that name something which only the database knows. */
function unresolvedCalls({ items, enhancement }: Records): [string, Row][] {
  const short = items[8]?.slice(0, 8);
  return [
    ['create_work_item', { item_type: 'task', title: 'Below', parent_id: short }],
    ['update_work_item', { id: short, version: 1, title: 'Never' }],
    ['add_note', { id: short, text: 'Never' }],
    ['link_work_items', { source_id: short, target_id: items[0], dependency_type: 'blocks' }],
    ['claim_work_item', {}],
    ['claim_work_item', { id: short }],
    ['apply_plan', { items: [{ key: 'a', item_type: 'task', title: 'Never', parent: short }] }],
    ['update_work_items', { updates: [{ id: short, version: 1, title: 'Never' }] }],
    ['archive_work_items', { ids: [short] }],
    ['archive_work_items', {}],
    ['update_enhancement', { id: enhancement.slice(0, 8), version: 1, title: 'Never' }],
    ['promote_enhancement', { id: enhancement, version: 1 }],
    ['update_vendor_status', { name: 'Known', version: 1, status: 'operational' }],
    ['update_project_configuration', { version: 1, default_token_budget: 5_000 }],
    ['undo', { change_id: '#2' }],
    ['resolve_conflict', { id: '000000', resolution: 'keep_theirs' }],
  ];
}

/** Ids are taken without their hyphens. */
const asTaken = (arguments_: Row) => JSON.parse(JSON.stringify(arguments_).replaceAll('-', '')) as Row;

const VERSIONED =
  /^(create|update)_(work_item|enhancement)$|^(register_vendor|record_deployment|apply_plan)$/;

describeUnless(postgresSkipReason(), 'writes that nothing can check', () => {
  it.each(Object.entries(FAULTS))(
    'are kept and told in full while PostgreSQL is %s, and applied once after it',
    { timeout: 180_000 },
    async (_name, fault) => {
      const { server, admin, client } = await scene();
      const records = await makeRecords(client);
      await fault.make(server, admin);
      // Whether there is such a conflict, a PostgreSQL that can be read knows.
      const calls = keptCalls(records).filter(([tool]) => fault.isWhole || tool !== 'resolve_conflict');
      let kept = 0;
      for (const [tool, arguments_, line] of calls) {
        const { isError, structured = {}, text: said } = await client.callTool(tool, arguments_);
        expect(isError, `${tool}: ${said}`).toBe(false);
        // Where only a part of PostgreSQL fails, some writes do not need it.
        if (!fault.isWhole && structured['durability'] === 'postgres') continue;
        kept += 1;
        expect(structured, tool).toMatchObject({ durability: 'outbox', data_source: 'sqlite_cache' });
        expect(structured, tool).not.toHaveProperty('as_of');
        const codes = rows(structured['warnings']).map(({ code }) => code);
        expect(codes, tool).toEqual(expect.arrayContaining(['saved_locally', 'unchecked']));
        expect(said).toMatch(/^Saved, not checked yet: /);
        expect(said, tool).toMatch(line);
        expect(said, tool).not.toMatch(/undefined|null|\[object|unexpected/);
        if (VERSIONED.test(tool)) expect(isProvisional(Number(structured['version'])), tool).toBe(true);
      }
      expect(kept).toBeGreaterThan(fault.isWhole ? calls.length - 1 : 0);

      if (fault.isWhole) {
        for (const [tool, arguments_] of unresolvedCalls(records)) {
          const { error, details, message } = refusalOf(await client.callTool(tool, arguments_));
          expect(error, `${tool}: ${message}`).toBe('NotSavedError');
          expect(details['operation'], tool).toMatchObject({ call: tool, arguments: asTaken(arguments_) });
          expect(message).toMatch(/^Nothing was saved: /);
        }
      }
      await fault.mend(server, admin);
      await expectApplied(client, records);
    },
  );

  it('are kept by commands too, which tell it', { timeout: 180_000 }, async () => {
    const { server, admin, client, run } = await scene();
    const { items, closed } = await makeRecords(client);
    const fault = FAULTS['full'] as Fault;
    await fault.make(server, admin);
    const [a, b, c, d] = items as [string, string, string, string];
    for (const command of [
      ['create', 'Made'],
      ['update', a, '--if-version', '1', '--title', 'Changed'],
      ['note', b, 'Noted'],
      ['claim', c],
      ['archive', closed],
      ['enhancement', 'create', 'Idea'],
    ]) {
      const { code, stdout, stderr } = await run(...command);
      expect({ command, code }, stderr).toEqual({ command, code: 0 });
      expect(stdout).toMatch(/^Saved, not checked yet: /);
      expect(stderr).toContain('kept without a check');
    }
    const asJson = await run('update', d, '--if-version', '1', '--title', 'In JSON', '--json');
    expect(JSON.parse(asJson.stdout)).toMatchObject({ durability: 'outbox', id: d, title: 'In JSON' });
    await fault.mend(server, admin);
    const { call } = callerFor(() => client);
    await eventually(async () => (await call('query_work_item', { id: d }))['title'] === 'In JSON');
    expect(await call('query_work_item', { id: a })).toMatchObject({ title: 'Changed', version: 2 });
  });
});

/** Everything that was kept, and nothing of what was not saved. */
async function expectApplied(client: TestClient, { items, closed, archived }: Records): Promise<void> {
  const read = async (tool: string, arguments_: Row = {}): Promise<Row> =>
    (await client.callTool(tool, arguments_)).structured ?? {};
  await eventually(async () => {
    const listed = await read('list_conflicts');
    return listed['data_source'] === 'postgres' && listed['pending_count'] === 0;
  });
  const item = async (id: unknown) => await read('query_work_item', { id });
  const [a, b, c, , e, , g, h, i] = items;
  expect(await item(a)).toMatchObject({ title: 'Changed', version: 2 });
  expect(await item(b)).toMatchObject({ notes: [{ text: 'Noted' }], notes_total: 1 });
  expect(rows((await item(c))['dependencies'])).toHaveLength(1);
  expect(await item(e)).not.toHaveProperty('dependencies');
  expect(await item(g)).not.toHaveProperty('claimed_by');
  expect(await item(h)).toHaveProperty('claimed_by');
  expect(await item(i)).toMatchObject({ title: 'Many', version: 2 });
  expect(await item(closed)).toHaveProperty('archived_at');
  expect(await item(archived)).not.toHaveProperty('archived_at');
  const titles = async (tool: string, field: string) =>
    rows((await read(tool, { limit: 100 }))['items']).map((row) => row[field]);
  const all = await titles('list_work_items', 'title');
  for (const title of ['Made', 'Planned', 'Next']) expect(all.filter((one) => one === title)).toHaveLength(1);
  expect(all).not.toContain('Never');
  expect((await titles('list_enhancements', 'title')).sort()).toEqual(['Better', 'Idea']);
  expect((await titles('list_vendors', 'name')).sort()).toEqual(['Known', 'New']);
  expect(rows((await read('list_deployments'))['items'])).toHaveLength(1);
}

async function eventually(check: () => Promise<boolean>): Promise<void> {
  for (const until = Date.now() + 60_000; !(await check().catch(() => false));) {
    if (Date.now() > until) throw new Error('waited 60 s in vain');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

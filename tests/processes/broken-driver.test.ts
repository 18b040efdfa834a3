// The native module of SQLite is missing or not for this Node.js: every surface names it, with the command that mends
// it, and what a journal kept is answered as kept, and applied once when the module is right again.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEPLOYMENT } from '../mcp/contract-tools.ts';
import { runInProcess } from '../support/in-process.ts';
import { connect, type ToolResult } from '../support/mcp-clients.ts';
import { runCli, startHttp, temporaryProject } from '../support/program.ts';
import { BREAKS, programWithBrokenDriver } from './broken-driver.ts';

const MENDS = /run `npm (install|rebuild|ci) --prefix "[^"]+"( [^`]*)?` with this Node\.js/;
const NOT_SAID =
  /unexpected|Repeat the call once|it failed in an|ERR_DLOPEN|Cannot find module|bindings file|NODE_MODULE/;

const ID = '00000000-0000-4000-8000-000000000000';
const OTHER = '00000000-0000-4000-8000-000000000001';

/** One call of every tool that writes, with the name by which what it made is found. */
const WRITES: Readonly<Record<string, Record<string, unknown>>> = {
  create_work_item: { item_type: 'task', title: 'Kept item' },
  update_work_item: { id: ID, version: 1, title: 'x' },
  update_work_items: { updates: [{ id: ID, version: 1, title: 'x' }] },
  link_work_items: { source_id: ID, target_id: OTHER, dependency_type: 'blocks' },
  add_note: { id: ID, text: 'x' },
  claim_work_item: {},
  archive_work_items: { ids: [ID] },
  apply_plan: { items: [{ key: 'a', item_type: 'task', title: 'Planned' }] },
  undo: { change_id: ID },
  create_enhancement: { title: 'Kept enhancement' },
  update_enhancement: { id: ID, version: 1, title: 'x' },
  promote_enhancement: { id: ID, version: 1 },
  register_vendor: { name: 'Kept vendor' },
  update_vendor_status: { name: 'x', version: 1, status: 'broken' },
  record_deployment: { ...DEPLOYMENT, affected_vendor_ids: [ID] },
  update_project_configuration: { version: 1, default_token_budget: 1000 },
  resolve_conflict: { id: ID, resolution: 'keep_theirs' },
  import_status_file: {},
  import_session_prompts: { path: 'prompts' },
};
/** Those that go other ways to the store. */
const COMMANDS = ['list', 'backup', 'export', 'status', 'history', 'migrate'];

/** Those that have to look something up first, which nothing can answer. */
const NOT_SAVED = [
  'claim_work_item',
  'promote_enhancement',
  'undo',
  'update_project_configuration',
  'update_vendor_status',
];
const IMPORTS = ['import_session_prompts', 'import_status_file'];

describe.each(Object.entries(BREAKS))('a driver that is %s', (_name, broken) => {
  it('is named by every command, and writes are kept', async () => {
    const project = await temporaryProject({ git: true });
    expect((await runInProcess(['create', 'Before'], { project })).code).toBe(0);
    const program = await programWithBrokenDriver(broken);
    const run = (...args: string[]) => runCli(args, { project, program });

    for (const command of COMMANDS) {
      const { code, stdout, stderr } = await run(...command.split(' '));
      expect({ command, code, stdout }).toEqual({ command, code: 3, stdout: '' });
      expect(stderr, command).toMatch(broken.says);
      expect(stderr, command).toMatch(MENDS);
      expect(stderr, command).not.toMatch(NOT_SAID);
    }
    const doctor = await run('doctor');
    expect(doctor.code).toBe(3);
    expect(doctor.stdout).toMatch(broken.says);
    expect(doctor.stdout).toMatch(MENDS);
    expect(doctor.stdout).not.toMatch(NOT_SAID);
    expect(doctor.stdout).not.toContain('refused');

    const created = await run('create', 'Kept', '--json');
    expect(created.code, created.stderr).toBe(0);
    expect(JSON.parse(created.stdout)).toMatchObject({
      title: 'Kept',
      version: expect.any(Number) as number,
      durability: 'git',
    });
    const again = JSON.parse((await runInProcess(['list', '--json'], { project })).stdout) as {
      items: { title: string }[];
    };
    expect(again.items.map(({ title }) => title).sort()).toEqual(['Before', 'Kept']);
  });
});

describe.each([
  ['git', true],
  ['markdown', false],
] as const)('a broken driver, with %s as the journal', (journal, git) => {
  it.each(['stdio', 'http'] as const)(
    'is an error of the call over %s, or the write is answered as kept',
    { timeout: 180_000 },
    async (transport) => {
      const project = await temporaryProject({ git });
      expect((await runInProcess(['create', 'Before'], { project })).code).toBe(0);
      await mkdir(path.join(project, 'prompts'));
      await writeFile(path.join(project, 'prompts', 'one.md'), '# A session\n');
      const program = await programWithBrokenDriver(BREAKS['without a binary'] as (typeof BREAKS)[string]);
      const client = await connect(
        transport === 'stdio'
          ? {
              ...{ generation: 'current', transport, cwd: project, program },
              args: ['serve', '--project', project, '--toolsets', 'all'],
            }
          : {
              ...{ generation: 'current', transport },
              url: (await startHttp({ project, program, args: ['--toolsets', 'all'] })).url,
            },
      );
      const tools = await client.listTools();
      const writing = tools
        .filter(({ annotations }) => annotations?.readOnlyHint !== true)
        .map(({ name }) => name);
      expect(Object.keys(WRITES).sort()).toEqual(writing.sort());

      const kept: string[] = [];
      for (const name of writing) {
        const result = await client.callTool(name, WRITES[name]);
        expect(result.text, name).not.toMatch(NOT_SAID);
        if (result.isError)
          expectNamed(name, result, IMPORTS.includes(name) ? 'DatabaseError' : 'NotSavedError');
        else {
          kept.push(name);
          expect(result.structured, name).toMatchObject({ durability: journal });
          expect(result.text).toMatch(/^Saved, not checked yet: /);
          expect(result.text).toContain('has no binary');
        }
      }
      const unread = [...NOT_SAVED, ...IMPORTS];
      expect(kept).toEqual(writing.filter((name) => !unread.includes(name)));
      for (const name of ['list_work_items', 'get_brief', 'query_history', 'list_vendors']) {
        expectNamed(name, await client.callTool(name), 'DatabaseError');
      }
      await client.close();

      const good = await connect({
        ...{ generation: 'current', transport: 'stdio', cwd: project },
        args: ['serve', '--project', project, '--toolsets', 'all'],
      });
      const listed = async (tool: string, field: string) =>
        ((await good.callTool(tool)).structured?.['items'] as Record<string, unknown>[]).map(
          (one) => one[field],
        );
      expect((await listed('list_work_items', 'title')).sort()).toEqual(['Before', 'Kept item', 'Planned']);
      expect(await listed('list_enhancements', 'title')).toEqual(['Kept enhancement']);
      expect(await listed('list_vendors', 'name')).toEqual(['Kept vendor']);
    },
  );
});

function expectNamed(tool: string, result: ToolResult, error: string): void {
  expect(result.isError, tool).toBe(true);
  const body = JSON.parse(result.text) as { error: string; message: string; next: string };
  expect(body.error, `${tool}: ${result.text}`).toBe(error);
  expect(body.message, tool).toContain('has no binary');
  expect(body.message, tool).toMatch(MENDS);
}

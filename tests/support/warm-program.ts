// Each start of the program reads the code that V8 made of it in an earlier start, whichever that was, and compiles the
// rest (src/cli/launch.ts). Before the tests it is one that did much: what each of a thousand starts would compile anew.
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { builtProgram, startProgram } from './child-program.ts';
import { JsonRpcProcess } from './json-rpc-process.ts';

const CALLS: readonly [tool: string, args: Record<string, unknown>][] = [
  ['create_work_item', { item_type: 'task', title: 'Task' }],
  ['list_work_items', {}],
  ['get_brief', {}],
];

/** Nothing where it was not built, for tests that do not start it. */
export async function warmUpProgram(): Promise<void> {
  if (!existsSync(builtProgram)) return;
  const project = await mkdtemp(path.join(os.tmpdir(), 'worktrail-warm-'));
  rmSync(path.join(path.dirname(builtProgram), 'code-cache'), { recursive: true, force: true });
  const command = startProgram(['create', 'Task', '--project', project], { cwd: project });
  command.child.stdout.resume();
  await command.exited;
  const server = new JsonRpcProcess(startProgram(['serve', '--project', project], { cwd: project }));
  await server.initialize();
  await server.request('tools/list');
  for (const [name, args] of CALLS) await server.request('tools/call', { name, arguments: args });
  server.closeStdin();
  await server.program.exited;
  await rm(project, { recursive: true, force: true });
}

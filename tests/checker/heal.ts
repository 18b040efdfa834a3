// The end of a schedule: every server runs, every conflict is settled, nothing waits in any folder.
import type { Board } from './board.ts';
import { runCli } from '../support/program.ts';
import { isObject } from './ledger.ts';
import { warningsOf } from './shown.ts';
import type { Server } from './server.ts';
import type { Stage } from './stage.ts';
import { came } from './until.ts';

/** Who settles conflicts. */
const JUDGE = 'judge';
/** Probes pause for up to 15 s after a long outage. */
const HEALING_MAX_MS = 60_000;
const LOOK_PAUSE_MS = 400;

/** Answers what had not settled; nothing if all is well. */
export async function heal(stage: Stage, board: Board): Promise<string[]> {
  const { servers } = stage;
  await Promise.all(
    servers.map((server) => came(() => server.start().then(() => server.isUp), HEALING_MAX_MS)),
  );
  if (stage.faults.some(({ primaryForgetsFrom }) => primaryForgetsFrom !== undefined))
    await recoverWrites(stage);
  let left: string[] = [];
  await came(
    async () => {
      left = (await Promise.all(servers.map((server) => look(stage, board, server)))).flat();
      return left.length === 0;
    },
    HEALING_MAX_MS,
    LOOK_PAUSE_MS,
  );
  return left;
}

/** The person's word, in each folder, that the older database gets back what the folder kept of it; programs are started again. */
async function recoverWrites({ folders, servers, program }: Stage): Promise<void> {
  for (const { project, env, args } of folders) {
    const options = { project, env, ...(program !== undefined && { program }) };
    await runCli(['recover', '--yes', ...args.slice(2)], options);
  }
  for (const server of servers) {
    await server.stop();
    await server.start();
  }
}

/** What keeps one server from being whole; settles the conflicts that it shows. */
async function look(stage: Stage, board: Board, server: Server): Promise<string[]> {
  const { name } = server.setup;
  const session = server.setup.sessions[0] ?? name;
  const ask = (tool: string, args = {}) => board.call(server, JUDGE, tool, args, undefined, session);
  const conflicts = await ask('list_conflicts', { limit: 100 });
  const list = await ask('list_work_items', { limit: 1, fields: ['id'] });
  if (conflicts?.outcome !== 'answered' || list?.outcome !== 'answered') return [`${name} does not answer`];
  const left: string[] = [];
  const { pending_count, items } = conflicts.answer;
  if (Number(pending_count) > 0) left.push(`${name}: ${String(pending_count)} writes wait`);
  if (list.answer['data_source'] !== stage.primary)
    left.push(`${name} answers from ${String(list.answer['data_source'])}`);
  left.push(...warningsOf(list.answer).map(({ code }) => `${name} warns of ${code}`));
  // One server settles, so that none is settled twice.
  for (const conflict of Array.isArray(items) ? items.filter(isObject) : []) {
    left.push(`${name} shows an open conflict`);
    if (server !== stage.servers[0]) break;
    const id = String(conflict['id']);
    // Counting again from an old count would be the person's mistake.
    const isCount =
      JSON.stringify(conflict['changes'] ?? '').includes(' C.s') || JSON.stringify(conflict).includes(' C.s');
    const resolution = isCount || stage.random.chance(0.5) ? 'keep_theirs' : 'reapply';
    await ask('resolve_conflict', { id, resolution });
  }
  return left;
}

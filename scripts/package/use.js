// Uses an installed program as a person and a client do: every kind of command once, then counts what is there.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './run.js';

const PLAN = `- { key: first, item_type: task, title: Planned first }
- { key: second, item_type: task, title: Planned second, depends_on: [first] }
`;
const BEAD = { id: 'bd-1', title: 'Imported', status: 'open', priority: 2, issue_type: 'task' };
const TIMES = { created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z' };

/** @returns how many commands ran and how many of them crashed, the items that are there, and problems in sentences */
export async function useProgram({ program, environment, place }) {
  const project = path.join(place, 'project');
  const other = path.join(place, 'other');
  for (const folder of [project, other, path.join(project, 'beads')]) mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(project, 'plan.yaml'), PLAN);
  writeFileSync(path.join(project, 'beads', 'issues.jsonl'), `${JSON.stringify({ ...BEAD, ...TIMES })}\n`);

  const used = { commands: 0, crashes: 0, items: undefined, problems: [] };
  const wrong = (what) => used.problems.push(what);
  const start = async (args, { input, cwd = project } = {}) => {
    used.commands += 1;
    const ended = await run(program, args, { cwd, env: environment, input });
    if (ended.signal === null && ended.code !== null && ended.code < 128 && ended.code !== 1) return ended;
    used.crashes += 1;
    wrong(`${args[0]} ended with ${ended.signal ?? ended.code}: ${ended.stderr.slice(-300)}`);
    return ended;
  };
  /** Runs a command and looks at its answer. */
  const ask = async (args, expected, options) => {
    const { code, stdout, stderr } = await start([...args, '--json'], options);
    const answer = parsed(stdout);
    if (code !== 0 || answer === undefined || !expected(answer)) {
      wrong(
        `${args.join(' ')}: exit ${code}, unexpected answer ${stdout.slice(0, 300)} ${stderr.slice(-300)}`,
      );
    }
    return answer ?? {};
  };

  const release = await ask(['create', 'Release', '--type', 'project'], ({ version }) => version === 1);
  const task = await ask(['create', 'Write it', '--parent', String(release.id)], ({ depth }) => depth === 1);
  const id = String(task.id);
  await ask(['update', id, '--priority', '1', '--if-version', '1'], ({ version }) => version === 2);
  await ask(['claim', id], ({ claim_token }) => claim_token > 0);
  await ask(['note', id, 'A note'], ({ item_id }) => item_id === id);
  await ask(['show', id], ({ notes_total }) => notes_total === 1);
  await ask(['enhancement', 'create', 'Later'], ({ version }) => version === 1);
  await ask(['enhancement', 'list'], ({ total_count }) => total_count === 1);
  await ask(['plan', 'plan.yaml'], ({ items_created }) => items_created === 2);
  await ask(['import', 'beads', 'beads'], ({ created }) => created === 1);
  await ask(['import', 'beads', 'beads'], ({ created, unchanged }) => created === 0 && unchanged === 1);
  await ask(['ready'], ({ items }) => items.length > 0);
  await ask(['search', 'planned'], ({ items }) => items.length === 2);
  await ask(['brief'], ({ project: slug }) => slug === 'project');
  await ask(['history'], ({ items }) => items.length > 5);
  await ask(['conflicts'], ({ total_count }) => total_count === 0);
  await ask(['jobs'], ({ items }) => items.length > 0);
  await ask(['migrate'], ({ schema }) => schema === 'current');
  await ask(['archive', '--dry-run'], ({ items_total }) => items_total === 0);
  await serveOnce(start, wrong);
  const before = await ask(['list'], ({ items }) => titlesAreSingle(items));
  const backup = await ask(['backup'], ({ rows }) => rows > 0);
  await ask(['export', '--to', path.join(place, 'out.jsonl')], ({ rows }) => rows === backup.rows);
  await ask(['load', path.join(place, 'out.jsonl')], () => true, { cwd: other });
  await ask(['create', 'After the backup'], ({ version }) => version === 1);
  await ask(['restore', String(backup.file), '--replace'], () => true);
  await ask(['doctor'], ({ ok }) => ok === true);
  for (const cwd of [project, other]) {
    const after = await ask(['list'], ({ items }) => titlesAreSingle(items), { cwd });
    if (after.total_count !== 6 || after.total_count !== before.total_count) {
      wrong(`${path.basename(cwd)} has ${after.total_count} items in place of 6`);
    }
    used.items = after.total_count;
  }
  return used;
}

const titlesAreSingle = (items) => new Set(items.map(({ title }) => title)).size === items.length;

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A client's session over stdio: greets, writes, reads, and goes. */
export async function serveOnce(start, wrong) {
  const clientInfo = { name: 'check-package', version: '1.0.0' };
  const hello = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  const call = (id, name, args) => ({ id, method: 'tools/call', params: { name, arguments: args } });
  const requests = [
    { id: 1, method: 'initialize', params: hello },
    { method: 'notifications/initialized' },
    call(2, 'create_work_item', { item_type: 'task', title: 'Over stdio' }),
    call(3, 'list_work_items', {}),
  ];
  const input = requests.map((request) => `${JSON.stringify({ jsonrpc: '2.0', ...request })}\n`).join('');
  const { code, stdout } = await start(['serve'], { input });
  const lines = stdout.trim().split('\n').map(parsed);
  const answers = new Map(lines.map((line) => [line?.id, line?.result]));
  const created = answers.get(2)?.structuredContent;
  const isGood =
    code === 0 && answers.has(1) && created?.durability === 'sqlite' && answers.get(3)?.isError !== true;
  if (!isGood) wrong(`serve: exit ${code}, ${stdout.slice(0, 500)}`);
}

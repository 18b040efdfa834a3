// The same tasks as the files of each kind of source, and a tracker to import them into.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readBacklogMd } from '../../src/importers/backlog-md/backlog-md.ts';
import { readBeads } from '../../src/importers/beads/beads.ts';
import type { ImportOptions, ImportPlan } from '../../src/importers/import/plan.ts';
import { runImport } from '../../src/importers/import/run.ts';
import { readSessionPrompts } from '../../src/importers/session-prompts/read-session-prompts.ts';
import { readTaskMaster } from '../../src/importers/task-master/task-master.ts';
import type { Tracker } from '../storage/tracker.ts';

export interface Task {
  id: number;
  title: string;
  isDone?: boolean;
  /** In which minute it was created; else its id says so. */
  minute?: number;
}

interface Written {
  /** What all ids of the source begin with. */
  prefix?: string;
  /** What the source calls itself. */
  project?: string;
  /** Added to the days on which its tasks were created. */
  year?: number;
}

export interface Kind {
  name: string;
  read: (source: string, options: ImportOptions) => Promise<ImportPlan>;
  /** Writes the source into a folder as it is now; answers what to import. */
  write: (folder: string, tasks: readonly Task[], how?: Written) => Promise<string>;
  /** Items that stand for the source itself. */
  containers: number;
}

async function fresh(folder: string, files: Record<string, string>): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
}

const minute = ({ id, minute: at = id }: Task, year: number) =>
  `${year}-03-${String(1 + Math.floor(at / 60)).padStart(2, '0')} 10:${String(at % 60).padStart(2, '0')}`;

/** @param timeOf when it says that a task was created */
const backlogMd = (name: string, timeOf: (task: Task, year: number) => string): Kind => ({
  name,
  read: readBacklogMd,
  containers: 0,
  write: async (folder, tasks, { prefix = 'task', project, year = 2025 } = {}) => {
    const files = tasks.map((task) => [
      `tasks/${prefix}-${task.id} - Something.md`,
      `---\nid: ${prefix}-${task.id}\ntitle: ${task.title}\nstatus: ${task.isDone ? 'Done' : 'To Do'}\ncreated_date: '${timeOf(task, year)}'\n---\n\nText\n`,
    ]);
    const config = project === undefined ? {} : { 'config.yml': `project_name: ${project}\n` };
    await fresh(folder, { ...config, ...(Object.fromEntries(files) as Record<string, string>) });
    return folder;
  },
});

export const KINDS: readonly Kind[] = [
  {
    name: 'task-master',
    read: readTaskMaster,
    containers: 1,
    write: async (folder, tasks, { prefix = 'master' } = {}) => {
      const list = tasks.map(({ id, title, isDone }) => ({ id, title, status: isDone ? 'done' : 'pending' }));
      await fresh(folder, { 'tasks.json': JSON.stringify({ [prefix]: { tasks: list } }) });
      return path.join(folder, 'tasks.json');
    },
  },
  {
    name: 'beads',
    read: readBeads,
    containers: 0,
    write: async (folder, tasks, { prefix = 'bd', year = 2025 } = {}) => {
      const lines = tasks.map((task) =>
        JSON.stringify({
          id: `${prefix}-${task.id}`,
          title: task.title,
          status: task.isDone ? 'closed' : 'open',
          created_at: `${minute(task, year).replace(' ', 'T')}:11.123456Z`,
          comments: [{ author: 'ann', text: `On ${task.title}`, created_at: '2025-04-01T00:00:00Z' }],
        }),
      );
      await fresh(folder, { 'issues.jsonl': lines.join('\n') });
      return path.join(folder, 'issues.jsonl');
    },
  },
  backlogMd('backlog-md', minute),
  {
    name: 'session-prompts',
    read: readSessionPrompts,
    containers: 0,
    write: async (folder, tasks, { prefix = 'prompt' } = {}) => {
      const files = tasks.map(({ id, title, isDone }) => [
        `${prefix}-${id}.md`,
        `---\nschema_version: "1.0"\ntitle: ${title}\nstatus: ${isDone ? 'completed' : 'active'}\n---\nGo.\n`,
      ]);
      await fresh(folder, Object.fromEntries(files) as Record<string, string>);
      return folder;
    },
  },
];

/** As older versions wrote it: the same day for many tasks. */
export const BACKLOG_BY_DAY = backlogMd('backlog-md by day', (_task, year) => `${year}-03-01`);

export async function importInto(
  tracker: Tracker,
  kind: Kind,
  source: string,
  options: { namespace?: string; dryRun?: boolean } = {},
) {
  const { namespace, dryRun = false } = options;
  const plan = await kind.read(source, { namespace, projectDir: tracker.place.projectDir });
  return (await runImport(tracker.context, tracker.caller, plan, { dryRun })).data;
}

/** As a version did that kept no place of a source, and named it by what its file said. */
export async function importAsBefore(tracker: Tracker, kind: Kind, source: string, namespace: string) {
  const plan = await kind.read(source, { namespace });
  return (await runImport(tracker.context, tracker.caller, plan, { dryRun: false })).data;
}

/** Title, version and status of every item that is no container. */
export async function contentOf(tracker: Tracker): Promise<string[]> {
  const all = { include_deleted: false, archived: false, sort: 'created', limit: 10_000 } as const;
  const { data } = await tracker.context.store.read((reader) => reader.listWorkItems(all));
  return data.items
    .filter(({ item_type }) => item_type !== 'project')
    .map(({ title, version, status }) => `${title} v${version} ${status}`)
    .sort();
}

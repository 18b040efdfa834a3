// Sources that grow, shrink, move and are called otherwise: nothing of one is
// overwritten or there twice, and what cannot be told is asked.
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backends, openTracker, type Backend } from '../storage/backends.ts';
import type { Tracker } from '../storage/tracker.ts';
import { BACKLOG_BY_DAY, contentOf, importInto, KINDS, type Kind, type Task } from './source-files-of.ts';
import { episodes } from '../torture/scale.ts';

const WORDS = ['importer', 'login', 'parser', 'search', 'report', 'cache', 'export'];
const tasksOf = (project: string, count: number, from = 1): Task[] =>
  Array.from({ length: count }, (_, at) => ({
    id: from + at,
    title: `${project} ${WORDS[(from + at) % 7]}${from + at}`,
  }));

const RUNS = episodes(3, 5);
const embedded = () => openTracker(backends[0] as Backend);
const REFUSAL = { code: 'ValidationError', details: { field: 'namespace' } };

/** What one of two sources becomes before it is imported again. */
interface Step {
  which: 'Alpha' | 'Beta';
  grow: number;
  drop: number;
  move: boolean;
  rename: boolean;
  close: boolean;
}

interface Source {
  tasks: Task[];
  folder: string;
  prefix: string;
  last: number;
  namespace?: string;
}

/** Imports the two sources after each step; answers how often it was asked which of them it is. */
async function follow(kind: Kind, steps: readonly Step[]): Promise<number> {
  const tracker = await embedded();
  const sources = new Map<string, Source>();
  const shown = new Map<string, boolean>();
  let moves = 0;
  let questions = 0;
  for (const { which, grow, drop, move, rename, close } of steps) {
    const isNew = !sources.has(which);
    const source = sources.get(which) ?? { tasks: [], folder: which, prefix: 'first', last: 0 };
    sources.set(which, source);
    const added = tasksOf(which, isNew ? 3 + grow : grow, source.last + 1);
    source.last += added.length;
    // Three stay, or nothing tells that it is still the same source.
    if (source.tasks.length > 4) source.tasks.splice(0, drop);
    const [first, ...rest] = source.tasks;
    if (close && first !== undefined && kind.name !== 'session-prompts' && !rename) {
      source.tasks = [{ ...first, isDone: true }, ...rest];
    }
    source.tasks.push(...added);
    const root = tracker.place.projectDir;
    if (move && !isNew) {
      await rm(path.join(root, source.folder), { recursive: true, force: true });
      source.folder = `moved-${(moves += 1)}`;
    }
    if (rename && !isNew) source.prefix = `renamed-${(moves += 1)}`;
    const file = await kind.write(path.join(root, source.folder), source.tasks, {
      prefix: source.prefix,
      project: source.prefix,
      year: which === 'Alpha' ? 2025 : 2024,
    });
    questions += await importOrAnswer(tracker, kind, source, file, `${which} as it is called here`);
    for (const { title, isDone = false } of source.tasks) shown.set(title, isDone);
    const found = (await contentOf(tracker)).map((line) => line.replace(/ v\d+/, ''));
    const open = kind.name === 'session-prompts' ? 'active' : 'planned';
    expect(found).toEqual(
      [...shown].map(([title, isDone]) => `${title} ${isDone ? 'completed' : open}`).sort(),
    );
  }
  return questions;
}

/** As somebody does who knows which source it is: an import that asks has changed nothing. */
async function importOrAnswer(tracker: Tracker, kind: Kind, source: Source, file: string, name: string) {
  const before = await contentOf(tracker);
  try {
    const { source_taken } = await importInto(tracker, kind, file);
    source.namespace ??= source_taken.namespace;
    return 0;
  } catch (error) {
    expect(error).toMatchObject(REFUSAL);
    expect(await contentOf(tracker)).toEqual(before);
    source.namespace ??= name;
    await importInto(tracker, kind, file, { namespace: source.namespace });
    return 1;
  }
}

async function giveTitle(tracker: Tracker, title: string, other: string): Promise<void> {
  const all = { include_deleted: false, archived: false, sort: 'created', limit: 10_000 } as const;
  const { data } = await tracker.context.store.read((reader) => reader.listWorkItems(all));
  for (const item of data.items.filter((one) => one.title === title))
    await tracker.update(item, { title: other });
}

const step: fc.Arbitrary<Step> = fc.record({
  which: fc.constantFrom('Alpha', 'Beta'),
  grow: fc.integer({ min: 0, max: 4 }),
  drop: fc.integer({ min: 0, max: 2 }),
  move: fc.boolean(),
  rename: fc.boolean(),
  close: fc.boolean(),
});
const NO_STEP: Step = {
  which: 'Beta',
  grow: 0,
  drop: 0,
  move: false,
  rename: false,
  close: false,
};

/** Less than half is left of what it ever had when it is called otherwise. */
const FEW_LEFT: Step[] = [
  { ...NO_STEP, grow: 3 },
  { ...NO_STEP, drop: 2, grow: 1 },
  { ...NO_STEP, drop: 2, rename: true },
];

describe.each([...KINDS, BACKLOG_BY_DAY])('two sources of kind $name', (kind) => {
  it(
    'nothing of one is overwritten by the other, and nothing is there twice',
    { timeout: 240_000 },
    async () => {
      const steps = fc.array(step, { minLength: 2, maxLength: 7 });
      const runs = fc.asyncProperty(steps, async (drawn) => {
        await follow(kind, drawn);
      });
      await fc.assert(runs, { numRuns: RUNS, examples: [[FEW_LEFT]] });
    },
  );
});

describe('a tag of another name', () => {
  const taskMaster = KINDS[0] as Kind;
  const started = async (tasks: readonly Task[]) => {
    const tracker = await embedded();
    const file = await taskMaster.write(path.join(tracker.place.projectDir, 'a'), tasks, { prefix: 'v1' });
    await importInto(tracker, taskMaster, file);
    const become = (now: readonly Task[]) => taskMaster.write(path.dirname(file), now, { prefix: 'v2' });
    return { tracker, file, become };
  };

  it('is asked about where some of its tasks are the same and others are not, and nothing is changed', async () => {
    const [first, second, ...others] = tasksOf('Alpha', 4) as [Task, Task, ...Task[]];
    const { tracker, file, become } = await started([first, second, ...others]);
    await become([first, second, ...tasksOf('Beta', 2, 3)]);
    const before = await contentOf(tracker);
    await expect(importInto(tracker, taskMaster, file)).rejects.toMatchObject({
      ...REFUSAL,
      message: expect.stringMatching(/"v2" may be "v1" by another name.*2 of 4/) as string,
      next: expect.stringMatching(/"a" updates .*\(those of "v1" as "v2"\).*"a 2" imports/) as string,
    });
    expect(await contentOf(tracker)).toEqual(before);
    expect(await importInto(tracker, taskMaster, file, { namespace: 'a' })).toMatchObject({ created: 0 });
    expect(await importInto(tracker, taskMaster, file)).toMatchObject({ created: 0, updated: 0 });
  });

  it('is asked about where too few of its tasks are left to tell', async () => {
    const { tracker, file, become } = await started(tasksOf('Alpha', 6));
    await become(tasksOf('Alpha', 1));
    await expect(importInto(tracker, taskMaster, file)).rejects.toMatchObject(REFUSAL);
  });

  it('is asked about where two new ones may be it', async () => {
    const { tracker, file } = await started(tasksOf('Alpha', 4));
    const { v1 } = JSON.parse(await readFile(file, 'utf8')) as { v1: unknown };
    await writeFile(file, JSON.stringify({ v2: v1, v3: v1 }));
    const before = await contentOf(tracker);
    await expect(importInto(tracker, taskMaster, file)).rejects.toMatchObject(REFUSAL);
    expect(await contentOf(tracker)).toEqual(before);
  });

  it.each([3, 0])('is known where its name was given to another one with %d tasks', async (count) => {
    const [alpha, beta, gamma] = ['Alpha', 'Beta', 'Gamma'].map((name) => ({ tasks: tasksOf(name, 6) }));
    const next = { tasks: tasksOf('Next', count) };
    const tracker = await embedded();
    const file = await taskMaster.write(path.join(tracker.place.projectDir, 'a'), []);
    const become = (now: object) => writeFile(file, JSON.stringify({ master: beta, later: gamma, ...now }));
    await become({ current: alpha });
    await importInto(tracker, taskMaster, file);
    await giveTitle(tracker, 'Alpha parser2', 'Ours');
    const before = await contentOf(tracker);
    await become({ current: next, 'sprint-1': alpha });
    for (const created of [count + 1, 0]) {
      expect(await importInto(tracker, taskMaster, file)).toMatchObject({ created, kept_local: 0 });
    }
    const after = await contentOf(tracker);
    expect(after.map((line) => line.replace(/ v\d+/, ''))).toEqual(
      [...before, ...next.tasks.map(({ title }) => `${title} v1 planned`)]
        .map((line) => line.replace(/ v\d+/, ''))
        .toSorted(),
    );
  });

  it('is known where another one has its name and it has that of the other', async () => {
    const tracker = await embedded();
    const file = await taskMaster.write(path.join(tracker.place.projectDir, 'a'), []);
    const [alpha, beta, gamma] = ['Alpha', 'Beta', 'Gamma'].map((name) => ({ tasks: tasksOf(name, 6) }));
    await writeFile(file, JSON.stringify({ v1: alpha, v2: beta, v3: gamma }));
    await importInto(tracker, taskMaster, file);
    await writeFile(file, JSON.stringify({ v1: beta, v2: alpha, v3: gamma }));
    const { renamed } = (await importInto(tracker, taskMaster, file)).source_taken;
    expect(renamed).toContainEqual({ from: 'v1/1', to: 'v2/1' });
    expect(renamed).toContainEqual({ from: 'v2/1', to: 'v1/1' });
    expect(await importInto(tracker, taskMaster, file)).toMatchObject({ created: 0, updated: 0 });
    expect(await contentOf(tracker)).toHaveLength(18);
  });

  it('keeps its tasks where a new one has its first name and the number of one that is gone', async () => {
    const tasks = tasksOf('Alpha', 4);
    const { tracker, file, become } = await started(tasks);
    await become(tasks);
    await importInto(tracker, taskMaster, file);
    const others = { tasks: tasksOf('Beta', 4) };
    await writeFile(file, JSON.stringify({ v2: { tasks: tasks.slice(1) }, v1: others }));
    expect(await importInto(tracker, taskMaster, file)).toMatchObject({ created: 5 });
    expect(await contentOf(tracker)).toHaveLength(8);
  });

  it('is another one where most of its tasks are others', async () => {
    const [first, ...others] = tasksOf('Alpha', 4) as [Task, ...Task[]];
    const { tracker, file, become } = await started([first, ...others]);
    await become([{ ...first, isDone: true }, ...tasksOf('Beta', 3, 2)]);
    expect(await importInto(tracker, taskMaster, file)).toMatchObject({ created: 5, updated: 0 });
    expect(await contentOf(tracker)).toHaveLength(8);
  });

  it.each(['v2', 'v3'])('is known where somebody changed a task here, also as %s', async (name) => {
    const { tracker, file, become } = await started(tasksOf('Alpha', 6));
    await giveTitle(tracker, 'Alpha parser2', 'Ours');
    await become(tasksOf('Alpha', 6));
    await importInto(tracker, taskMaster, file);
    await taskMaster.write(path.dirname(file), tasksOf('Alpha', 6), { prefix: name });
    for (const _again of [1, 2]) {
      expect(await importInto(tracker, taskMaster, file)).toMatchObject({ created: 0, kept_local: 0 });
    }
    expect(await contentOf(tracker)).toHaveLength(6);
  });
});

describe.each(KINDS.filter(({ name }) => /backlog|session/.test(name)))('an item of kind $name', (kind) => {
  const scene = async () => {
    const tracker = await embedded();
    const folder = path.join(tracker.place.projectDir, 'a');
    const [first, second, ...others] = tasksOf('Alpha', 8) as [Task, Task, ...Task[]];
    await kind.write(folder, [first, second, ...others]);
    await importInto(tracker, kind, folder);
    const become = async (now: readonly Task[]) => {
      await kind.write(folder, [...now, ...others]);
      return await importInto(tracker, kind, folder);
    };
    return { tracker, first, second, become };
  };

  it.each([20, 2])('whose id another one has is known by what it says, also as %d', async (id) => {
    const { tracker, first, second, become } = await scene();
    // Of the same minute, so that nothing but the id is another.
    const moved = { ...first, id, minute: first.id };
    const added = { id: first.id, minute: 40, title: 'Quite another matter' };
    const now = id === second.id ? [moved, added] : [moved, added, second];
    expect((await become(now)).source_taken.renamed).toMatchObject([{}]);
    expect(await become(now)).toMatchObject({ created: 0, updated: 0 });
    const titles = (await contentOf(tracker)).map((line) => line.replace(/ v\d+ .*/, ''));
    expect(titles).toHaveLength(9);
    expect(titles).toEqual(expect.arrayContaining([first.title, second.title, added.title]));
  });
});

// A source is known again however it grew, moved or was renamed; another one with the same ids overwrites nothing.
import { rename, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { backends, describeEachBackend, openTracker, type Backend } from '../storage/backends.ts';
import { describeWithSharedData } from '../support/shared-data.ts';
import { git, temporaryProject } from '../support/temporary-project.ts';
import { placeOf } from '../../src/importers/import/source-place.ts';
import { contentOf, importAsBefore, importInto, KINDS, type Kind, type Task } from './source-files-of.ts';

const tasksOf = (project: string, count: number, from = 1): Task[] =>
  Array.from({ length: count }, (_, at) => ({
    id: from + at,
    title: `${project} ${WORDS[(from + at) % 7]}${from + at}`,
  }));
const WORDS = ['importer', 'login', 'parser', 'search', 'report', 'cache', 'export'];
const titles = (tasks: readonly Task[], version = 1) =>
  tasks
    .map(({ title, isDone }) => `${title} v${version} ${isDone === true ? 'completed' : 'planned'}`)
    .sort();
const asPrompts = (kind: Kind, lines: string[]) =>
  kind.name === 'session-prompts' ? lines.map((line) => line.replace('planned', 'active')).sort() : lines;

const NOTHING = { created: 0, updated: 0, kept_local: 0 };

describeEachBackend('a source', (backend) => {
  describe.each(KINDS)('of kind $name', (kind) => {
    describe.each(['inside', 'outside'])('%s the project', (where) => {
      const open = async () => {
        const tracker = await openTracker(backend);
        const root = where === 'inside' ? tracker.place.projectDir : await temporaryProject();
        const write = (folder: string, tasks: readonly Task[], how = {}) =>
          kind.write(path.join(root, folder), tasks, how);
        const expectContent = async (lines: string[]) =>
          expect(await contentOf(tracker)).toEqual(asPrompts(kind, lines.sort()));
        return { tracker, root, write, expectContent };
      };
      const isByPath = kind.name === 'session-prompts' && where === 'inside';

      it('is another one where the same ids have other titles', async () => {
        const { tracker, write, expectContent } = await open();
        const [alpha, beta] = [tasksOf('Alpha', 3), tasksOf('Beta', 2)];
        const [a, b] = [await write('a', alpha), await write('b', beta, { year: 2024 })];
        await importInto(tracker, kind, a);
        const rehearsed = await importInto(tracker, kind, b, { dryRun: true });
        const done = await importInto(tracker, kind, b);
        expect(rehearsed).toEqual({ ...done, dry_run: true });
        expect(done).toMatchObject({ ...NOTHING, created: 2 + kind.containers });
        if (!isByPath) {
          expect(done.source_taken).toMatchObject({
            as: 'new',
            others: [{ reason: expect.stringContaining('Alpha') as string }],
          });
        }
        await expectContent([...titles(alpha), ...titles(beta)]);
        for (const source of [a, b, a]) {
          expect(await importInto(tracker, kind, source)).toMatchObject({
            ...NOTHING, source_taken: { as: 'known' },
          }); // prettier-ignore
        }
        await write('b', tasksOf('Beta', 5), { year: 2024 });
        expect(await importInto(tracker, kind, b)).toMatchObject({ ...NOTHING, created: 3 });
        await expectContent([...titles(alpha), ...titles(tasksOf('Beta', 5))]);
      });

      it('is the same when it grew and shrank', async () => {
        const { tracker, write, expectContent } = await open();
        await importInto(tracker, kind, await write('a', tasksOf('Alpha', 4)));
        const more = tasksOf('Alpha', 9, 3);
        const file = await write('a', more);
        expect(await importInto(tracker, kind, file)).toMatchObject({
          ...NOTHING,
          created: 7,
          source_taken: { as: 'known' },
        });
        await write('a', more.slice(-1));
        expect(await importInto(tracker, kind, file)).toMatchObject({ ...NOTHING });
        // Nothing of then is left.
        const others = tasksOf('Alpha', 3, 100);
        await write('a', others);
        expect(await importInto(tracker, kind, file)).toMatchObject({
          ...NOTHING,
          created: 3,
          source_taken: { as: 'known' },
        });
        await expectContent(titles([...tasksOf('Alpha', 11), ...others]));
      });

      it('is the same when it was moved, also where it changed', async () => {
        const { tracker, root, write, expectContent } = await open();
        await importInto(tracker, kind, await write('a', tasksOf('Alpha', 4)));
        await rename(path.join(root, 'a'), path.join(root, 'b'));
        const moved = await write('b', tasksOf('Alpha', 4));
        const answer = await importInto(tracker, kind, moved);
        expect(answer).toMatchObject({ created: 0, kept_local: 0, source_taken: { as: 'known' } });
        await write('b', tasksOf('Alpha', 6));
        expect(await importInto(tracker, kind, moved)).toMatchObject({ created: 2, kept_local: 0 });
        expect((await contentOf(tracker)).length).toBe(6);
        if (!isByPath) await expectContent(titles(tasksOf('Alpha', 6)));
      });

      it('is the same in another snapshot of it, unless its files are sources each', async () => {
        const { tracker, write, expectContent } = await open();
        await importInto(tracker, kind, await write('a', tasksOf('Alpha', 4)));
        const [first, ...others] = tasksOf('Alpha', 6) as [Task, ...Task[]];
        const copy = await write('copy', [{ ...first, isDone: kind.name !== 'session-prompts' }, ...others]);
        if (isByPath) return;
        const done = await importInto(tracker, kind, copy);
        expect(done).toMatchObject({ created: 2, kept_local: 0, source_taken: { as: 'known' } });
        expect((await contentOf(tracker)).length).toBe(6);
        if (kind.name === 'session-prompts') return await expectContent(titles([first, ...others]));
        await expectContent([...titles([{ ...first, isDone: true }], 2), ...titles(others)]);
      });

      it('is known again where an earlier version imported it, and another one is not taken for it', async () => {
        const { tracker, write, expectContent } = await open();
        const [alpha, beta] = [tasksOf('Alpha', 4), tasksOf('Beta', 4)];
        await importAsBefore(tracker, kind, await write('a', alpha), 'of then');
        // What an earlier version read outside of a project had no path in one.
        if (isByPath) return;
        const file = await write('a', tasksOf('Alpha', 6));
        expect(await importInto(tracker, kind, file)).toMatchObject({
          ...NOTHING, created: 2, unchanged: 4 + kind.containers, source_taken: { namespace: 'of then', as: 'known' },
        }); // prettier-ignore
        expect(await importInto(tracker, kind, await write('b', beta, { year: 2024 }))).toMatchObject({
          ...NOTHING, created: 4 + kind.containers, source_taken: { as: 'new' },
        }); // prettier-ignore
        await expectContent([...titles(tasksOf('Alpha', 6)), ...titles(beta)]);
      });
    });

    it('is the same when all of its ids begin otherwise', async () => {
      const tracker = await openTracker(backend);
      const folder = path.join(tracker.place.projectDir, 'a');
      const file = await kind.write(folder, tasksOf('Alpha', 5), { prefix: 'old', project: 'Before' });
      await importInto(tracker, kind, file);
      await kind.write(folder, tasksOf('Alpha', 7), { prefix: 'new', project: 'After' });
      const done = await importInto(tracker, kind, file);
      expect(done).toMatchObject({ created: 2, kept_local: 0, source_taken: { as: 'known' } });
      expect(done.source_taken.renamed_total).toBe(5 + kind.containers);
      expect(done.notes_added).toBe(kind.name === 'beads' ? 2 : 0);
      expect((await contentOf(tracker)).length).toBe(7);
      expect(await importInto(tracker, kind, file)).toMatchObject({
        ...NOTHING,
        unchanged: 7 + kind.containers,
        notes_added: 0,
      });
      // What comes under an id of then is a new item.
      await kind.write(folder, [...tasksOf('Alpha', 7)], { prefix: 'new' });
      expect(await importInto(tracker, kind, file)).toMatchObject({ created: 0 });
    });
  });

  it('with prefixes of several projects keeps its name whatever most of them are', async () => {
    const tracker = await openTracker(backend);
    const beads = KINDS[1] as Kind;
    const folder = path.join(tracker.place.projectDir, '.beads');
    const file = await beads.write(folder, tasksOf('H', 1), { prefix: 'hq' });
    const rows = (...ids: string[]) => ids.map((id) => JSON.stringify({ id, title: `The ${id}` })).join('\n');
    await writeFile(file, rows('hq-1', 'rig-1'));
    expect(await importInto(tracker, beads, file)).toMatchObject({ created: 2 });
    await writeFile(file, rows('hq-1', 'rig-1', 'rig-2'));
    expect(await importInto(tracker, beads, file)).toMatchObject({ created: 1, unchanged: 2, updated: 0 });
    await writeFile(file, rows('hq-2', 'other-1', 'other-2'));
    expect(await importInto(tracker, beads, file)).toMatchObject({
      created: 3,
      updated: 0,
      source_taken: { namespace: 'beads' },
    });
  });

  it('that two versions named apart is taken for the one that has more of it', async () => {
    const tracker = await openTracker(backend);
    const beads = KINDS[1] as Kind;
    const folder = path.join(tracker.place.projectDir, 'a');
    await importAsBefore(tracker, beads, await beads.write(folder, tasksOf('H', 3)), 'hq');
    const file = await beads.write(folder, tasksOf('H', 5));
    await importAsBefore(tracker, beads, file, 'rig');
    expect(await importInto(tracker, beads, file)).toMatchObject({
      created: 0,
      unchanged: 5,
      source_taken: { namespace: 'rig' },
    });
  });
});

describe('where it cannot be told which source it is', () => {
  const [taskMaster, beads] = [KINDS[0] as Kind, KINDS[1] as Kind];
  const embedded = async () => {
    const tracker = await openTracker(backends[0] as Backend);
    const folder = (name: string) => path.join(tracker.place.projectDir, name);
    return { tracker, folder };
  };
  const refusal = { code: 'ValidationError', details: { field: 'namespace' } };

  it('an import is refused with both ways out, and nothing is changed', async () => {
    const { tracker, folder } = await embedded();
    const alpha = tasksOf('Alpha', 4);
    await importInto(tracker, taskMaster, await taskMaster.write(folder('a'), alpha));
    const half = [...alpha.slice(0, 2), ...tasksOf('Beta', 2, 3)];
    const file = await taskMaster.write(folder('b'), half);
    const before = await contentOf(tracker);
    for (const dryRun of [true, false]) {
      const refused = importInto(tracker, taskMaster, file, { dryRun });
      await expect(refused).rejects.toMatchObject({
        ...refusal,
        message: expect.stringMatching(
          /"a" \(from "a\/tasks\.json"\).*2 of 4.*"Beta .*" in the file and was "Alpha /,
        ) as string,
        next: expect.stringMatching(/--namespace.*"a" updates.*"b" imports/) as string,
      });
    }
    expect(await contentOf(tracker)).toEqual(before);
    expect(await importInto(tracker, taskMaster, file, { namespace: 'b' })).toMatchObject({
      created: 5,
      updated: 0,
    });
    // It is known from then on.
    expect(await importInto(tracker, taskMaster, file)).toMatchObject({
      ...NOTHING,
      source_taken: { namespace: 'b', as: 'known' },
    });
    expect(await importInto(tracker, taskMaster, path.join(folder('a'), 'tasks.json'))).toMatchObject({
      ...NOTHING, source_taken: { namespace: 'a', as: 'known' },
    }); // prettier-ignore
  });

  it('another project in the place of a source is not taken for it', async () => {
    const { tracker, folder } = await embedded();
    const file = await taskMaster.write(folder('a'), tasksOf('Alpha', 4));
    await importInto(tracker, taskMaster, file);
    await taskMaster.write(folder('a'), tasksOf('Beta', 4));
    await expect(importInto(tracker, taskMaster, file)).rejects.toMatchObject(refusal);
    await importInto(tracker, taskMaster, file, { namespace: 'beta' });
    expect(await contentOf(tracker)).toHaveLength(8);
    expect(await importInto(tracker, taskMaster, file)).toMatchObject({
      ...NOTHING,
      source_taken: { namespace: 'beta' },
    });
    await taskMaster.write(folder('a'), tasksOf('Alpha', 5));
    expect(await importInto(tracker, taskMaster, file)).toMatchObject({
      created: 1,
      updated: 0,
      source_taken: { namespace: 'a' },
    });
  });

  it('two trackers that began as copies are two, and what was said of one is kept', async () => {
    const { tracker, folder } = await embedded();
    const [first, ...others] = tasksOf('Setup', 5) as [Task, ...Task[]];
    const a = await taskMaster.write(folder('a/.taskmaster/tasks'), [first, ...others]);
    const b = await taskMaster.write(folder('b/.taskmaster/tasks'), [{ ...first, isDone: true }, ...others]);
    await importInto(tracker, taskMaster, a);
    await expect(importInto(tracker, taskMaster, b)).rejects.toMatchObject(refusal);
    await importInto(tracker, taskMaster, b, { namespace: 'b' });
    for (const [file, namespace] of [
      [a, 'a'],
      [b, 'b'],
    ] as const) {
      expect(await importInto(tracker, taskMaster, file)).toMatchObject({
        ...NOTHING,
        source_taken: { namespace },
      });
    }
    // Where the first has gone, it was moved.
    await rm(folder('a'), { recursive: true });
    const c = await taskMaster.write(folder('c/.taskmaster/tasks'), [
      first,
      ...others,
      ...tasksOf('Later', 1, 6),
    ]);
    await rm(folder('b'), { recursive: true });
    await expect(importInto(tracker, taskMaster, c)).rejects.toMatchObject(refusal);
  });

  it('what a person says is kept although nothing else is written', async () => {
    const { tracker, folder } = await embedded();
    const file = await beads.write(folder('a'), tasksOf('Alpha', 3));
    await importAsBefore(tracker, beads, file, 'one');
    await importAsBefore(tracker, beads, file, 'two');
    await expect(importInto(tracker, beads, file)).rejects.toMatchObject(refusal);
    expect(await importInto(tracker, beads, file, { namespace: 'two' })).toMatchObject({
      ...NOTHING,
      unchanged: 3,
    });
    expect(await importInto(tracker, beads, file)).toMatchObject({
      ...NOTHING,
      source_taken: { namespace: 'two', as: 'known' },
    });
  });
});

describe('the place of a source', () => {
  it('is its path in the project, also in other work trees and clones of it', async () => {
    const project = await temporaryProject({ git: true });
    const [tree, clone] = [`${project}-tree`, `${project}-clone`];
    await git(project, 'worktree', 'add', '--quiet', '-b', 'tree', tree);
    await git(project, 'clone', '--quiet', project, clone);
    for (const folder of [project, clone]) {
      await git(folder, 'config', 'remote.origin.url', 'https://ana:secret@Example.com/acme/shop.git');
    }
    const usual = ['tasks.json'];
    for (const folder of [project, tree, clone]) {
      expect(await placeOf('task-master', path.join(folder, 'api/tasks.json'), usual, project)).toEqual({
        text: 'api/tasks.json', name: 'api', inProject: 'api/tasks.json',
      }); // prettier-ignore
    }
    const other = await temporaryProject();
    expect(await placeOf('task-master', path.join(clone, 'api/tasks.json'), usual, other)).toEqual({
      text: 'example.com/acme/shop: api/tasks.json', name: 'shop/api', inProject: null,
    }); // prettier-ignore
    const plain = await placeOf('task-master', path.join(other, 'shop/tasks.json'), usual, project);
    expect(plain).toMatchObject({
      text: expect.stringMatching(/^shop\/tasks\.json \([0-9a-f]{12}\)$/) as string,
      name: 'shop',
    });
    for (const folder of [tree, clone]) await rm(folder, { recursive: true });
  });
});

describeWithSharedData('the real inputs', (data) => {
  it('of beads are known again: in parts, from an earlier version, and with another prefix', async () => {
    const beads = KINDS[1] as Kind;
    const tracker = await openTracker(backends[0] as Backend);
    const lines = readFileSync(path.join(data, 'beads', 'issues.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');
    const file = path.join(tracker.place.projectDir, 'issues.jsonl');
    const write = (rows: readonly string[]) => writeFile(file, rows.join('\n'));
    await write(lines.slice(0, 70));
    await importAsBefore(tracker, beads, file, 'bd');
    await write(lines.slice(30));
    const known = { namespace: 'bd', as: 'known' };
    expect(await importInto(tracker, beads, file)).toMatchObject({
      created: 71,
      kept_local: 0,
      source_taken: known,
    });
    await write(lines.map((line) => line.replaceAll(/"bd-/g, '"kw-')));
    const renamed = await importInto(tracker, beads, file);
    expect(renamed).toMatchObject({ created: 0, kept_local: 0, notes_added: 0, source_taken: known });
    // One issue is of another rig, with a prefix of its own.
    expect(renamed.source_taken.renamed_total).toBe(140);
    expect(await importInto(tracker, beads, file)).toMatchObject({
      ...NOTHING,
      unchanged: 141,
      links_added: 0,
    });
  });

  it('of Task Master and Backlog.md are known again after an earlier version named them', async () => {
    const tracker = await openTracker(backends[0] as Backend);
    const inputs = [
      [KINDS[0] as Kind, path.join(data, 'task-master', 'tasks.json'), 'task-master'],
      [KINDS[2] as Kind, path.join(data, 'backlog-md'), 'Backlog.md'],
    ] as const;
    for (const [kind, source, namespace] of inputs) {
      const { created } = await importAsBefore(tracker, kind, source, namespace);
      expect(await importInto(tracker, kind, source)).toMatchObject({
        ...NOTHING, unchanged: created, links_added: 0, links_removed: 0, source_taken: { namespace },
      }); // prettier-ignore
    }
  });
});

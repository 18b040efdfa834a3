// A case of a damaged file: what happens to it, what the tracker still does meanwhile, and how it is played.
import path from 'node:path';
import { expect } from 'vitest';
import { TrackerError } from '../../../src/domain/errors.ts';
import type { DataSource, Durability } from '../../../src/storage/contract/store.ts';
import { damageFile, type Damage, type Moment } from './damage.ts';
import { expectConvergence, expectReads } from './expected.ts';
import { DRIVER_TEXT, type Scene } from './scene.ts';
import type { Kind } from './template.ts';

export interface FileCase {
  file: string;
  damage: Damage;
  on: Kind;
  when: Moment;
  /** Whether the primary can be reached meanwhile. Default: away. */
  primary?: 'there' | 'away';
  prepare?: (scene: Scene) => Promise<void> | void;
  /** Before a file in use is harmed. */
  atRest?: (scene: Scene) => Promise<void>;
  /** Where it is more than `damage` done to `file`. */
  harm?: (scene: Scene) => Promise<void> | void;
  /** Where reads may come from meanwhile; empty where nothing can answer. */
  reads: readonly DataSource[];
  /** The title of an item that is still known; by default one that all copies have. */
  knows?: string;
  /** Where a write may be saved then; empty where the program cannot even start. */
  writes: readonly (Durability | 'NotSavedError' | 'DatabaseError')[];
  /** What is said about it; undefined where nobody could notice. */
  says?: RegExp;
  /** Of the four waiting writes those whose only copy is destroyed, so that they may be missing afterwards. */
  mayLose?: readonly number[];
  /** Puts back what only a person can put back. */
  mend?: (scene: Scene) => Promise<void> | void;
  /** New writes stay in the journal after all is mended, and this is said of them. */
  strands?: RegExp;
  /** Looked at before anything is mended. */
  untouched?: (scene: Scene) => string;
}

/** @returns how many waiting writes are gone with the file: no more than the case allows */
export async function playFileCase(scene: Scene, found: FileCase): Promise<number> {
  const { template } = scene;
  await found.prepare?.(scene);
  const isAway = (found.primary ?? 'away') === 'away';
  if (isAway) await scene.away();
  if (found.when === 'before the start') await harm(scene, found);
  const opened = await scene.open().then(
    () => true,
    (error: unknown) => {
      if (!(error instanceof TrackerError)) throw error;
      expect(found.writes, error.message).toEqual([]);
      expect(error.message).not.toMatch(DRIVER_TEXT);
      return false;
    },
  );
  const asItIs = opened ? found.untouched?.(scene) : undefined;
  if (opened) {
    if (found.when === 'in use') {
      await scene.list();
      await found.atRest?.(scene);
      await harm(scene, found);
    }
    await expectReads(scene, found.reads, found.knows);
    expect(found.writes).toContain(await scene.write('Made in the damage'));
    const waiting = new Set((await scene.store.pending()).map(({ id }) => id));
    if (found.reads.length > 0) {
      const one = await scene.query(scene.created.at(-1)?.id as string);
      expect(one.data).toMatchObject({ title: 'Made in the damage' });
    }
    const said = await scene.said();
    if (found.says !== undefined) expect(said).toMatch(found.says);
    if (found.when === 'before the start' && isAway) {
      const missing = template.waiting.filter((id) => !waiting.has(id));
      const mayMiss = (found.mayLose ?? []).map((index) => template.waiting[index]);
      const damagedOnly = found.mend === undefined ? missing : [];
      expect(mayMiss).toEqual(expect.arrayContaining(damagedOnly));
    }
    if (asItIs !== undefined) expect(found.untouched?.(scene) === asItIs, 'it is left as it is').toBe(true);
  }
  if (found.mend !== undefined) {
    await scene.close();
    await found.mend(scene);
  }
  await scene.back();
  if (!opened || found.mend !== undefined) {
    await scene.close();
    await scene.open();
  }
  const stranded =
    found.strands !== undefined && scene.created.some(({ durability }) => durability === 'outbox');
  if (stranded) scene.forgetSavedIn('outbox');
  const gone = await expectConvergence(scene, found.mayLose);
  if (stranded) expect((await scene.store.layers()).damage.join('\n')).toMatch(found.strands as RegExp);
  return gone;
}

async function harm(scene: Scene, found: FileCase): Promise<void> {
  if (found.harm !== undefined) return await found.harm(scene);
  damageFile(scene.file(found.file), found.damage, {
    foreign: copyOf(scene.template.foreign, found.file),
    older: copyOf(scene.template.older, found.file),
  });
}

const copyOf = (folder: string, name: string): string =>
  path.join(folder, name.startsWith('.') ? name : path.join('.worktrail', name));

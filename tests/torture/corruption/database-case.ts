// A case of a damaged PostgreSQL database: what happens to it, what the tracker makes of it, and how it is played.
import { expect } from 'vitest';
import { isProvisional } from '../../../src/domain/provisional-version.ts';
import type { TierState } from '../../../src/storage/contract/state.ts';
import type { Moment } from './damage.ts';
import { expectConvergence, expectReads } from './expected.ts';
import type { FileCase } from './file-case.ts';
import { PATIENCE_MS, copiesAreFresh, eventually, settled } from './patience.ts';
import type { Scene } from './scene.ts';

/** What is not noticed yet is not waited for as long. */
const UNNOTICED_PATIENCE_MS = 3_000;
const SEVERAL_PROBES_MS = 300;

export interface DatabaseCase {
  name: string;
  when: Moment;
  /** Runs before the tracker is opened; what it answers is given to `strike`. */
  prepare?: (scene: Scene) => Promise<string>;
  strike: (scene: Scene, prepared: string) => Promise<void>;
  heal: (scene: Scene) => Promise<void>;
  /** `refused` where the database answers and is not the truth. */
  state: readonly TierState[];
  reads: FileCase['reads'];
  writes: FileCase['writes'];
  says?: RegExp;
  /** What only a write finds out. */
  showsOnWriting?: true;
  /** Why it is not noticed yet; the test says so when it is. */
  unnoticed?: string;
}

export async function playDatabaseCase(scene: Scene, found: DatabaseCase): Promise<void> {
  const prepared = (await found.prepare?.(scene)) ?? '';
  if (found.when === 'in use') {
    await scene.open();
    await settled(scene.tracker);
    expect(await scene.write('Made before')).toBe('postgres');
    await copiesAreFresh(scene.tracker);
    await found.strike(scene, prepared);
    if (found.showsOnWriting === true) await scene.write('Made to find out');
    await noticed(scene, found);
  } else {
    await found.strike(scene, prepared);
    await scene.open();
    await noticed(scene, found);
  }
  await expectReads(scene, found.reads);
  for (const title of ['Made in the damage', 'Made in the damage too']) {
    expect(found.writes).toContain(await scene.write(title));
  }
  const last = (await scene.query(scene.created.at(-1)?.id ?? '')).data as { version: number };
  expect(isProvisional(last.version)).toBe(true);
  // A cut connection is noticed first, and what is behind the address by the next look.
  await expect.poll(() => scene.said(), { timeout: PATIENCE_MS }).toMatch(found.says ?? /./);
  // Asked again and again, it stays away from what is not the truth.
  await new Promise((resolve) => setTimeout(resolve, SEVERAL_PROBES_MS));
  expect(found.state).toContain(scene.store.state);
  const written = scene.created.filter(({ durability }) => durability !== 'postgres').length;
  const waiting = (found.when === 'before the start' ? scene.template.waiting.length : 0) + written;
  expect(await scene.store.pending()).toHaveLength(waiting);
  await found.heal(scene);
  await expectConvergence(scene);
}

async function noticed(scene: Scene, { state, unnoticed }: DatabaseCase): Promise<void> {
  const patienceMs = unnoticed === undefined ? PATIENCE_MS : UNNOTICED_PATIENCE_MS;
  await eventually('the tracker to notice', () => state.includes(scene.store.state), patienceMs);
}

// Two machines work on one project without its database, each by itself, and come back in any order: both end up with
// the same records, nothing that either acknowledged is lost, applied twice or overwritten in silence, and every
// conflict is shown to both.
import { describe, expect, it } from 'vitest';
import { allRows } from '../storage/tiers/filled-session.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import { newClones, newProject } from './machines/clones.ts';
import { expectFates, type Figures } from './machines/fates.ts';
import { expectHonestHistory } from './machines/honest-history.ts';
import type { Ledger } from './machines/ledger.ts';
import { Machine } from './machines/machine.ts';
import { behindLink, newModelProject } from './machines/model-project.ts';
import { Person } from './machines/person.ts';
import type { Project } from './machines/project.ts';
import { settleAll, untilAtRest } from './machines/rest.ts';
import { expectSameRows, expectShown } from './machines/shown.ts';
import type { Random } from './model/random.ts';
import { World } from './model/world.ts';
import { TIMEOUT_MS, counted, episodes, isLong, randomFor, report, seed } from './scale.ts';

/** With a real PostgreSQL, each machine with a network of its own; the others with the model of one. */
const POSTGRES_RUNS = episodes(2, 20);
const MODEL_RUNS = episodes(8, 480);
/** Pairs of machines side by side: on PostgreSQL a run mostly waits. */
const LANES = episodes(2, 4);
const CHANGES_MAX = 100;

/** How the machines come back; the last: both at once, and the network of one fails again in the middle of its replay. */
const RETURNS = ['one after the other', 'both at once', 'one cut off again'] as const;
type Return = (typeof RETURNS)[number];

const NAME = 'end up with the same records in whatever order they come back, and both see every conflict';

describeUnless(postgresSkipReason(), 'two machines that were offline, on PostgreSQL', () => {
  it(NAME, { timeout: TIMEOUT_MS }, async () => {
    const tally = new Tally();
    let next = 0;
    const lane = async () => {
      const clones = await newClones();
      for (let run = next++; run < POSTGRES_RUNS; run = next++) {
        await tally.count('PostgreSQL', run, async (random) => {
          const project = await newProject(clones, `machines-${run}`);
          try {
            return await goThrough(project, random);
          } finally {
            await project.close();
          }
        });
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    tally.report('two machines on PostgreSQL');
  });
});

describe('two machines that were offline, on a model of PostgreSQL', () => {
  it(NAME, { timeout: TIMEOUT_MS }, async () => {
    const tally = new Tally();
    for (let run = 0; run < MODEL_RUNS; run += 1) {
      await tally.count('the model', run, async (random) => {
        const world = new World({ seed: random.seed, processes: [1, 1], seams: { primary: behindLink } });
        try {
          // Simulated time passes while it goes on.
          const figures = newModelProject(world).then((project) => goThrough(project, random));
          await world.finish(figures, Number.POSITIVE_INFINITY);
          const found = await figures;
          expect(world.violations).toEqual([]);
          return found;
        } finally {
          world.close();
        }
      });
    }
    tally.report('two machines on a model');
  });
});

class Tally {
  readonly #figures = new Map<keyof Figures, number>();
  readonly #orders = new Map<Return, number>();
  #runs = 0;

  async count(on: string, run: number, go: (random: Random) => Promise<[Return, Figures]>): Promise<void> {
    try {
      const [order, figures] = await go(randomFor(`machines on ${on} ${run}`));
      this.#runs += 1;
      this.#orders.set(order, (this.#orders.get(order) ?? 0) + 1);
      for (const [name, count] of Object.entries(figures) as [keyof Figures, number][])
        this.#figures.set(name, (this.#figures.get(name) ?? 0) + count);
    } catch (error) {
      throw new Error(`run ${run} on ${on} (seed ${seed}): ${String(error)}`, { cause: error });
    }
  }

  report(test: string): void {
    const figure = (name: keyof Figures) => counted(this.#figures.get(name) ?? 0);
    report(
      test,
      [
        `${this.#runs} runs converged (${[...this.#orders].map(([order, runs]) => `${runs} ${order}`).join(', ')})`,
        `${figure('changes')} changes acknowledged offline`,
        `${figure('applied')} applied (${figure('merged')} merged)`,
        `${figure('conflicts')} conflicts`,
        `${figure('rejected')} rejected`,
        '0 lost',
        '0 twice',
        `${figure('contested')} fields changed on both from one version, 0 overwritten`,
        `${figure('refused')} refused at once`,
      ].join(', '),
    );
    // Else there was nothing to see; a few runs may have made few changes.
    if (!isLong) return;
    for (const name of ['merged', 'conflicts', 'rejected', 'contested'] as const)
      expect(this.#figures.get(name), name).toBeGreaterThan(0);
  }
}

async function goThrough(project: Project, random: Random): Promise<[Return, Figures]> {
  const { primary } = project;
  const ledger: Ledger = new Map();
  const machines = project.places.map((place, index) => {
    const person = new Person(['ada', 'ben'][index] ?? '', place, random, ledger);
    return new Machine(person, place, project, random);
  });
  const [first, second] = machines as [Machine, Machine];
  await first.person.makeShared();
  await untilAtRest(machines, project);
  for (const machine of machines) await machine.goOffline();
  // Few more often than many.
  const count = () => random.int(1 + random.int(CHANGES_MAX + 1));
  await Promise.all(machines.map(({ person }) => person.work(count())));

  const order = await comeBack(random.pick(RETURNS), random.chance(0.5) ? [first, second] : [second, first]);
  await untilAtRest(machines, project);
  const before = await allRows(primary);
  await expectFates(machines, before, ledger);
  await expectShown(machines, before);

  await settleAll(machines, project, random);
  const after = await allRows(primary);
  const figures = await expectFates(machines, after, ledger);
  expectHonestHistory(after, ledger);
  for (const { place } of machines) expectSameRows(await place.cached(), after);
  return [order, figures];
}

/** @returns how they really came back: a short replay may be over before the network fails */
async function comeBack(order: Return, [early, late]: [Machine, Machine]): Promise<Return> {
  if (order === 'one after the other') {
    await early.comeBack();
    await late.comeBack();
    return order;
  }
  const earlyBack = order === 'both at once' ? early.comeBack() : early.comeBackTwice();
  const [wasCutOff] = await Promise.all([earlyBack, late.comeBack()]);
  return wasCutOff === true ? 'one cut off again' : 'both at once';
}

/** How every layer is, for people who look after the tracker. */
import type { SourceName } from '../database/connection.ts';
import type { LayersReport } from '../contract/store.ts';
import type { Breaker } from './breaker.ts';
import { holdOf } from './held-writes.ts';
import { describeFailure } from '../database/driver-errors.ts';
import { unsealedByPlace } from '../contract/unsealed.ts';
import type { TieredParts } from './parts.ts';

export async function describeLayers(parts: TieredParts, breaker: Breaker): Promise<LayersReport> {
  const { journals, memory, clock } = parts;
  const waiting = await journals.waiting();
  const failures = memory.held.failures();
  const holds = waiting.entries.map((entry) => holdOf(entry, failures));
  const layers: LayersReport['layers'] = [
    {
      source: primarySource(parts),
      label: parts.primaryLabel,
      location: parts.location,
      as_of: breaker.reason === null ? new Date(clock.now()).toISOString() : null,
      problem: breaker.reason,
    },
  ];
  for (const replica of parts.replicas) {
    const as_of = (await replica.age()) ?? null;
    const problem =
      as_of === null ? await problemOf(() => replica.run(waiting, () => Promise.resolve())) : null;
    layers.push({ source: replica.source, label: replica.label, location: replica.location, as_of, problem });
  }
  return {
    state: breaker.state,
    reason: breaker.reason,
    since: breaker.since,
    layers,
    journals: journals.all.map(({ name, location }) => ({
      name,
      location,
      problem: journals.problems.get(name) ?? null,
    })),
    waiting: {
      total: waiting.entries.length,
      parked: holds.filter((hold) => hold === 'parked').length,
      newer_version: holds.filter((hold) => hold === 'newer_version').length,
      oldest_at: waiting.entries[0]?.at ?? null,
    },
    unsealed: unsealedByPlace(journals.unsealed),
    damage: journals.damage(),
  };
}

async function problemOf(work: () => Promise<void>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    return describeFailure(error);
  }
}

/** What the primary is in an answer: an embedded tracker has no cache of it. */
export function primarySource({ cache }: Pick<TieredParts, 'cache'>): SourceName {
  return cache === undefined ? 'sqlite' : 'postgres';
}

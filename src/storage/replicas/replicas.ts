/** The replicas as one: work runs on the first that can do it; a stale cache makes way for a newer one below it. */
import type { Connection, ReadOptions } from '../database/connection.ts';
import { layerFailure, reasonOf } from '../database/driver-errors.ts';
import { readerOf, type Reader } from '../queries/reader.ts';
import type { CopyMoment, DataSource } from '../contract/store.ts';
import type { Clock } from '../../platform/clock.ts';
import type { JournalEntry, WaitingWrites } from '../contract/journal.ts';
import { NoJournal } from '../journals/journals.ts';
import { tellUnknown } from './partly-shown.ts';
import { LayerUnavailable, type ReadyReplica, type Replica } from './replica.ts';

/** Why no replica could do what was asked. */
export class NoReplica extends Error {
  override readonly name = 'NoReplica';
  constructor(readonly layers: { layer: string; reason: string }[]) {
    super(layers.map(({ layer, reason }) => `${layer}: ${reason}`).join('; '));
  }
}

/** The replica that was chosen, with everything that waits on top of it. */
export interface ChosenReplica extends ReadyReplica {
  replica: Replica;
  /** It was not confirmed for longer than it should be, and there is none that is newer. */
  isStale: boolean;
  /** @throws LayerUnavailable where the replica does not hold what is asked for */
  read<T>(work: (reader: Reader) => Promise<T>, options?: ReadOptions): Promise<T>;
}

export interface Found<T> {
  data: T;
  source: DataSource;
  as_of: string;
  copy: CopyMoment;
}

/** Safe for concurrent callers. */
export class Replicas {
  /**
   * @param all from the best to the last
   * @param staleAfterMs the age at which the first is stale
   * @param isAllIn whether what is complete up to a position has all that the primary answered to this process
   */
  constructor(
    private readonly all: readonly Replica[],
    private readonly clock: Clock,
    private readonly staleAfterMs: number,
    private readonly isAllIn: (seq: number | null) => boolean,
  ) {}

  /**
   * @param uncached changes of this process in the primary that the first does not have
   * @param wholeOnly leaves out those that do not have everything that the primary had
   * @throws NoReplica when none can do it; every other error of `work` as it is
   */
  async run<T>(
    waiting: WaitingWrites,
    work: (chosen: ChosenReplica) => Promise<T>,
    uncached: ReadonlySet<string>,
    { wholeOnly = false }: { wholeOnly?: boolean } = {},
  ): Promise<Found<T>> {
    const failed: NoReplica['layers'] = [];
    for (const { replica, isStale } of await this.#inOrder()) {
      if (wholeOnly && !replica.isWhole) continue;
      try {
        return await replica.run(waiting, async (ready) => {
          const read = <R>(ask: (reader: Reader) => Promise<R>, options?: ReadOptions) =>
            ready.session.read(async (c) => {
              const answer = await ask(readerOfReplica(c, replica));
              return ready.hasAllFields ? answer : await tellUnknown(c, answer);
            }, options);
          const data = await work({ ...ready, replica, isStale, read });
          const { as_of, seq } = ready;
          // Another copy may be of a branch that the database has lost: a position tells nothing there.
          const hasAllSeen = replica.isWhole && this.isAllIn(seq);
          const shows = await whatShows(ready, replica, waiting, uncached);
          return {
            data,
            source: replica.source,
            as_of,
            copy: { as_of, seq, shows, hasAllSeen },
          };
        });
      } catch (error) {
        if (!isLayerError(error)) throw error;
        failed.push({ layer: replica.label, reason: reasonOf(error) });
      }
    }
    throw new NoReplica(failed);
  }

  async #inOrder(): Promise<{ replica: Replica; isStale: boolean }[]> {
    const age = await this.all[0]?.age();
    if (age === undefined || !this.#isStale(age)) {
      return this.all.map((replica) => ({ replica, isStale: false }));
    }
    // Only now is it worth knowing how old the others are.
    const aged = await Promise.all(
      this.all.map(async (replica) => ({ replica, age: (await replica.age()) ?? '' })),
    );
    return aged
      .sort((a, b) => (a.age === b.age ? 0 : a.age < b.age ? 1 : -1))
      .map(({ replica, age: as_of }) => ({ replica, isStale: as_of === '' || this.#isStale(as_of) }));
  }

  #isStale(as_of: string): boolean {
    return this.clock.now() - Date.parse(as_of) > this.staleAfterMs;
  }
}

/** A whole copy follows the primary with all that is written here; the others have on them what waits at the moment. */
async function whatShows(
  { leftOut }: ReadyReplica,
  { isWhole }: Replica,
  waiting: WaitingWrites,
  uncached: ReadonlySet<string>,
): Promise<CopyMoment['shows']> {
  const entries = await waiting.list();
  const holds = (id: string, entry: JournalEntry) => entry.changes.some((change) => change.id === id);
  return (id) =>
    isWhole
      ? !uncached.has(id) && !entries.some((entry) => leftOut.has(entry.id) && holds(id, entry))
      : entries.some((entry) => !leftOut.has(entry.id) && holds(id, entry));
}

/** A layer without history says so instead of answering that nothing ever happened. */
function readerOfReplica(c: Connection, { isWhole }: Replica): Reader {
  if (isWhole) return readerOf(c);
  const refuse = () => Promise.reject(new LayerUnavailable('it does not hold the history of changes'));
  return {
    ...readerOf(c),
    listChanges: refuse,
    findChangeAt: refuse,
    findChangeIds: refuse,
    findRowsOfChange: refuse,
    findRowsBy: refuse,
    findRowsOfRecords: refuse,
    findFirstRow: refuse,
    findRowsAfter: refuse,
    findLastRow: refuse,
    findResultByKey: refuse,
  };
}

function isLayerError(error: unknown): boolean {
  if (error instanceof LayerUnavailable) return true;
  return !(error instanceof NoJournal) && layerFailure(error) !== undefined;
}

/**
 * What answers and keeps writes while the primary is away: the replicas, and the journals beside them. Every answer
 * from here says how old it is and what is missing in it; every write, where it is kept.
 */
import { TrackerError, isError } from '../../domain/errors.ts';
import type { Applied, Change } from '../../domain/change.ts';
import { PROVISIONAL_FEED_STEP } from '../../domain/provisional-version.ts';
import type { Warning } from '../../domain/warnings.ts';
import type { ReadOptions } from '../database/connection.ts';
import { layerFailure, reasonOf } from '../database/driver-errors.ts';
import type { Reader } from '../queries/reader.ts';
import { isOutcomeUnknown } from '../primary/sql-store.ts';
import type { Answer, WriteAnswer } from '../contract/store.ts';
import type { Breaker } from './breaker.ts';
import type { JournalEntry, JournalName } from '../contract/journal.ts';
import { NoJournal, type Waiting } from '../journals/journals.ts';
import { primarySource } from './layers-report.ts';
import { applyToReplica, type Keeper, type PreparedWrite } from '../replicas/replica.ts';
import { NoReplica, Replicas, type ChosenReplica, type Found } from '../replicas/replicas.ts';
import { ownSeal } from '../journals/seal.ts';
import { SOURCE_OF_JOURNAL, uncheckedAnswer, uncheckedLine, uncheckedVersions } from './unchecked-write.ts';
import { keylessWarning } from '../contract/unsealed.ts';
import * as messages from './messages.ts';
import type { TieredParts } from './parts.ts';

/** A cache that was not confirmed for longer is `stale`, and a lower layer is used if it is newer. */
const STALE_AFTER_MS_DEFAULT = 30 * 60_000;

const NONE: ReadonlySet<string> = new Set();

interface LowerLayersOptions {
  parts: TieredParts;
  breaker: Breaker;
  /** Resolves when the cache has what this process wrote to the primary, or soon; with the changes that it does not have. */
  uncached: () => Promise<ReadonlySet<string>>;
  /** Called when a write was saved, before it is answered. */
  onSaved: () => void;
}

/** Safe for concurrent callers. */
export class LowerLayers {
  readonly #parts: TieredParts;
  readonly #breaker: Breaker;
  readonly #replicas: Replicas;

  constructor(private readonly options: LowerLayersOptions) {
    const { parts, breaker } = options;
    this.#parts = parts;
    this.#breaker = breaker;
    const staleAfterMs = parts.staleAfterMs ?? STALE_AFTER_MS_DEFAULT;
    this.#replicas = new Replicas(parts.replicas, parts.clock, staleAfterMs, (seq) =>
      parts.seen.isAllIn(seq),
    );
  }

  /**
   * Answers from the first replica that can.
   * @throws DatabaseError when none can
   */
  async read<T>(
    work: (reader: Reader) => Promise<T>,
    options: ReadOptions,
    which: { wholeOnly?: boolean } = {},
  ): Promise<Answer<T>> {
    const waiting = await this.#parts.journals.waiting();
    const { data, ...found } = await this.onReplica(async (chosen) => {
      const { replica, as_of, isStale, notes, read } = chosen;
      const warnings: Warning[] = [
        ...messages.readWarnings(this.#situation(waiting, chosen.leftOut), replica, as_of, isStale),
        ...notes.map((message) => ({ code: 'incomplete', message })),
      ];
      try {
        return { answer: await read(work, options), warnings };
      } catch (error) {
        if (await this.#mayLack(chosen, error)) throw this.#notIn(chosen, error);
        throw messages.withSituation(error, this.#situation(waiting), replica, as_of);
      }
    }, which);
    return { ...found, data: data.answer, warnings: data.warnings };
  }

  /**
   * Validates a write against a replica and saves it in a journal; where no replica can validate it, it is saved as
   * it is and checked in the replay.
   * @param lost why the primary did not take it; undefined when it was not asked
   * @throws NotSavedError when no journal could save it, with the write; another TrackerError when it broke a rule
   */
  async write(changes: Change[], lost: unknown): Promise<WriteAnswer> {
    let saved: { journal: JournalName; write: PreparedWrite } | undefined;
    let nowhere: NoJournal | undefined;
    let checkedOf: string | undefined;
    let leftOut = NONE;
    const accept = async (write: PreparedWrite) => {
      try {
        saved = { journal: await this.#parts.journals.append(write.changes), write };
      } catch (error) {
        if (error instanceof NoJournal) nowhere = error;
        throw error;
      }
    };
    const waiting = await this.#parts.journals.waiting();
    let why: string = messages.WHY_UNCHECKED.noCopy;
    let checked: Pick<Found<PreparedWrite>, 'data' | 'source'> & Partial<Found<PreparedWrite>>;
    try {
      checked = await this.onReplica((chosen) => {
        // A replica whose commit failed after the write was saved is not asked again: the next would save it twice.
        if (saved !== undefined) return Promise.resolve(saved.write);
        checkedOf = chosen.as_of;
        leftOut = chosen.leftOut;
        return applyToReplica(
          chosen,
          changes,
          {
            ownChanges: (id, version) => this.#parts.memory.ownChanges(id, version),
            findWaiting: (id) => this.#parts.journals.find(id),
          },
          accept,
        ).catch(async (error: unknown) => {
          if (await this.#mayLack(chosen, error)) {
            why = messages.WHY_UNCHECKED.lagging;
            throw this.#notIn(chosen, error);
          }
          throw messages.withSituation(error, this.#situation(waiting), chosen.replica, chosen.as_of);
        });
      });
    } catch (error) {
      if (nowhere !== undefined) throw messages.notSaved(changes, lost, this.#breaker.reason, nowhere.layers);
      const brokeRule = error instanceof TrackerError && error.code !== 'DatabaseError';
      if (brokeRule && !isOutcomeUnknown(lost)) throw error;
      // It may be applied already, so no rule may refuse it; or there is no copy to check it against.
      if (brokeRule) why = messages.WHY_UNCHECKED.mayBeApplied;
      if (saved === undefined) return await this.#saveUnchecked(changes, lost, why);
      const source = SOURCE_OF_JOURNAL[saved.journal];
      checked = { data: saved.write, source, ...(checkedOf !== undefined && { as_of: checkedOf }) };
    }
    const { data: write, ...from } = checked;
    // Of the attempt that saved it: a repetition of the transaction finds it on the copy already.
    this.#parts.memory.noteProvisional(saved?.write.made ?? []);
    const keeper = saved?.journal ?? write.keptIn.find((one) => one !== 'primary') ?? 'primary';
    return await this.#answerSaved(write.applied, from, keeper, lost, leftOut);
  }

  /**
   * Runs `work` on the first replica that can do it.
   * @throws DatabaseError when none can
   */
  async onReplica<T>(
    work: (chosen: ChosenReplica) => Promise<T>,
    which: { wholeOnly?: boolean } = {},
  ): Promise<Found<T>> {
    const uncached = await this.options.uncached();
    try {
      const waiting = await this.#parts.journals.waiting();
      this.#parts.memory.noteLaid(waiting.entries);
      return await this.#replicas.run(waiting, work, uncached, which);
    } catch (error) {
      if (!(error instanceof NoReplica)) throw error;
      throw messages.noLayer(this.#parts.primaryLabel, this.#breaker.reason, error.layers);
    }
  }

  async #saveUnchecked(changes: Change[], lost: unknown, why: string): Promise<WriteAnswer> {
    const journal = await this.#parts.journals.append(changes).catch((error: unknown) => {
      const layers = error instanceof NoJournal ? error.layers : [];
      throw messages.notSaved(changes, lost, this.#breaker.reason, layers);
    });
    this.#parts.memory.noteProvisional(uncheckedVersions(changes));
    const from = { source: SOURCE_OF_JOURNAL[journal], unchecked: uncheckedLine(changes) };
    const answer = await this.#answerSaved(changes.map(uncheckedAnswer), from, journal, lost);
    return { ...answer, warnings: [...answer.warnings, messages.unchecked(why)] };
  }

  /** Whether something that a copy does not have may be there all the same: it lacks changes that were seen here. */
  async #mayLack({ read }: ChosenReplica, error: unknown): Promise<boolean> {
    if (!isError(error, 'NotFoundError')) return false;
    const { seq } = await read((reader) => reader.findFeedPosition());
    return seq % PROVISIONAL_FEED_STEP < (this.#parts.seen.seen()?.seq ?? 0);
  }

  #notIn({ replica, as_of }: ChosenReplica, cause: unknown): TrackerError {
    return messages.notInCopy(this.#parts.primaryLabel, this.#breaker.reason, replica, as_of, cause);
  }

  async #answerSaved(
    applied: Applied[],
    from: Pick<WriteAnswer, 'source' | 'as_of' | 'copy' | 'unchecked'>,
    keeper: Keeper,
    lost: unknown,
    leftOut = NONE,
  ): Promise<WriteAnswer> {
    if (keeper !== 'primary') this.#breaker.move('journaled', null);
    this.options.onSaved();
    const situation = this.#situation(await this.#parts.journals.waiting(), leftOut);
    const keyProblem = keeper === 'primary' ? undefined : ownSeal().problem();
    // Of a part of the primary that fails, the rest goes on.
    const isPart = /^(partial|denied)$/.test(layerFailure(lost) ?? '');
    const isLost = lost !== undefined && {
      state: isPart ? ('online' as const) : ('offline' as const),
      reason: reasonOf(lost),
    };
    return {
      data: applied,
      ...from,
      warnings: [
        ...applied.flatMap(({ warnings }) => warnings),
        ...messages.writeWarnings({ ...situation, ...isLost }, keeper, isOutcomeUnknown(lost)),
        ...(keyProblem === undefined ? [] : [keylessWarning(keyProblem)]),
      ],
      durability: keeper === 'primary' ? primarySource(this.#parts) : keeper,
    };
  }

  #situation(waiting: Waiting, leftOut: ReadonlySet<string> = NONE): messages.Situation {
    const isHidden = ({ id, newer }: JournalEntry) => newer !== undefined || leftOut.has(id);
    const hidden = waiting.entries.filter(isHidden).length;
    return {
      primaryLabel: this.#parts.primaryLabel,
      state: this.#breaker.state,
      reason: this.#breaker.reason,
      waiting: waiting.entries.length - hidden,
      hidden,
      held: this.#parts.memory.held.summaryOf(waiting.entries),
      now: this.#parts.clock.now(),
    };
  }
}

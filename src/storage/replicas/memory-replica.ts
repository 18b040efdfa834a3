/** A replica that is loaded into memory from something that cannot be asked directly. */
import type { Clock } from '../../platform/clock.ts';
import { Mutex } from '../database/retry.ts';
import type { DataSource } from '../contract/store.ts';
import { OUT_OF_ORDER, layOnTop, type ReadyReplica, type Replica } from './replica.ts';
import type { Loaded } from './replica-sources.ts';
import type { WaitingWrites } from '../contract/journal.ts';

/** How long the thing it was loaded from is taken to be unchanged. */
const MARK_KEPT_MS = 2_000;

export interface MemoryReplicaOptions {
  source: DataSource;
  label: string;
  location: string;
  isWhole: boolean;
  /** @throws LayerUnavailable */
  load: () => Promise<Loaded>;
  /** The moment that `load` would give records of. */
  age: () => Promise<string | undefined>;
  /** Changes when `load` would give other records. */
  mark: () => Promise<string>;
  clock: Clock;
}

export class MemoryReplica implements Replica {
  readonly source: DataSource;
  readonly label: string;
  readonly location: string;
  readonly isWhole: boolean;
  readonly #turn = new Mutex();
  #loaded:
    (Loaded & { mark: string; fingerprint: string; shown: Set<string>; leftOut: Set<string> }) | undefined;
  #mark = { value: '', at: Number.NEGATIVE_INFINITY };

  constructor(private readonly options: MemoryReplicaOptions) {
    this.source = options.source;
    this.label = options.label;
    this.location = options.location;
    this.isWhole = options.isWhole;
  }

  age(): Promise<string | undefined> {
    return this.options.age().catch(() => undefined);
  }

  run<T>(waiting: WaitingWrites, work: (ready: ReadyReplica) => Promise<T>): Promise<T> {
    return this.#turn.run(async () => work(await this.#ready(waiting)));
  }

  close(): Promise<void> {
    return this.#turn.run(() => this.#drop());
  }

  async #ready(waiting: WaitingWrites): Promise<ReadyReplica> {
    const mark = await this.#currentMark();
    let loaded = this.#loaded;
    if (loaded?.mark === mark && loaded.fingerprint === waiting.fingerprint) return loaded;
    const entries = await waiting.list();
    const ids = new Set(entries.map(({ id }) => id));
    // What waits no longer is part of the primary now, or was refused: the copy is made anew.
    const isOutdated =
      loaded?.mark !== mark ||
      loaded.leftOut.has(OUT_OF_ORDER) ||
      [...loaded.shown].some((id) => !ids.has(id));
    if (loaded === undefined || isOutdated) {
      await this.#drop();
      loaded = {
        ...(await this.options.load()),
        mark,
        fingerprint: '',
        shown: new Set(),
        leftOut: new Set(),
      };
      this.#loaded = loaded;
    }
    const { leftOut } = loaded;
    loaded.leftOut = await loaded.session.write((c) => layOnTop(c, entries, leftOut));
    loaded.shown = ids;
    loaded.fingerprint = waiting.fingerprint;
    return loaded;
  }

  async #currentMark(): Promise<string> {
    const now = this.options.clock.now();
    const age = now - this.#mark.at;
    if (age < 0 || age > MARK_KEPT_MS) this.#mark = { value: await this.options.mark(), at: now };
    return this.#mark.value;
  }

  async #drop(): Promise<void> {
    const loaded = this.#loaded;
    this.#loaded = undefined;
    await loaded?.session.close();
  }
}

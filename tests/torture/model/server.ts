// The primary: a real SqlStore for every process, over one database in memory that stands in for PostgreSQL.
import type { Change } from '../../../src/domain/change.ts';
import { databaseError } from '../../../src/domain/errors.ts';
import {
  OutcomeUnknown,
  type Connection,
  type ReadOptions,
  type Session,
} from '../../../src/storage/database/connection.ts';
import { NO_HINTS, type ChangeHints } from '../../../src/storage/database/hints.ts';
import { codedError, driverCode } from '../../../src/storage/database/driver-errors.ts';
import { findProject } from '../../../src/storage/queries/configuration.ts';
import { Mutex } from '../../../src/storage/database/retry.ts';
import type { Answer } from '../../../src/storage/contract/store.ts';
import { SqlStore, type Primary } from '../../../src/storage/primary/sql-store.ts';
import type { Reader } from '../../../src/storage/queries/reader.ts';
import { EPOCH_MS, ModelDatabase, PROJECT_ID, borrowDatabase, giveBack, type SqlRow } from './database.ts';
import { call, type Failing, type Site } from './faults.ts';
import type { ModelProcess } from './machine.ts';
import type { World } from './world.ts';

export type Impostor = 'empty' | 'older' | 'other';

/** Of PostgreSQL; the statement's own limit is below it. */
const QUERY_TIMEOUT_MS = 800;

const FAILING: Failing = {
  timeoutMs: QUERY_TIMEOUT_MS,
  refused: () => codedError('ECONNREFUSED', 'refused'),
  timedOut: () => codedError('QUERY_TIMEOUT', 'no answer'),
  contended: () => codedError('55P03', 'lock not available'),
  partial: () => codedError('42P01', 'no such table'),
};
const FAILING_WRITE: Failing = {
  ...FAILING,
  partial: () => codedError('53300', 'too many connections'),
  unknown: (cause) => new OutcomeUnknown('lost while committing', { cause }),
};

export class Server {
  /** The project's own database; `current` is the one behind the address. */
  readonly right = borrowDatabase('primary');
  current = this.right;
  mode: 'up' | 'refusing' | 'silent' = 'up';
  /** Connections of an earlier epoch are cut. */
  epoch = 0;
  /** Where the feed stood when. */
  readonly commits: { seq: number; at: number }[] = [];
  #lockedUntil = -1;
  #refusal: { table: string; code: string } | undefined;
  #isProcessWriting = false;
  readonly #turn = new Mutex();
  #impostor: { kind: Impostor; before: string } | undefined;
  #backup: Buffer | undefined;
  #backupSeq: number | undefined;

  constructor(private readonly world: World) {
    this.right.found();
    this.right.clock = () => EPOCH_MS + this.world.time.now;
    const isRefused = (table: unknown) => (this.#isProcessWriting && this.#refusal?.table === table ? 1 : 0);
    this.right.raw.function('model_refuses', { deterministic: false }, isRefused);
  }

  read<T>(work: (c: Connection) => Promise<T>): Promise<T> {
    return this.#turn.run(() => work(this.current.connection));
  }

  write<T>(work: (c: Connection) => Promise<T>, end: 'commit' | 'rollback' = 'commit'): Promise<T> {
    return this.#turn.run(async () => {
      const { raw, connection } = this.current;
      raw.exec('begin immediate');
      try {
        const result = await work(connection);
        raw.exec(end);
        if (end === 'commit' && this.current === this.right) this.#noteCommit();
        return result;
      } catch (error) {
        if (raw.inTransaction) raw.exec('rollback');
        throw error;
      }
    });
  }

  /** As a process does: some of it may be refused. */
  writeOf<T>(work: (c: Connection) => Promise<T>, end: 'commit' | 'rollback' = 'commit'): Promise<T> {
    return this.write(async (c) => {
      this.#isProcessWriting = true;
      try {
        return await work(c);
      } catch (error) {
        const isRefused = this.#refusal !== undefined && driverCode(error) === 'SQLITE_CONSTRAINT_TRIGGER';
        throw isRefused ? codedError(this.#refusal?.code ?? '', 'refused', error) : error;
      } finally {
        this.#isProcessWriting = false;
      }
    }, end);
  }

  /** Processes may not write to a table, or it is missing; undefined: all of them can be written again. */
  refuseTable(refusal: { table: string; code: string } | undefined): void {
    this.#refusal = refusal;
    if (refusal === undefined) return;
    const { table } = refusal;
    for (const verb of ['insert', 'update', 'delete']) {
      this.right.raw.exec(
        `create temp trigger if not exists refuse_${table}_${verb} before ${verb} on main.${table}
         when model_refuses('${table}') begin select raise(abort, 'refused'); end`,
      );
    }
  }

  get isTableRefused(): boolean {
    return this.#refusal !== undefined;
  }

  /** The commit is on its way: its locks are held until it comes. */
  writeLater(work: (c: Connection) => Promise<unknown>, ms: number): void {
    const { epoch } = this;
    this.#lockedUntil = this.world.time.now + ms;
    const arrive = async () => {
      await this.world.time.sleep(ms);
      this.#lockedUntil = -1;
      if (this.epoch === epoch) await this.write(work).catch(() => undefined);
    };
    void arrive();
  }

  get isLocked(): boolean {
    return this.world.time.now < this.#lockedUntil;
  }

  /**
   * Every connection is cut; what was under way is undone. Every other process notices that by itself, and connects anew
   * without a call that fails.
   */
  restart(): void {
    this.epoch += 1;
    this.#lockedUntil = -1;
    for (const [index, { process }] of this.world.slots.entries()) {
      if (process !== undefined && (this.epoch + index) % 2 === 0) process.epoch = this.epoch;
    }
  }

  /** It has what it had before, and what came later is lost. */
  putBack(content: ReadonlyMap<string, SqlRow[]>): void {
    this.restart();
    this.right.fill(content, '');
    const { seq } = this.right;
    this.commits.splice(this.commits.findLastIndex((commit) => commit.seq <= seq) + 1);
  }

  keepBackup(): void {
    this.#backup = this.right.raw.serialize();
    this.#backupSeq = this.right.seq;
  }

  /** Where the feed stands in the backup. */
  get backupSeq(): number | undefined {
    return this.#backupSeq;
  }

  /** Puts another database behind the address. */
  impersonate(kind: Impostor): void {
    if (this.#impostor !== undefined) this.reinstate();
    this.restart();
    const database =
      kind === 'older' && this.#backup !== undefined
        ? new ModelDatabase('primary', this.#backup)
        : borrowDatabase('primary');
    if (kind === 'other') database.found('dddddddd-0000-4000-8000-000000000000');
    database.clock = this.right.clock;
    this.current = database;
    this.#impostor = { kind, before: stateOf(database) };
  }

  /** A read that is answered comes from the right database; who has seen no change has nothing to hold another against. */
  async #answered<T>(
    at: ModelProcess,
    read: (work: (reader: Reader) => Promise<T>) => Promise<Answer<T>>,
    work: (reader: Reader) => Promise<T>,
  ) {
    const hasSeen = (at.seen.seen()?.seq ?? 0) > 0;
    let from: ModelDatabase | undefined;
    const answer = await read((reader) => {
      from = this.current;
      return work(reader);
    });
    if (hasSeen && from !== this.right) this.world.violated('a read was answered by another database');
    return answer;
  }

  /** The right one is back; whatever was written into the other one is a fault. */
  reinstate(): void {
    const impostor = this.#impostor;
    if (impostor === undefined) return;
    const database = this.current;
    this.restart();
    this.current = this.right;
    this.#impostor = undefined;
    if (stateOf(database) !== impostor.before) {
      this.world.violated(`a write went into the wrong database (${impostor.kind})`);
    }
    if (impostor.kind === 'older') database.raw.close();
    else giveBack('primary', database);
  }

  close(): void {
    this.reinstate();
    giveBack('primary', this.right);
  }

  /** Where the feed stood before a moment of simulated time. */
  seqBefore(at: number): number {
    return this.commits.findLast((commit) => commit.at < at)?.seq ?? 0;
  }

  /** When a position of the feed was committed, by the clock of the primary. */
  committedAt(seq: number): string {
    const commit = this.commits.find((one) => one.seq >= seq);
    return new Date(EPOCH_MS + (commit?.at ?? this.world.time.now)).toISOString();
  }

  /** As a process reaches it, with everything that may fail in between. */
  primaryFor(at: ModelProcess): Primary {
    const store = (site: Site) =>
      new SqlStore(new RemoteSession(this.world, at, site), 'current', 'model', {
        witness: at.seen,
        lookPauseMs: 0,
      });
    const [read, write, replay, probe, inSnapshot] = [
      store('primary.read'),
      store('primary.write'),
      store('primary.replay'),
      store('primary.probe'),
      store('primary.inSnapshot'),
    ];
    return {
      source: 'postgres',
      read: (work, options) => this.#answered(at, (asked) => read.read(asked, options), work),
      write: async (changes) => {
        const answer = await write.write(changes);
        at.machine.toldSeq = Math.max(at.machine.toldSeq, this.#positionOf(changes));
        return answer;
      },
      replay: (one) => replay.replay(one),
      probe: () => probe.probe(),
      hints: () => NO_HINTS,
      inSnapshot: (work) => inSnapshot.inSnapshot(work),
      health: () => read.health(),
      close: () => Promise.resolve(),
    };
  }

  /** As somebody reaches it from elsewhere: at once and without faults. */
  outside(): SqlStore {
    const session: Session = {
      source: 'postgres',
      engine: 'model',
      read: (work) => this.read(work),
      write: (work) => this.write(work),
      probe: () => Promise.resolve(),
      hints: () => NO_HINTS,
      close: () => Promise.resolve(),
    };
    return new SqlStore(session, 'current', 'model');
  }

  /** Opens the primary as `openPrimary` does: what is not this project's is refused. */
  async connect(at: ModelProcess): Promise<Primary> {
    let project;
    try {
      at.epoch = this.epoch;
      project = await new RemoteSession(this.world, at, 'connect').read(findProject);
    } catch (error) {
      throw databaseError('postgres', 'it cannot be opened', 'Repeat the call.', error);
    }
    if (project?.project_id !== PROJECT_ID) {
      throw databaseError('postgres', 'the database does not have the project', 'Check DATABASE_URL.');
    }
    return this.primaryFor(at);
  }

  #positionOf(changes: readonly Change[]): number {
    const sql = `select max(seq) as seq from changes where change_id in (${changes.map(() => '?').join()})`;
    return this.right.get<{ seq: number | null }>(sql, ...changes.map(({ id }) => id))?.seq ?? 0;
  }

  #noteCommit(): void {
    const { seq } = this.right;
    if (seq !== this.commits.at(-1)?.seq) this.commits.push({ seq, at: this.world.time.now });
  }
}

function stateOf(database: ModelDatabase): string {
  const count = (table: string) => database.get<{ n: number }>(`select count(*) n from ${table}`)?.n;
  return [database.seq, count('changes'), count('applied_changes'), count('conflicts')].join();
}

class RemoteSession implements Session {
  readonly source = 'postgres';
  readonly engine = 'model';

  constructor(
    private readonly world: World,
    private readonly at: ModelProcess,
    private readonly site: Site,
  ) {}

  read<T>(work: (connection: Connection) => Promise<T>, _options?: ReadOptions): Promise<T> {
    const { server } = this.world;
    const { epoch } = this.at;
    return call(this.at, {
      site: this.site,
      failing: FAILING,
      effect: () => server.read(work),
      down: () => this.#down(epoch),
    });
  }

  write<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const { server, random } = this.world;
    const { epoch } = this.at;
    return call(this.at, {
      site: this.site,
      failing: FAILING_WRITE,
      outlives: true,
      effect: () => server.writeOf(work),
      undone: () => server.writeOf(work, 'rollback'),
      later: () => server.writeLater(work, 1_000 + random.int(4_000)),
      down: () => this.#down(epoch) ?? (server.isLocked ? 'contended' : undefined),
    });
  }

  probe(): Promise<void> {
    return this.read(() => Promise.resolve());
  }

  hints(): ChangeHints {
    return NO_HINTS;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** @param since the epoch of the connection with which the call began; it fails when that is cut */
  #down(since: number) {
    const { server } = this.world;
    if (server.mode === 'refusing') return 'refused';
    if (since !== server.epoch || this.at.epoch !== server.epoch) {
      this.at.epoch = server.epoch;
      return 'cut';
    }
    return server.mode === 'silent' ? 'timedOut' : undefined;
  }
}

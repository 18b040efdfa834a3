// One case's own copy of a tracker: its files and its database, what is done with it, and all that it says.
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, renameSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { parseInput } from '../../../src/domain/validate.ts';
import { listWorkItemsInput, queryWorkItemInput } from '../../../src/domain/work-item.ts';
import { TrackerError } from '../../../src/domain/errors.ts';
import * as workItems from '../../../src/use-cases/records/work-items.ts';
import { openPrimary, schemaName } from '../../../src/storage/opening/open-primary.ts';
import { completeTimeouts } from '../../../src/storage/primary/postgres-timeouts.ts';
import { openStore, type OpenOptions } from '../../../src/storage/opening/open-store.ts';
import type { Connection } from '../../../src/storage/database/connection.ts';
import type { Answer, Durability } from '../../../src/storage/contract/store.ts';
import type { TieredStore } from '../../../src/storage/tiers/tiered-store.ts';
import { inFolder } from '../../storage/backends.ts';
import { Tracker } from '../../storage/tracker.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { impatientClock } from './patience.ts';
import { nameOf, runSql } from './sql.ts';
import type { Template } from './template.ts';

/** Texts of drivers and of the operating system, which nobody but the log may see. */
export const DRIVER_TEXT =
  /SQLITE_|\bE(CONN|NOENT|ACCES|NOSPC|ROFS|PERM|IO)\w*\b|fatal:|errno|syscall|\bundefined\b|Error:|relation "|\n\s+at /;

/** Where the project's tables are, on PostgreSQL. */
export const SCHEMA = schemaName('test-project');

export async function sceneFrom(template: Template): Promise<Scene> {
  const projectDir = await temporaryProject();
  cpSync(template.folder, projectDir, { recursive: true });
  const { databases, server } = template;
  const direct = databases && (await server.createDatabase(undefined, { template: databases.now }));
  const proxy = direct === undefined ? undefined : await startProxy(direct);
  if (proxy !== undefined) cleanUpLater(() => proxy.stop());
  const log: string[] = [];
  const place: OpenOptions = {
    ...inFolder(projectDir, proxy?.url),
    clock: impatientClock,
    log: (line) => log.push(line),
  };
  const scene = new Scene(template, place, log, direct, proxy);
  cleanUpLater(() => scene.close());
  return scene;
}

/** Who only looks has as long as a busy machine takes. */
const PATIENT = completeTimeouts({ connectMs: 20_000, queryMs: 60_000 });

export class Scene {
  /** What clients were told beside the records: warnings and errors. */
  readonly told: string[] = [];
  readonly created: { id: string; title: string; durability: Durability }[] = [];
  #tracker: Tracker | undefined;
  /** The database whose place another one has taken. */
  #keptDatabase: string | undefined;

  constructor(
    readonly template: Template,
    readonly place: OpenOptions,
    private readonly log: readonly string[],
    /** The address of the database past the proxy; undefined for an embedded tracker. */
    private readonly direct: string | undefined,
    private readonly proxy: TcpProxy | undefined,
  ) {}

  file(name: string): string {
    return name.startsWith('.')
      ? path.join(this.place.projectDir, name)
      : path.join(this.place.dataDir, name);
  }

  async away(): Promise<void> {
    await this.proxy?.setMode('refuse');
    const file = this.file('worktrail.db');
    if (this.proxy === undefined && existsSync(file)) renameSync(file, `${file}.kept`);
  }

  async back(): Promise<void> {
    await this.proxy?.setMode('pass');
    const file = this.file('worktrail.db');
    if (existsSync(`${file}.kept`)) renameSync(`${file}.kept`, file);
  }

  get tracker(): Tracker {
    if (this.#tracker === undefined) throw new Error('not open');
    return this.#tracker;
  }

  get store(): TieredStore {
    return this.tracker.store as TieredStore;
  }

  async open(): Promise<void> {
    this.#tracker = new Tracker(await openStore(this.place), this.place);
  }

  async close(): Promise<void> {
    await this.#tracker?.store.close();
    this.#tracker = undefined;
  }

  /** The list of items, with everything it says about itself. */
  async list() {
    const answer = await workItems.listWorkItems.run(
      this.tracker.context,
      this.tracker.caller,
      parseInput(listWorkItemsInput, { limit: 100 }),
    );
    this.#hear(answer);
    return answer;
  }

  async query(id: string) {
    const answer = await workItems.queryWorkItem.run(
      this.tracker.context,
      this.tracker.caller,
      parseInput(queryWorkItemInput, { id }),
    );
    this.#hear(answer);
    return answer;
  }

  /** Makes an item; answers where it is durable, or the code of the refusal. */
  async write(title: string): Promise<string> {
    try {
      const answer = await this.tracker.createAnswer({ title });
      this.#hear(answer);
      expect(answer.durability).toBeDefined();
      const durability = answer.durability as Durability;
      this.created.push({ id: answer.data.id, title, durability });
      return durability;
    } catch (error) {
      if (!(error instanceof TrackerError)) throw error;
      this.told.push(error.message, error.next);
      expect(['NotSavedError', 'DatabaseError']).toContain(error.code);
      return error.code;
    }
  }

  forgetSavedIn(layer: Durability): void {
    const left = this.created.filter(({ durability }) => durability !== layer);
    this.created.splice(0, this.created.length, ...left);
  }

  #hear({ warnings, source, as_of }: Answer<unknown>): void {
    this.told.push(...warnings.map(({ message }) => message));
    const isPrimary =
      source === (this.template.kind === 'postgres' ? 'postgres' : 'sqlite') && as_of === undefined;
    if (!isPrimary) expect(warnings.length, `an answer from ${source} says why`).toBeGreaterThan(0);
  }

  /** Everything said so far. */
  async said(): Promise<string> {
    const report = await this.store.layers();
    const problems = [...report.layers, ...report.journals].flatMap(({ problem }) => problem ?? []);
    const said = [...this.told, ...report.damage, ...problems, report.reason ?? ''];
    for (const text of said) expect(text).not.toMatch(DRIVER_TEXT);
    for (const line of this.log) expect(line).not.toMatch(DRIVER_TEXT);
    return [...said, ...this.log].join('\n');
  }

  /** Looks into the primary past every other layer. */
  async inPrimary<T>(work: (c: Connection) => Promise<T>): Promise<T> {
    const place = { ...this.place, databaseUrl: this.direct, timeouts: PATIENT };
    const primary = await openPrimary(place);
    try {
      return await primary.inSnapshot(work);
    } finally {
      await primary.close();
    }
  }

  /** The name of the project's database. */
  get database(): string {
    return nameOf(this.#directUrl);
  }

  get #directUrl(): string {
    if (this.direct === undefined) throw new Error('no PostgreSQL here');
    return this.direct;
  }

  /** Among the project's tables. */
  async sql(statement: string): Promise<void> {
    await runSql(this.#directUrl, [statement], SCHEMA);
  }

  /** On the server, past the project's database. */
  async administer(...statements: string[]): Promise<void> {
    await runSql(this.template.server.url(), statements);
  }

  /** Ends every connection, so that each is made anew. */
  async cut(): Promise<void> {
    await this.proxy?.setMode('refuse');
    await this.proxy?.setMode('pass');
  }

  /** Another database takes the place of the project's, which is kept for `swapBack`. */
  async swapIn(database: string): Promise<void> {
    const mine = this.database;
    const kept = `${mine}_kept_${randomBytes(3).toString('hex')}`;
    await this.proxy?.setMode('refuse');
    await this.administer(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname in ('${mine}', '${database}')`,
      `alter database "${mine}" rename to "${kept}"`,
      `alter database "${database}" rename to "${mine}"`,
    );
    cleanUpLater(() => this.administer(`drop database if exists "${kept}" with (force)`));
    await this.proxy?.setMode('pass');
    this.#keptDatabase = kept;
  }

  async swapBack(): Promise<void> {
    if (this.#keptDatabase === undefined) throw new Error('no database was swapped in');
    await this.swapIn(this.#keptDatabase);
  }
}

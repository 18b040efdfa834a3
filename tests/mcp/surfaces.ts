// Every way in which a client can meet the server: generation of the client × transport × database. One
// store per database serves all of them, as it does in life; scenarios keep apart by names of their own.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { openPrimary } from '../../src/storage/opening/open-primary.ts';
import { inFolder } from '../storage/backends.ts';
import { makeEntry } from '../storage/tiers/journal-entries.ts';
import { describeWithPostgres } from '../support/describe-with.ts';
import { PATIENT_DATABASE } from '../support/patient-database.ts';
import {
  type ClientGeneration,
  type TestClient,
  clientGenerations,
  connect,
} from '../support/mcp-clients.ts';
import { type HttpProgram, startHttp, temporaryProject } from '../support/program.ts';
import { type Caller, type Row, callerFor, text } from './calls.ts';

export type Transport = 'stdio' | 'http' | 'sse';
export type Database = 'sqlite' | 'postgres';

export interface Surface extends Caller {
  generation: ClientGeneration;
  transport: Transport;
  database: Database;
  /** What the client tells the server as its name. */
  clientName: string;
  client(): TestClient;
  /** The folder of the project, a git repository on branch main. */
  project(): string;
  /** The arguments that name the database to a command. */
  databaseArguments(): string[];
  /** A name that no other scenario uses: for labels, vendors and idempotency keys. */
  unique(stem: string): string;
  /** Creates a task, or what `fields` says; gives it whole. */
  item(fields?: Row): Promise<Row>;
  /** Registers a vendor under a name of its own; gives it whole. */
  vendor(fields?: Row): Promise<Row>;
  /** A task whose title two changed at once, one of them while the database was away from where it was made. */
  contested(): Promise<{ item: Row; conflict_id: string }>;
}

interface Meeting {
  generation: ClientGeneration;
  transport: Transport;
}

const DATABASES: readonly Database[] = ['sqlite', 'postgres'];

/** Protocol 2026-07-28 knows no HTTP+SSE. */
const MEETINGS: readonly Meeting[] = clientGenerations.flatMap((generation) =>
  (['stdio', 'http', 'sse'] as const)
    .filter((transport) => generation !== 'current-2026' || transport !== 'sse')
    .map((transport) => ({ generation, transport })),
);

/**
 * Runs the scenarios of `body` on every surface, in a project that is a git repository: what depends on how a client and
 * the server meet. What does not is shown by `describeTwoSurfaces`.
 */
export function describeEverySurface(body: (surface: Surface) => void, databases = DATABASES): void {
  describeMeetings(() => MEETINGS, body, databases);
}

/** The same on two surfaces that have nothing in common: for rules that lie behind all of them alike. */
export function describeTwoSurfaces(body: (surface: Surface) => void): void {
  describeMeetings((database) => [UNLIKE[database]], body);
}

const UNLIKE: Readonly<Record<Database, Meeting>> = {
  sqlite: { generation: 'current', transport: 'stdio' },
  postgres: { generation: 'current-2026', transport: 'http' },
};

function describeMeetings(
  meetingsOn: (database: Database) => readonly Meeting[],
  body: (surface: Surface) => void,
  databases?: readonly Database[],
): void {
  describeDatabases(({ database, project, url }) => {
    const meetings = meetingsOn(database);
    let http: HttpProgram | undefined;
    beforeAll(async () => {
      if (meetings.every(({ transport }) => transport === 'stdio')) return;
      http = await startHttp({
        project: project(),
        args: ['--database', url(), '--toolsets', 'all'],
      });
    });
    afterAll(() => http?.stop());

    describe.each(meetings)('$generation over $transport', ({ generation, transport }) => {
      const clientName = `${generation} ${transport}`;
      let client: TestClient;
      beforeAll(async () => {
        client = await connect(
          transport === 'stdio'
            ? { generation, transport, clientName, cwd: project(), args: serveArguments(project(), url()) }
            : { generation, transport, clientName, url: http?.url ?? '' },
        );
      });
      afterAll(() => client.close());
      body(surface({ generation, transport, database, clientName, project, url }, () => client));
    });
  }, databases);
}

/** The same over stdio only, once per database, with today's client. */
export function describeBothDatabases(body: (surface: Surface) => void): void {
  describeDatabases(({ database, project, url }) => {
    const meeting = {
      generation: 'current',
      transport: 'stdio',
      database,
      clientName: 'tester',
      project,
      url,
    } as const;
    let client: TestClient;
    beforeAll(async () => {
      client = await connect({ ...meeting, cwd: project(), args: serveArguments(project(), url()) });
    });
    afterAll(() => client.close());
    body(surface(meeting, () => client));
  });
}

interface Setting {
  database: Database;
  project: () => string;
  /** What `--database` is given. */
  url: () => string;
}

function describeDatabases(body: (setting: Setting) => void, databases = DATABASES): void {
  const suite = (database: Database, createDatabase: () => Promise<string>): void => {
    let project: string;
    let url: string;
    beforeAll(async () => {
      project = await temporaryProject({ git: true });
      const settings = JSON.stringify({ database: PATIENT_DATABASE });
      await writeFile(path.join(project, 'worktrail.config.json'), settings);
      url = await createDatabase();
    });
    body({ database, project: () => project, url: () => url });
  };
  if (databases.includes('sqlite'))
    describe('on sqlite', () => suite('sqlite', () => Promise.resolve('embedded')));
  if (databases.includes('postgres'))
    describeWithPostgres('on postgres', (server) => suite('postgres', () => server.createDatabase()));
}

export function serveArguments(project: string, database = 'embedded', toolsets = 'all'): string[] {
  return ['serve', '--project', project, '--database', database, '--toolsets', toolsets];
}

let names = 0;

function surface(
  { url, ...meeting }: Setting & Pick<Surface, 'generation' | 'transport' | 'clientName'>,
  client: () => TestClient,
): Surface {
  const caller = callerFor(client);
  const unique = (stem: string): string => `${stem} ${(names += 1)}`;
  const item = (fields: Row = {}): Promise<Row> =>
    caller.write('create_work_item', { item_type: 'task', title: 'A task', ...fields });
  return {
    ...meeting,
    ...caller,
    client,
    databaseArguments: () => ['--database', url()],
    unique,
    item,
    vendor: (fields = {}) => caller.write('register_vendor', { name: unique('vendor'), ...fields }),
    contested: async () => {
      const { id } = await item({ title: 'As it was' });
      const theirs = await caller.call('update_work_item', { id, version: 1, title: 'Theirs' });
      const mine = { base_version: 1, patch: { title: 'Mine' }, actor: 'Ada' };
      const entry = makeEntry({ kind: 'update', entity_id: text(id), ...mine });
      const databaseUrl = url() === 'embedded' ? undefined : url();
      const primary = await openPrimary(inFolder(meeting.project(), databaseUrl));
      try {
        expect(await primary.replay(entry)).toMatchObject({ outcome: 'conflict' });
      } finally {
        await primary.close();
      }
      return { item: theirs, conflict_id: entry.id };
    },
  };
}

/** The driver's client on a socket to a PostgreSQL server. Every connection of the program is made here. */
import type net from 'node:net';
import postgres, { type Options, type Sql } from 'postgres';
import { TrackerError } from '../../domain/errors.ts';
import type { QueryLog, SchemaGuard } from '../database/connection.ts';
import { driverCode } from '../database/driver-errors.ts';
import { completeAddress, parsePostgresUrl, type CompleteAddress } from './postgres-address.ts';
import { SettingMistake, mistakeKind, type Place } from '../database/postgres-mistakes.ts';
import { connectionClosed, dial, secure, type Address, type Line } from './postgres-socket.ts';
import { serverLimits, type PostgresTimeouts } from './postgres-timeouts.ts';

export { connectionClosed, dial };
export type { Address };

/** Idle connections are tried this often, so that a dead network is found, and a firewall keeps them open. */
const KEEP_ALIVE_S = 10;

/** What of the driver's client is bounded by the timeouts; nothing else of it is used. */
export type Client = Pick<Sql, 'unsafe'>;

export interface ConnectionOptions {
  /** Complete: nothing of the environment is added to it. */
  url: string;
  /** The project's own schema, as `worktrail_my_project`. */
  schema: string;
  logQuery?: QueryLog | undefined;
  timeouts: PostgresTimeouts;
  schemaGuard?: SchemaGuard;
}

/** Where the URL says that servers are. */
export function addressesOf(url: string): Address[] {
  const of = complete(url);
  return of.servers.map((server) => ({ server, of }));
}

function complete(url: string): CompleteAddress {
  return completeAddress(parsePostgresUrl(url), {}, { isOfPerson: true });
}

/** An error as it is, or with what to change where it is a mistake in the settings. */
export function explained(
  error: unknown,
  { url, schema }: Pick<ConnectionOptions, 'url' | 'schema'>,
): unknown {
  if (error instanceof TrackerError) return error;
  const code = driverCode(error);
  const kind = code === undefined ? undefined : mistakeKind(code);
  if (code === undefined || kind === undefined || error instanceof SettingMistake) return error;
  return new SettingMistake(code, kind, placeOf(url, schema), error);
}

function placeOf(url: string, schema: string): Place {
  const { servers, database, user, password } = complete(url);
  const host = servers.map(({ host: name, port }) => `${name}:${port}`).join(',');
  return { host, database, user, hasPassword: password !== undefined && password !== '', schema };
}

/** The driver's client. It ends with its socket: the driver by itself would connect again, and lose a transaction. */
export function clientOn(
  socket: net.Socket,
  address: Address,
  { schema, timeouts }: ConnectionOptions,
  { onClose, onNotify }: { onClose: (error: Error) => void; onNotify: () => void },
): Sql {
  const secured = secure(socket, address);
  // The driver may never ask for it.
  secured.catch(() => undefined);
  let isTaken = false;
  return postgres(
    explicit(
      address.of,
      // Asked for again when the first one failed: there is no second.
      () => {
        if (isTaken) return Promise.reject(connectionClosed());
        isTaken = true;
        return secured;
      },
      {
        onclose: () => onClose(connectionClosed()),
        onnotify: onNotify,
        connection: {
          search_path: quoteIdentifier(schema),
          TimeZone: 'UTC',
          ...serverLimits(timeouts),
        },
      },
    ),
  );
}

type Settings = Pick<Options<Record<string, never>>, 'onclose' | 'connection'> & { onnotify: () => void };

/** Every option of the driver: one that is left out it would take from the environment, a password too. */
function explicit(
  { user, password, database, options, sessionAttributes }: CompleteAddress,
  line: () => Promise<Line>,
  { connection, ...settings }: Settings,
): Options<Record<string, never>> {
  let current: Line | undefined;
  const all = {
    host: [UNUSED_HOST],
    port: [0],
    user,
    database,
    // An empty text would be looked up in the environment; a promise that never ends answers nothing.
    pass: () => (current?.mayAnswer() === true ? (password ?? '') : new Promise<never>(() => undefined)),
    socket: async () => {
      current = await line();
      return current.socket;
    },
    max: 1,
    // What there is of encryption is the socket's.
    ssl: false,
    sslnegotiation: null,
    // Measured by the connection.
    connect_timeout: 0,
    keep_alive: KEEP_ALIVE_S,
    idle_timeout: 0,
    max_lifetime: null,
    max_pipeline: PIPELINE_MAX,
    backoff: RECONNECT_PAUSE_S,
    prepare: true,
    debug: false,
    fetch_types: false,
    publications: 'alltables',
    target_session_attrs: sessionAttributes ?? 'primary',
    // The default prints notices to stdout, which belongs to the protocol.
    onnotice: () => undefined,
    ...settings,
    connection: {
      application_name: 'worktrail',
      ...(options !== undefined && { options }),
      ...connection,
    },
  };
  const { options: parsed } = postgres(all as unknown as Options<Record<string, never>>);
  // Nothing but this says that there is none: left out, it would come from the environment. What was parsed once is
  // taken as it is.
  return { ...parsed, target_session_attrs: sessionAttributes } as unknown as Options<Record<string, never>>;
}

/** The driver would connect there if it were not given its sockets. */
const UNUSED_HOST = 'socket.invalid';
const PIPELINE_MAX = 100;
const RECONNECT_PAUSE_S = 0.1;

export function quoteIdentifier(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

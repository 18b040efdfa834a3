/** The way to a PostgreSQL server: its addresses, a socket to one of them, and the driver's client on that. */
import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import net from 'node:net';
import postgres, { type Options, type Sql } from 'postgres';
import { TrackerError } from '../../errors.ts';
import type { QueryLog } from './connection.ts';
import { codedError, driverCode } from './driver-errors.ts';
import { watchGreeting } from './postgres-greeting.ts';
import { SettingMistake, mistakeKind, type Place } from './postgres-mistakes.ts';
import { serverLimits, type PostgresTimeouts } from './postgres-timeouts.ts';

/** Idle connections are tried this often, so that a dead network is found, and a firewall keeps them open. */
const KEEP_ALIVE_S = 10;

export interface ConnectionOptions {
  url: string;
  /** The project's own schema, as `worktrail_my_project`. */
  schema: string;
  logQuery?: QueryLog | undefined;
  timeouts: PostgresTimeouts;
}

export type Address = { host: string; port: number; path?: undefined } | { path: string };

/** Where the URL, and the environment variables that complete it, say that servers are. */
export function addressesOf(url: string): Address[] {
  const { host, port, path } = postgres(url).options;
  if (path) return [{ path }];
  return host.map((name, index) => ({ host: name, port: port[index] ?? 5432 }));
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
  const { host, port, path, database, user, pass } = postgres(url).options;
  const hosts = host.map((name, index) => `${name}:${port[index] ?? 5432}`);
  return {
    host: path || hosts.join(','),
    database,
    user,
    // The driver takes a function too, which an address cannot hold.
    hasPassword: pass !== null && pass !== '',
    schema,
  };
}

export function dial(address: Address): net.Socket {
  if (address.path !== undefined) return net.connect({ path: address.path });
  const { host, port } = address;
  // The driver reads the name of the server that a certificate must be for from the socket.
  return Object.assign(net.connect({ host, port, lookup: lookUpOnce }), { host });
}

/** The driver's client. It ends with its socket: the driver by itself would connect again, and lose a transaction. */
export function clientOn(
  socket: net.Socket,
  address: Address,
  { url, schema, timeouts }: ConnectionOptions,
  {
    onClose,
    onNotify,
    onWrong,
  }: Record<'onClose' | 'onWrong', (error: Error) => void> & { onNotify: () => void },
): Sql {
  const connected = untilConnected(socket);
  let isTaken = false;
  const settings: Options<Record<string, never>> & {
    socket: () => Promise<net.Socket>;
    onnotify: () => void;
  } = {
    max: 1,
    ...(address.path === undefined && { host: address.host, port: address.port }),
    // Asked for again when the first one failed: there is no second.
    socket: () => {
      if (isTaken) return Promise.reject(connectionClosed());
      isTaken = true;
      return connected;
    },
    onclose: () => onClose(connectionClosed()),
    // Measured by the connection.
    connect_timeout: 0,
    keep_alive: KEEP_ALIVE_S,
    idle_timeout: 0,
    max_lifetime: null,
    fetch_types: false,
    // The default prints notices to stdout, which belongs to the protocol.
    onnotice: () => undefined,
    onnotify: onNotify,
    connection: {
      application_name: 'worktrail',
      search_path: quoteIdentifier(schema),
      TimeZone: 'UTC',
      ...serverLimits(timeouts),
    },
  };
  const driver = postgres(url, settings);
  watchGreeting(socket, tlsOf(driver), onWrong);
  return driver;
}

function tlsOf({ options }: Sql): 'none' | 'preferred' | 'required' {
  const ssl = options.ssl as unknown;
  if (ssl === undefined || ssl === null || ssl === false || ssl === 'disable') return 'none';
  return ssl === 'prefer' || ssl === 'allow' ? 'preferred' : 'required';
}

export function quoteIdentifier(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

export function connectionClosed(): Error {
  return codedError('CONNECTION_CLOSED', 'the connection was closed');
}

function untilConnected(socket: net.Socket): Promise<net.Socket> {
  const connected = new Promise<net.Socket>((resolve, reject) => {
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
    socket.once('close', () => reject(connectionClosed()));
  });
  // The driver may never ask for it.
  connected.catch(() => undefined);
  return connected;
}

type LookUpDone = (
  error: NodeJS.ErrnoException | null,
  found: LookupAddress[] | string,
  family?: number,
) => void;
const lookingUp = new Map<string, LookUpDone[]>();

/**
 * A look-up that hangs cannot be ended and takes one of the few threads that also read and write files:
 * callers that want the same name share one.
 */
function lookUpOnce(host: string, options: LookupOptions, done: LookUpDone): void {
  const key = `${host} ${JSON.stringify(options)}`;
  const waiting = lookingUp.get(key);
  if (waiting !== undefined) return void waiting.push(done);
  const all = [done];
  lookingUp.set(key, all);
  lookup(host, options, (...result: Parameters<LookUpDone>) => {
    lookingUp.delete(key);
    for (const each of all) each(...result);
  });
}

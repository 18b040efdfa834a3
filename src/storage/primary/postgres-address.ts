/**
 * The address of a PostgreSQL server, as libpq writes it:
 * `postgres://user:password@host:port,host:port/database?sslmode=require`.
 *
 * It is read and completed here and nowhere else, so that the driver takes nothing from the environment by itself: a
 * password that is meant for one server must not reach another.
 */
import os from 'node:os';

const PORT_DEFAULT = 5432;
const PORT_MAX = 65_535;

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];

const SESSION_ATTRIBUTES = [
  'any',
  'read-write',
  'read-only',
  'primary',
  'standby',
  'prefer-standby',
] as const;

export interface Server {
  /** A name, a number, or the folder of a Unix socket, which begins with `/`. */
  host: string;
  port: number;
}

export interface PostgresAddress {
  /** In the order in which they are tried; empty where the address names none. */
  servers: Server[];
  user?: string;
  password?: string;
  database?: string;
  /** As somebody chose it; see `sslModeOf` for what holds without. */
  sslMode?: SslMode;
  /** A file with the certificates that sign the server's, or `system`. */
  rootCertificate?: string;
  /** Settings of the server for this connection, as libpq's `options`. */
  options?: string;
  sessionAttributes?: Exclude<(typeof SESSION_ATTRIBUTES)[number], 'any'>;
}

/** An address with nothing left for the driver to find by itself. */
export type CompleteAddress = PostgresAddress & { user: string; database: string };

/** What is wrong with an address, without a part of it that might be a secret. */
export class AddressProblem extends Error {
  override readonly name = 'AddressProblem';
}

/** @throws AddressProblem */
export function parsePostgresUrl(url: string): PostgresAddress {
  const parts = URL_PARTS.exec(url);
  if (parts === null) throw new AddressProblem(URL_FORM);
  const [, login, hosts = '', path, query] = parts;
  const [user, ...password] = login?.split(':') ?? [];
  return withParameters(
    {
      servers: hosts === '' ? [] : serversOf(hosts),
      ...(user !== undefined && user !== '' && { user: decode(user) }),
      ...(password.length > 0 && { password: decode(password.join(':')) }),
      ...(path !== undefined && path !== '' && { database: decode(path) }),
    },
    query,
  );
}

/** The same address as text, its password included. */
export function formatPostgresUrl(address: PostgresAddress): string {
  const { user, password } = address;
  const secret = password === undefined ? '' : `:${encodeURIComponent(password)}`;
  const login = user === undefined && secret === '' ? '' : `${encodeURIComponent(user ?? '')}${secret}@`;
  return `postgres://${login}${spokenServers(address, encodeHost)}${tailOf(address)}`;
}

/** The address with stars for its password, for people. */
export function publicAddress(address: PostgresAddress): string {
  return formatPostgresUrl({ ...address, ...(address.password !== undefined && { password: '***' }) });
}

/** The address without its password. */
export function withoutPassword(address: PostgresAddress): string {
  const { password: _password, ...shown } = address;
  return formatPostgresUrl(shown);
}

/** Servers and database alone, for messages; spelled so that it cannot pass for anything else. */
export function placeOf(address: PostgresAddress): string {
  const { database } = address;
  const servers = spokenServers(address, (host) => encodeHost(host).replaceAll('%2F', '/'));
  return `${servers}${database === undefined ? '' : `/${encodeURIComponent(database)}`}`;
}

/**
 * What libpq takes from the environment for an address that a person gave. An address from a file of the project is
 * somebody else's: it gets what is meant for its server, that is, where `PGHOST` and `PGPORT` name that very server.
 * @throws AddressProblem naming a variable that cannot be used
 */
export function completeAddress(
  address: PostgresAddress,
  environment: NodeJS.ProcessEnv,
  { isOfPerson }: { isOfPerson: boolean },
): CompleteAddress {
  const given = (name: string) => environment[name]?.trim() || undefined;
  const named = serversNamed(given('PGHOST'), given('PGPORT'));
  const applies = isOfPerson || (named !== undefined && sameServers(named, address.servers));
  const from = (name: string) => (applies ? given(name) : undefined);
  const user = address.user ?? from('PGUSER') ?? systemUser();
  const password = address.password ?? (applies ? environment['PGPASSWORD'] || undefined : undefined);
  const sslMode = address.sslMode ?? oneOf('PGSSLMODE', from('PGSSLMODE'), SSL_MODES);
  const rootCertificate = address.rootCertificate ?? from('PGSSLROOTCERT');
  const fallback = (applies ? named : undefined) ?? serversNamed('localhost', from('PGPORT'));
  return checked({
    ...address,
    servers: address.servers.length > 0 ? address.servers : fallback,
    user,
    database: address.database ?? from('PGDATABASE') ?? user,
    ...(password !== undefined && { password }),
    ...(sslMode !== undefined && { sslMode }),
    ...(rootCertificate !== undefined && { rootCertificate }),
  });
}

/** How a server is to be reached: as somebody chose, else encrypted where it is another machine. */
export function sslModeOf({ sslMode, rootCertificate }: PostgresAddress, { host }: Server): SslMode {
  if (isSocket(host)) return 'disable';
  if (rootCertificate === 'system') return 'verify-full';
  // With a certificate to compare with, libpq compares.
  if (rootCertificate !== undefined && sslMode === 'require') return 'verify-ca';
  return sslMode ?? (isThisMachine(host) ? 'prefer' : 'require');
}

/** Sockets and loopback addresses. A name other than `localhost` may lead anywhere. */
export function isThisMachine(host: string): boolean {
  return isSocket(host) || /^(localhost|::1|127(\.\d{1,3}){3})$/i.test(host);
}

export function isSocket(host: string): boolean {
  return host.startsWith('/');
}

/** The last `@` before the path ends the login, as in every client that takes such addresses. */
const URL_PARTS = /^postgres(?:ql)?:\/\/(?:([^/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i;
const URL_FORM = 'must be a URL such as postgres://user:password@host:5432/database';
const ENCODE = 'characters such as / ? # % @ in a user name or password are written as %2F %3F %23 %25 %40';

function serversOf(hosts: string, ports?: string): Server[] {
  const listed = ports?.split(',') ?? [];
  return hosts.split(',').map((text, index) => {
    const parts = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(text);
    if (parts === null) throw new AddressProblem(`has a host that cannot be read; ${ENCODE}`);
    const host = decode(parts[1] ?? '').replace(/^\[(.*)\]$/, '$1');
    if (host === '') throw new AddressProblem('names a port without a host');
    if (!isSocket(host) && !/^[\p{L}\p{N}._:%-]{1,255}$/u.test(host)) {
      throw new AddressProblem(`has a host that cannot be read; ${ENCODE}`);
    }
    return { host, port: portOf(parts[2] ?? listed[index] ?? listed.at(-1)) };
  });
}

function portOf(text: string | undefined): number {
  if (text === undefined || text === '') return PORT_DEFAULT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= PORT_MAX) return port;
  throw new AddressProblem(`has a port that is not a number from 1 to ${PORT_MAX}; ${ENCODE}`);
}

function withParameters(address: PostgresAddress, query: string | undefined): PostgresAddress {
  const result = { ...address };
  let ports: string | undefined;
  let hosts: string | undefined;
  for (const pair of query?.split('&') ?? []) {
    if (pair === '') continue;
    const [name = '', ...rest] = pair.split('=');
    const value = decode(rest.join('='));
    if (value === '' && rest.length > 0) continue;
    switch (decode(name)) {
      case 'host':
        hosts = value;
        break;
      case 'port':
        ports = value;
        break;
      case 'user':
        result.user = value;
        break;
      case 'password':
        result.password = value;
        break;
      case 'dbname':
        result.database = value;
        break;
      case 'sslmode':
        Object.assign(result, { sslMode: oneOf('sslmode', value, SSL_MODES) });
        break;
      case 'ssl':
        if (value !== 'true') throw new AddressProblem('has ssl, which can only be true; use sslmode');
        result.sslMode ??= 'require';
        break;
      case 'sslrootcert':
        result.rootCertificate = value;
        break;
      case 'options':
        result.options = value;
        break;
      case 'target_session_attrs': {
        const wanted = oneOf('target_session_attrs', value, SESSION_ATTRIBUTES);
        if (wanted !== undefined && wanted !== 'any') result.sessionAttributes = wanted;
        break;
      }
      case 'channel_binding':
        if (value !== 'require') break;
        throw new AddressProblem(
          'asks for channel_binding=require, which is not supported; sslmode=verify-full protects as well',
        );
      // How the connection is named and how long it takes is decided by the program.
      case 'application_name':
      case 'connect_timeout':
        break;
      default:
        throw new AddressProblem(`has a parameter${quotedName(name)} that is not known; ${KNOWN_PARAMETERS}`);
    }
  }
  if (hosts !== undefined) result.servers = serversOf(hosts, ports);
  else if (ports !== undefined) {
    if (result.servers.length === 0) throw new AddressProblem('names a port without a host');
    result.servers = result.servers.map(({ host }) => ({ host, port: portOf(ports) }));
  }
  return checked(result);
}

const KNOWN_PARAMETERS =
  'known are host, port, user, password, dbname, sslmode, sslrootcert, options, target_session_attrs';

/** Text that only looks like a parameter may be a part of a password. */
function quotedName(name: string): string {
  return /^[a-z_]{1,30}$/.test(name) ? ` "${name}"` : '';
}

/** @throws AddressProblem for a combination that would protect less than it says */
function checked<T extends PostgresAddress>(address: T): T {
  const { sslMode, rootCertificate } = address;
  if (rootCertificate === 'system' && sslMode !== undefined && sslMode !== 'verify-full') {
    throw new AddressProblem('has sslrootcert=system, which goes with sslmode=verify-full only');
  }
  if (
    rootCertificate !== undefined &&
    rootCertificate !== 'system' &&
    !/^(\/|[A-Za-z]:[\\/])/.test(rootCertificate)
  ) {
    throw new AddressProblem('has an sslrootcert that is neither "system" nor the absolute path of a file');
  }
  return address;
}

function oneOf<T extends string>(
  name: string,
  value: string | undefined,
  allowed: readonly T[],
): T | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  throw new AddressProblem(`has an unknown ${name}; it must be one of ${allowed.join(', ')}`);
}

function decode(text: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw new AddressProblem(`has a % that begins no encoded character; ${ENCODE}`);
  }
  // The protocol ends every text with one: what follows would be read as another setting.
  if (decoded.includes('\0')) throw new AddressProblem('holds a character that no address can have');
  return decoded;
}

function serversNamed(hosts: string, ports: string | undefined): Server[];
function serversNamed(hosts: string | undefined, ports: string | undefined): Server[] | undefined;
function serversNamed(hosts: string | undefined, ports: string | undefined): Server[] | undefined {
  if (hosts === undefined) return undefined;
  const listed = ports?.split(',') ?? [];
  return hosts.split(',').map((host, index) => {
    try {
      return { host, port: portOf(listed[index] ?? listed.at(-1)) };
    } catch {
      throw new AddressProblem(`is completed by PGPORT, which is not a number from 1 to ${PORT_MAX}`);
    }
  });
}

function sameServers(one: readonly Server[], other: readonly Server[]): boolean {
  const text = (servers: readonly Server[]) => servers.map(({ host, port }) => `${host} ${port}`).join();
  return text(one) === text(other);
}

function spokenServers({ servers }: PostgresAddress, spell: (host: string) => string): string {
  return servers
    .map(({ host, port }) => `${spell(host)}${port === PORT_DEFAULT ? '' : `:${port}`}`)
    .join(',');
}

function encodeHost(host: string): string {
  return host.includes(':') ? `[${host}]` : encodeURIComponent(host);
}

function tailOf(address: PostgresAddress): string {
  const { database, sslMode, rootCertificate, options, sessionAttributes } = address;
  const parameters = Object.entries({
    sslmode: sslMode,
    sslrootcert: rootCertificate,
    options,
    target_session_attrs: sessionAttributes,
  }).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]));
  const query = parameters.length === 0 ? '' : `?${parameters.join('&')}`;
  return `${database === undefined ? '' : `/${encodeURIComponent(database)}`}${query}`;
}

function systemUser(): string {
  try {
    return os.userInfo().username;
  } catch {
    // A container may have no name for its user.
    return 'postgres';
  }
}

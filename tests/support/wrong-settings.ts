// Settings of PostgreSQL that are wrong, each on a real server (or on what stands at its address instead).
import { existsSync, statSync } from 'node:fs';
import { chown, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres, { type Sql } from 'postgres';
import { EXPIRED, FOR_ANOTHER_HOST, FOR_LOCALHOST } from './certificates.ts';
import { cleanUpLater } from './cleanup.ts';
import { startPostgres, type PostgresServer } from './postgres.ts';
import { SUPERUSER } from './postgres-process.ts';

export interface WrongSetting {
  name: string;
  url: string;
  /** What is said of the cause, and what to change. */
  reason: RegExp;
  next: RegExp;
  /** For the program that is started. */
  env?: Record<string, string>;
}

const RELOAD_PAUSE_MS = 20;
const RELOAD_LOOKS_MAX = 1_500;

export const PASSWORD = 's3cret';
/** The schema of the projects in `inFolder`, which the cases prepare. */
export const SLUG = 'test-project';
export const SCHEMA = 'worktrail_test_project';

export interface WrongSettings {
  cases: readonly WrongSetting[];
  /** The right setting: the user `ada` with her password. */
  rightUrl: string;
  /** The same server for the superuser. */
  admin: Sql;
  server: PostgresServer;
}

/**
 * Starts servers with everything that can be wrong with them.
 * @param makeTracker makes a project's tracker at an address
 */
export async function startWrongSettings(
  makeTracker: (url: string) => Promise<void>,
  { onlyOneServer = false } = {},
): Promise<WrongSettings> {
  const server = await startPostgres({ own: true });
  cleanUpLater(() => server.stop());
  const admin = postgres(server.url(), { max: 1, onnotice: () => undefined });
  cleanUpLater(() => admin.end({ timeout: 1 }));
  for (const name of ['team', 'closed', 'private', 'invoicing', 'shared', 'readable', 'unreadable']) {
    await server.createDatabase(name);
  }
  await admin.unsafe("create database ascii encoding 'SQL_ASCII' template template0");
  const roles = ['ada', 'expired', 'locked', 'outsider', 'guest', 'reader', 'still'];
  for (const role of roles) await admin.unsafe(`create role ${role} login password '${PASSWORD}'`);
  await admin.unsafe("alter role expired valid until '2020-01-01'");
  await admin.unsafe('alter role locked nologin');
  await admin.unsafe('alter role still set default_transaction_read_only = on');
  for (const name of ['team', 'ascii', 'invoicing', 'shared']) {
    await admin.unsafe(`grant create on database ${name} to ada, still`);
  }
  await admin.unsafe('alter database closed allow_connections false');
  await admin.unsafe('revoke connect on database private from public');
  for (const name of ['shared', 'readable', 'unreadable']) await makeTracker(server.url(name));
  await inDatabase(server, 'invoicing', `create schema ${SCHEMA}; create table ${SCHEMA}.invoices (id int)`);
  await inDatabase(
    server,
    'readable',
    `grant usage on schema ${SCHEMA} to reader; grant select on all tables in schema ${SCHEMA} to reader`,
  );
  await inDatabase(
    server,
    'unreadable',
    `grant usage on schema ${SCHEMA} to reader; grant select on all tables in schema ${SCHEMA} to reader;
     revoke select on ${SCHEMA}.work_items from reader`,
  );
  await requirePasswords(admin);

  const url = (
    user: string,
    database: string,
    { password = PASSWORD, port = server.port, host = '127.0.0.1' } = {},
  ) => `postgres://${user}${password === '' ? '' : `:${password}`}@${host}:${port}/${database}`;
  if (onlyOneServer) return { cases: [], rightUrl: url('ada', 'team'), admin, server };
  const standby = await startStandby();
  const oldServer = await startPretender(server, (chunk) => replaceAll(chunk, VERSION_NUMBER, '120022'));
  const cases: WrongSetting[] = [
    {
      name: 'a wrong password',
      url: url('ada', 'team', { password: 'wrong' }),
      reason: /refused the user name or password/,
      next: /"ada".*password.*DATABASE_URL/,
    },
    {
      name: 'no password',
      url: url('ada', 'team', { password: '' }),
      reason: /refused the user name or password/,
      next: /No password is given.*PGPASSWORD/,
    },
    {
      name: 'an unknown role',
      url: url('nobody', 'team'),
      reason: /refused the user name or password/,
      next: /"nobody".*the role is missing/,
    },
    {
      name: 'an unknown role, where no password is asked for',
      url: url('stranger', 'team', { password: '' }),
      reason: /no such user/,
      next: /CREATE ROLE stranger LOGIN/,
    },
    {
      name: 'an expired password',
      url: url('expired', 'team'),
      reason: /refused the user name or password/,
      next: /ALTER ROLE expired VALID UNTIL/,
    },
    {
      name: 'a role that may not log in',
      url: url('locked', 'team'),
      reason: /does not let that user log in/,
      next: /ALTER ROLE locked LOGIN/,
    },
    {
      name: 'no access rule',
      url: url('outsider', 'team'),
      reason: /pg_hba\.conf/,
      next: /line in pg_hba\.conf that lets the user "outsider"/,
    },
    {
      name: 'an unknown database',
      url: url('ada', 'nothing'),
      reason: /does not exist/,
      next: /"nothing".*CREATE DATABASE nothing/,
    },
    {
      name: 'a database that accepts no connections',
      url: url('ada', 'closed'),
      reason: /accepts no connections/,
      next: /ALTER DATABASE closed ALLOW_CONNECTIONS true/,
    },
    {
      name: 'a database that the user may not connect to',
      url: url('ada', 'private'),
      reason: /may not connect/,
      next: /GRANT CONNECT ON DATABASE private TO ada/,
    },
    {
      name: 'a database in which the user may not make a schema',
      url: url('guest', 'team'),
      reason: /may not make the project's schema/,
      next: /GRANT CREATE ON DATABASE team TO guest/,
    },
    {
      name: "a tracker that is somebody else's, without any right",
      url: url('guest', 'shared'),
      reason: /may not do this/,
      next: new RegExp(`GRANT USAGE ON SCHEMA ${SCHEMA} TO guest`),
    },
    {
      name: 'a tracker whose items the user may not read',
      url: url('reader', 'unreadable'),
      reason: /may not do this/,
      next: /GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES/,
    },
    {
      name: 'a user that is set to read-only',
      url: url('still', 'team'),
      reason: /set to read-only/,
      next: /ALTER ROLE still RESET default_transaction_read_only/,
    },
    {
      name: 'a host that does not exist',
      url: url('ada', 'team', { host: 'no-such-host.invalid' }),
      reason: /host name cannot be resolved/,
      next: /Correct the host.*no-such-host\.invalid/,
    },
    {
      name: 'a port on which HTTP is spoken',
      url: url('ada', 'team', { port: await startTalker('HTTP/1.1 400 Bad Request\r\n\r\n', 'asked') }),
      reason: /not PostgreSQL/,
      next: /another program listens there/,
    },
    {
      name: 'a port on which SSH is spoken',
      url: url('ada', 'team', { port: await startTalker('SSH-2.0-OpenSSH_9.2\r\n', 'at once') }),
      reason: /not PostgreSQL/,
      next: /another program listens there/,
    },
    {
      name: 'TLS that the server does not offer',
      url: `${url('ada', 'team')}?sslmode=require`,
      reason: /no encryption \(TLS\)/,
      next: /ssl = on/,
    },
    {
      name: 'a certificate of nobody who is known',
      url: `${url('ada', 'team', { port: await startTlsServer(FOR_LOCALHOST), host: 'localhost' })}?sslmode=verify-full`,
      reason: /not signed by anybody/,
      next: /sslrootcert/,
    },
    {
      name: 'an expired certificate',
      url: `${url('ada', 'team', { port: await startTlsServer(EXPIRED), host: 'localhost' })}?sslmode=verify-full`,
      env: await trusting(server, 'expired', EXPIRED.certificate),
      reason: /has expired/,
      next: /Renew the server's certificate/,
    },
    {
      name: 'a certificate of another host',
      url: `${url('ada', 'team', { port: await startTlsServer(FOR_ANOTHER_HOST), host: 'localhost' })}?sslmode=verify-full`,
      env: await trusting(server, 'another', FOR_ANOTHER_HOST.certificate),
      reason: /made for another host/,
      next: /host name of the certificate/,
    },
    {
      name: 'a pooler that refuses start-up parameters',
      url: url('ada', 'team', {
        port: await startTalker(fatal('08P01', 'unsupported startup parameter: search_path'), 'asked'),
      }),
      reason: /refuses our start-up parameters/,
      next: /pooler/,
    },
    {
      name: 'a parameter that the server does not know',
      url: `${url('ada', 'team')}?options=-c%20colour%3Dblue`,
      reason: /refuses our start-up parameters/,
      next: /parameters in the URL/,
    },
    {
      name: 'a standby',
      url: standby.url('postgres'),
      reason: /standby/,
      next: /Name the primary server/,
    },
    {
      name: 'a server that is too old',
      url: url('ada', 'team', { port: oldServer }),
      reason: /older than PostgreSQL 14/,
      next: /Use PostgreSQL 14 or newer/,
    },
    {
      name: 'a database that is not in UTF-8',
      url: url('ada', 'ascii'),
      reason: /not encoded in UTF-8/,
      next: /CREATE DATABASE ascii_utf8 ENCODING 'UTF8'/,
    },
    {
      name: 'a schema of another program',
      url: url('ada', 'invoicing'),
      reason: /tables of another program/,
      next: /project\.slug/,
    },
  ];
  return { cases, rightUrl: url('ada', 'team'), admin, server };
}

/** The user `reader` may read this tracker, and nothing else. */
export function readableUrl(server: PostgresServer): string {
  return `postgres://reader:${PASSWORD}@127.0.0.1:${server.port}/readable`;
}

async function inDatabase(server: PostgresServer, database: string, statements: string): Promise<void> {
  const client = postgres(server.url(database), { max: 1, onnotice: () => undefined });
  try {
    await client.unsafe(statements);
  } finally {
    await client.end();
  }
}

/** From now on everybody but the superuser needs a password, `stranger` none, and `outsider` is not let in. */
async function requirePasswords(admin: Sql): Promise<void> {
  await writeRules(admin, [
    `host all ${SUPERUSER} 127.0.0.1/32 trust`,
    'host all stranger 127.0.0.1/32 trust',
    'host all outsider 127.0.0.1/32 reject',
    'host all all 127.0.0.1/32 scram-sha-256',
  ]);
}

async function writeRules(admin: Sql, lines: string[]): Promise<void> {
  await writeFile(path.join(await dataFolder(admin), 'pg_hba.conf'), `${lines.join('\n')}\n`);
  const loadedAt = async () => (await admin<{ at: string }[]>`select pg_conf_load_time()::text as at`)[0]?.at;
  const before = await loadedAt();
  await admin`select pg_reload_conf()`;
  // Sessions are told once the server itself reads them, which it does before it lets the next one in.
  for (let looks = 0; (await loadedAt()) === before; looks += 1) {
    if (looks > RELOAD_LOOKS_MAX) throw new Error('the server did not read its rules again');
    await sleep(RELOAD_PAUSE_MS);
  }
}

async function dataFolder(admin: Sql): Promise<string> {
  const [row] = await admin<{ data_directory: string }[]>`show data_directory`;
  return row?.data_directory ?? '';
}

/** Started anew as a standby of nobody: it can be read, and never written. */
async function startStandby(): Promise<PostgresServer> {
  const server = await startPostgres({ own: true });
  cleanUpLater(() => server.stop());
  const client = postgres(server.url(), { max: 1 });
  const signal = path.join(await dataFolder(client), 'standby.signal');
  await client.end();
  await server.halt('fast');
  await writeFile(signal, '');
  await server.resume();
  return server;
}

async function startTlsServer({ certificate, key }: typeof FOR_LOCALHOST): Promise<number> {
  const server = await startPostgres({ own: true });
  cleanUpLater(() => server.stop());
  const admin = postgres(server.url(), { max: 1, onnotice: () => undefined });
  const folder = await dataFolder(admin);
  const { uid, gid } = statSync(folder);
  for (const [name, content] of [
    ['server.crt', certificate],
    ['server.key', key],
  ] as const) {
    const file = path.join(folder, name);
    await writeFile(file, content, { mode: 0o600 });
    await chown(file, uid, gid);
  }
  await admin.unsafe('alter system set ssl = on');
  await admin`select pg_reload_conf()`;
  await admin`select pg_sleep(0.2)`;
  const [row] = await admin<{ ssl: string }[]>`show ssl`;
  if (row?.ssl !== 'on') throw new Error('this PostgreSQL has no TLS');
  await admin.end();
  return server.port;
}

/** Node reads this variable once, at its start: it works for programs that are started, not in this process. */
async function trusting(
  server: PostgresServer,
  name: string,
  certificate: string,
): Promise<Record<string, string>> {
  const admin = postgres(server.url(), { max: 1 });
  const file = path.join(await dataFolder(admin), `${name}.crt`);
  await admin.end();
  if (!existsSync(file)) await writeFile(file, certificate);
  return { NODE_EXTRA_CA_CERTS: file };
}

/** Something else at the address: it says one thing, at once or when it is spoken to, and hangs up. */
async function startTalker(says: string | Buffer, when: 'at once' | 'asked'): Promise<number> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    if (when === 'at once') socket.write(says);
    else
      socket.on('data', (chunk) => {
        // Length and number of the request for encryption, which it does not offer.
        if (chunk.length === 8) socket.write('N');
        else socket.end(says);
      });
  });
  return await listening(server);
}

/** `server_version_num` as the server at hand says it. */
const VERSION_NUMBER = /1[4-9]00\d\d/;

/** The server behind a proxy that alters what it says. */
async function startPretender(server: PostgresServer, alter: (chunk: Buffer) => Buffer): Promise<number> {
  return await listening(
    net.createServer((client) => {
      const upstream = net.connect({ host: '127.0.0.1', port: server.port });
      for (const socket of [client, upstream]) socket.on('error', () => undefined);
      client.pipe(upstream);
      upstream.on('data', (chunk: Buffer) => client.write(alter(chunk)));
      upstream.on('close', () => client.destroy());
      client.on('close', () => upstream.destroy());
    }),
  );
}

function replaceAll(chunk: Buffer, pattern: RegExp, by: string): Buffer {
  return Buffer.from(chunk.toString('latin1').replaceAll(new RegExp(pattern, 'g'), by), 'latin1');
}

async function listening(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUpLater(() => void server.close());
  return (server.address() as net.AddressInfo).port;
}

/** An ErrorResponse of PostgreSQL's protocol. */
function fatal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(4 + fields.length, 1);
  return Buffer.concat([head, fields]);
}

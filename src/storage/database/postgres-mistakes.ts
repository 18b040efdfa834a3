/**
 * Mistakes in the setting that names PostgreSQL: what each one is, and what to change. They do not pass by
 * themselves, so that nothing may stand in for a database that was never there.
 */

/** What the address names, without secrets. */
export interface Place {
  host: string;
  database: string;
  user: string;
  hasPassword: boolean;
  /** The project's own schema. */
  schema: string;
}

interface MistakeKind {
  /** Codes of PostgreSQL (SQLSTATE), of the system, of TLS, and ours. */
  code: RegExp;
  reason: string;
  /** What to change, in sentences. */
  remedy: (place: Place) => string;
  /** Only what was asked for is refused; the rest of the database can be used. */
  isPartial?: true;
}

const ADDRESS =
  'the address of PostgreSQL (DATABASE_URL, database.url in worktrail.config.json, or the command line; `worktrail config` shows which one is used)';

/** Codes of ours for what a server is found to be, or says while a connection is made. */
export const MISTAKES: readonly MistakeKind[] = [
  {
    code: /^28P01$/,
    reason: 'it refused the user name or password',
    remedy: ({ user, hasPassword }) =>
      hasPassword
        ? `Correct the user (${shown(user)}) or the password in ${ADDRESS}. If both are right, the password has expired or the role is missing: on the server, \`ALTER ROLE ${name(user)} VALID UNTIL 'infinity'\` renews a password.`
        : `No password is given for the user ${shown(user)}: add it to DATABASE_URL, or set PGPASSWORD.`,
  },
  {
    code: /^NO_ACCESS_RULE$/,
    reason: 'its access rules (pg_hba.conf) let nobody in who comes like this',
    remedy: ({ user, database }) =>
      `Ask whoever looks after the server for a line in pg_hba.conf that lets the user ${shown(user)} into the database ${shown(database)} from this machine, or correct the user or database in ${ADDRESS}. Where the rules ask for TLS, add sslmode=require to the address.`,
  },
  {
    code: /^28/,
    reason: 'it has no such user, or does not let that user log in',
    remedy: ({ user }) =>
      `Correct the user (${shown(user)}) in ${ADDRESS}. On the server, \`ALTER ROLE ${name(user)} LOGIN\` lets a role log in that exists, and \`CREATE ROLE ${name(user)} LOGIN PASSWORD '…'\` makes one.`,
  },
  {
    code: /^3D000$/,
    reason: 'the database named in the URL does not exist',
    remedy: ({ database }) =>
      `Correct the database (${shown(database)}) in ${ADDRESS}, or make it on the server: \`CREATE DATABASE ${name(database)} ENCODING 'UTF8' TEMPLATE template0\`.`,
  },
  {
    code: /^DATABASE_CLOSED$/,
    reason: 'the database named in the URL accepts no connections',
    remedy: ({ database }) =>
      `Correct the database (${shown(database)}) in ${ADDRESS}, or open it on the server: \`ALTER DATABASE ${name(database)} ALLOW_CONNECTIONS true\`.`,
  },
  {
    code: /^CONNECT_DENIED$/,
    reason: 'the user may not connect to the database',
    remedy: ({ user, database }) =>
      `On the server: \`GRANT CONNECT ON DATABASE ${name(database)} TO ${name(user)}\`. Or correct the user or database in ${ADDRESS}.`,
  },
  {
    code: /^CREATE_DENIED$/,
    reason: "the user may not make the project's schema there",
    remedy: ({ user, database }) =>
      `On the server: \`GRANT CREATE ON DATABASE ${name(database)} TO ${name(user)}\`.`,
  },
  {
    code: /^UPGRADE_DENIED$/,
    reason: "the project's schema is older than this program, and the user may not bring it up to date",
    remedy: ({ schema }) =>
      `Let the role that owns the schema ${name(schema)} run \`worktrail migrate\` once, with this version.`,
  },
  {
    code: /^42501$/,
    isPartial: true,
    reason: 'the user may not do this there',
    remedy: ({ user, schema }) =>
      `On the server, as the owner of the schema: \`GRANT USAGE ON SCHEMA ${name(schema)} TO ${name(user)}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${name(schema)} TO ${name(user)}\`.`,
  },
  {
    code: /^ENOTFOUND$/,
    reason: 'its host name cannot be resolved',
    remedy: ({ host }) =>
      `Correct the host (${shown(host)}) in ${ADDRESS}. If it is right, it is known in another network only: connect to that (VPN) first.`,
  },
  {
    code: /^NOT_POSTGRES$/,
    reason: 'what answers at its address is not PostgreSQL',
    remedy: ({ host }) =>
      `Correct the host or port (${shown(host)}) in ${ADDRESS}: another program listens there. PostgreSQL's own port is 5432 unless it was changed.`,
  },
  {
    code: /^TLS_NOT_OFFERED$/,
    reason: 'it offers no encryption (TLS), without which no other machine is spoken to',
    remedy: () =>
      `Turn TLS on at the server (ssl = on, with a certificate). If the way to it is safe without, say sslmode=disable in ${ADDRESS}.`,
  },
  {
    code: /^TLS_NO_ROOT_CERTIFICATE$/,
    reason: 'the file that sslrootcert names cannot be read',
    remedy: () => `Correct sslrootcert in ${ADDRESS}.`,
  },
  {
    code: /^PASSWORD_IN_CLEAR$/,
    reason:
      'it asks for the password in clear text over a connection that is not encrypted, and was not given it',
    remedy: () => `Say sslmode=require in ${ADDRESS}, or let the server ask by scram-sha-256.`,
  },
  {
    code: /^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/,
    reason: 'its certificate has expired, or is not valid yet',
    remedy: () => "Renew the server's certificate; check the clock of this machine too.",
  },
  {
    code: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    reason: 'its certificate was made for another host name',
    remedy: ({ host }) =>
      `Use the host name of the certificate in ${ADDRESS} (now ${shown(host)}), or give the server a certificate for that name.`,
  },
  {
    code: /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT\w*)|CERT_\w+|INVALID_CA)$/,
    reason: 'its certificate is not signed by anybody whom this machine trusts',
    remedy: () =>
      'Name the file of the authority that signed it with sslrootcert in the address, or give the server a certificate of a known authority.',
  },
  {
    code: /^TLS_FAILED$/,
    reason: 'no encryption (TLS) could be agreed on with it',
    remedy: () =>
      `Check the TLS settings of the server (ssl_min_protocol_version, its certificate) and sslmode in ${ADDRESS}.`,
  },
  {
    code: /^START_UP_REFUSED$/,
    reason: 'what answers at its address refuses our start-up parameters, as a connection pooler does',
    remedy: () =>
      `Give the address of PostgreSQL itself instead of a pooler's (PgBouncer and others) in ${ADDRESS}: poolers are not supported. Also take out parameters in the URL that the server does not know.`,
  },
  {
    code: /^STANDBY$/,
    reason: 'it is a standby, which can only be read',
    remedy: ({ host }) =>
      `Name the primary server instead of ${shown(host)} in ${ADDRESS}. During a fail-over, repeat the call when the standby was promoted.`,
  },
  {
    code: /^READ_ONLY_ROLE$/,
    reason: 'the user is set to read-only there',
    remedy: ({ user, database }) =>
      `On the server: \`ALTER ROLE ${name(user)} RESET default_transaction_read_only\` (and \`ALTER ROLE ${name(user)} IN DATABASE ${name(database)} RESET default_transaction_read_only\`), or name another user in ${ADDRESS}.`,
  },
  {
    code: /^SERVER_TOO_OLD$/,
    reason: 'the server is older than PostgreSQL 14',
    remedy: () => `Use PostgreSQL 14 or newer: upgrade the server, or name another one in ${ADDRESS}.`,
  },
  {
    code: /^ENCODING$/,
    reason: 'the database is not encoded in UTF-8, so that it cannot hold every text',
    remedy: ({ database }) =>
      `Make one that is, and name it in ${ADDRESS}: \`CREATE DATABASE ${name(`${database}_utf8`)} ENCODING 'UTF8' TEMPLATE template0\`.`,
  },
  {
    code: /^OTHER_NAME$/,
    reason: 'the settings name another project than the one of this folder',
    remedy: () => 'Correct project.slug in worktrail.config.json.',
  },
  {
    code: /^FOREIGN_SCHEMA$/,
    reason: "the schema of this project's name has tables of another program",
    remedy: ({ schema }) =>
      `Ask whoever looks after the database what the schema ${name(schema)} is. To use another one, set project.slug in worktrail.config.json to another name, or name another database in ${ADDRESS}.`,
  },
];

/** A mistake that was met, with what to change. */
export class SettingMistake extends Error {
  readonly code: string;
  readonly reason: string;
  readonly remedy: string;

  constructor(code: string, kind: MistakeKind, place: Place, cause: unknown) {
    super(kind.reason, { cause });
    this.name = 'SettingMistake';
    this.code = code;
    this.reason = kind.reason;
    this.remedy = `${kind.remedy(place)} Nothing was changed.`;
  }
}

export function mistakeKind(code: string): MistakeKind | undefined {
  return MISTAKES.find((one) => one.code.test(code));
}

/** For a sentence; the address may hold anything. */
function shown(text: string): string {
  return text === '' ? '(none)' : `"${text.replaceAll(/[\p{Cc}\p{Cf}"`]/gu, '')}"`;
}

/** For a statement: quoted where PostgreSQL wants that. */
function name(identifier: string): string {
  if (/^[a-z_][a-z0-9_]*$/.test(identifier)) return identifier;
  return `"${identifier.replaceAll(/[\p{Cc}\p{Cf}`]/gu, '').replaceAll('"', '""')}"`;
}

/** What stands for an address where it is remembered: it tells addresses apart, and nothing of them. */
import { createHmac } from 'node:crypto';

/** Short, so that a password cannot be found by trying: very many others have the same mark. */
const MARK_CHARACTERS = 8;
/** They complete what the URL leaves out. */
const VARIABLES = ['PGHOST', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGPASSWORD', 'PGSSLMODE'];

export interface AddressMark {
  /** Of all that decides where and as whom is connected: user, password and TLS too. */
  address: string;
  /** Of the host alone. */
  host: string;
}

/** @param salt differs from folder to folder */
export function addressMark(databaseUrl: string, salt: string, environment = process.env): AddressMark {
  const mark = (text: string) =>
    createHmac('sha256', salt).update(text).digest('hex').slice(0, MARK_CHARACTERS);
  const { hostname } = new URL(databaseUrl);
  const completed = VARIABLES.map((name) => environment[name] ?? '');
  return {
    address: mark(JSON.stringify([databaseUrl, ...completed])),
    host: mark(JSON.stringify([hostname, environment['PGHOST'] ?? ''])),
  };
}

/** What stands for an address where it is remembered: it tells addresses apart, and nothing of them. */
import { createHmac } from 'node:crypto';
import { parsePostgresUrl } from '../primary/postgres-address.ts';

/** Short, so that a password cannot be found by trying: very many others have the same mark. */
const MARK_CHARACTERS = 8;

export interface AddressMark {
  /** Of all that decides where and as whom is connected: user, password and TLS too. */
  address: string;
  /** Of the servers alone. */
  host: string;
}

/**
 * @param databaseUrl complete: the environment adds nothing to it
 * @param salt differs from folder to folder
 */
export function addressMark(databaseUrl: string, salt: string): AddressMark {
  const mark = (text: string) =>
    createHmac('sha256', salt).update(text).digest('hex').slice(0, MARK_CHARACTERS);
  const hosts = parsePostgresUrl(databaseUrl).servers.map(({ host }) => host);
  return { address: mark(databaseUrl), host: mark(hosts.join()) };
}

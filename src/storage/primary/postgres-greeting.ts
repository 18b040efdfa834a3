/** What a server says first on a line that is not encrypted, by which one that is not PostgreSQL is known at once. */
import type net from 'node:net';
import { codedError } from '../database/driver-errors.ts';

/** Authentication, an error, a notice and a protocol version, each followed by a length whose first byte is 0. */
const FIRST_MESSAGES = new Set([...'RENv'].map((letter) => letter.charCodeAt(0)));

export function notPostgres(): Error {
  return codedError('NOT_POSTGRES', 'an answer that is not of its protocol');
}

/** Whether bytes begin a message with which PostgreSQL may answer a start. */
export function beginsMessage(chunk: Buffer): boolean {
  return FIRST_MESSAGES.has(chunk[0] ?? 0) && (chunk[1] ?? 0) === 0;
}

/** Listens for the first bytes beside the driver, and destroys the socket of another program. */
export function watchGreeting(socket: net.Socket): void {
  socket.once('data', (chunk: Buffer) => {
    if (!beginsMessage(chunk)) socket.destroy(notPostgres());
  });
}

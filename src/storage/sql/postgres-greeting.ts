/** What a server says first, by which one that is not PostgreSQL, or that offers no TLS, is known at once. */
import type net from 'node:net';
import { codedError } from './driver-errors.ts';

/** Authentication, an error, a notice and a protocol version, each followed by a length whose first byte is 0. */
const FIRST_MESSAGES = new Set([...'RENv'].map((letter) => letter.charCodeAt(0)));
const TLS_OFFERED = 'S'.charCodeAt(0);
const TLS_REFUSED = 'N'.charCodeAt(0);

/**
 * Listens for the first bytes beside the driver.
 * @param tls whether the driver asks for TLS, and whether it goes on without
 */
export function watchGreeting(
  socket: net.Socket,
  tls: 'none' | 'preferred' | 'required',
  onWrong: (error: Error) => void,
): void {
  // Not before: a listener makes the socket flow, and the driver takes it over when it is connected.
  socket.once('connect', () => {
    socket.once('data', (chunk: Buffer) => {
      if (tls !== 'none' && chunk.length === 1) {
        if (chunk[0] === TLS_OFFERED) return;
        if (chunk[0] === TLS_REFUSED) {
          if (tls === 'required') onWrong(codedError('TLS_NOT_OFFERED', 'the server offers no TLS'));
          return;
        }
      }
      const isMessage = FIRST_MESSAGES.has(chunk[0] ?? 0) && (chunk[1] ?? 0) === 0;
      if (!isMessage) onWrong(codedError('NOT_POSTGRES', 'an answer that is not of its protocol'));
    });
  });
}

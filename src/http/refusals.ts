/** Answers to what never becomes a request, in the form of all other refusals. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

/** After how long a client that was refused for now may try again. */
export const RETRY_AFTER_SECONDS = 1;

/** Says why on the bare connection, and ends it. */
export function closeWith(socket: Socket, status: number, message: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32000, message } });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(status === 503 ? [`Retry-After: ${RETRY_AFTER_SECONDS}`] : []),
    'Connection: close',
  ];
  // Or a client that never closes its side keeps ours.
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

/** For what Node's parser refused, or gave up waiting for. */
export function refuseUnparsed(error: NodeJS.ErrnoException, socket: Socket): void {
  switch (error.code) {
    case 'ECONNRESET':
      socket.destroy();
      return;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      closeWith(socket, 408, 'The request did not come in time; send it again in one go.');
      return;
    case 'HPE_HEADER_OVERFLOW':
      closeWith(socket, 431, 'The headers are larger than 16 KiB; send fewer.');
      return;
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      closeWith(socket, 413, 'The chunk extensions are too large; send none.');
      return;
    case undefined:
    default:
      closeWith(socket, 400, 'This is not an HTTP request.');
  }
}

// A server on loopback that pretends to be PostgreSQL, asks for passwords in the worst ways, and keeps all it is told.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { cleanUpLater } from './cleanup.ts';

export interface FakePostgres {
  readonly port: number;
  url(database?: string): string;
  /** Connections that were made to it, whatever they said. */
  readonly connections: number;
  /** Everything it was sent, byte for byte. */
  received(): string;
  /** What it was told of user, database and settings, one entry per connection that got so far. */
  readonly startups: Record<string, string>[];
  /** Answers to its requests for a password. */
  readonly passwords: string[];
  stop(): Promise<void>;
}

export type PasswordRequest = 'cleartext' | 'md5' | 'none';

const SSL_REQUEST = 80877103;
const REQUESTS: Record<PasswordRequest, () => Buffer> = {
  none: () => authentication(0),
  cleartext: () => authentication(3),
  md5: () => authentication(5, randomBytes(4)),
};

/** Listens on a free port of its own, by default of 127.0.0.1; stopped at the end of the test (or file). */
export async function fakePostgres({
  asks = 'cleartext',
  host = '127.0.0.1',
}: { asks?: PasswordRequest; host?: string } = {}): Promise<FakePostgres> {
  const chunks: Buffer[] = [];
  const startups: Record<string, string>[] = [];
  const passwords: string[] = [];
  const sockets = new Set<net.Socket>();
  let connections = 0;
  const server = net.createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let unread = Buffer.alloc(0);
    let isStarted = false;
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      unread = Buffer.concat([unread, chunk]);
      for (;;) {
        // Before the start a message has no kind.
        const at = isStarted ? 1 : 0;
        if (unread.length < at + 4) return;
        const length = unread.readUInt32BE(at) + at;
        if (unread.length < length) return;
        const message = unread.subarray(0, length);
        unread = unread.subarray(length);
        if (isStarted) {
          if (message[0] !== 'p'.charCodeAt(0)) continue;
          passwords.push(message.subarray(5).toString('latin1').replace(/\0$/, ''));
          socket.end(failure('28P01', 'password authentication failed'));
        } else if (message.readUInt32BE(4) === SSL_REQUEST) socket.write('N');
        else {
          isStarted = true;
          startups.push(settingsOf(message.subarray(8)));
          socket.write(REQUESTS[asks]());
        }
      }
    });
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  cleanUpLater(stop);
  return {
    port,
    url: (database = 'team') => `postgres://${host}:${port}/${database}`,
    get connections() {
      return connections;
    },
    received: () => Buffer.concat(chunks).toString('latin1'),
    startups,
    passwords,
    stop,
  };
}

function authentication(kind: number, rest = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.write('R');
  head.writeUInt32BE(8 + rest.length, 1);
  head.writeUInt32BE(kind, 5);
  return Buffer.concat([head, rest]);
}

function failure(code: string, text: string): Buffer {
  const body = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${text}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

function settingsOf(message: Buffer): Record<string, string> {
  const texts = message.toString('latin1').split('\0');
  const settings: Record<string, string> = {};
  for (let index = 0; index + 1 < texts.length && texts[index] !== ''; index += 2) {
    settings[texts[index] ?? ''] = texts[index + 1] ?? '';
  }
  return settings;
}

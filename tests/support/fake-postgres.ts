// A server on loopback that pretends to be PostgreSQL, asks for passwords in the worst ways, and keeps all it is told.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
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

const HOST = '127.0.0.1';
const SSL_REQUEST = 80877103;
const REQUESTS: Record<PasswordRequest, () => Buffer> = {
  none: () => authentication(0),
  cleartext: () => authentication(3),
  md5: () => authentication(5, randomBytes(4)),
};

/** Listens on a free port of its own, on 127.0.0.1; stopped at the end of the test (or file). */
export async function fakePostgres({
  asks = 'cleartext',
  certificate,
}: {
  asks?: PasswordRequest;
  /** With one, it encrypts when it is asked to. */
  certificate?: { key: string; cert: string };
} = {}): Promise<FakePostgres> {
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
    socket.on('data', (chunk) => chunks.push(chunk));
    converse(socket, {
      encrypt: () => {
        if (certificate === undefined) return void socket.write('N');
        socket.removeAllListeners('data').on('data', (chunk) => chunks.push(chunk));
        socket.write('S');
        const secure = new tls.TLSSocket(socket, { isServer: true, ...certificate });
        secure.on('error', () => undefined);
        converse(secure, { encrypt: () => secure.destroy(), start, password });
      },
      start,
      password,
    });
  });
  const start = (settings: Record<string, string>) => {
    startups.push(settings);
    return REQUESTS[asks]();
  };
  const password = (text: string) => {
    passwords.push(text);
    return failure('28P01', 'password authentication failed');
  };
  server.listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  cleanUpLater(stop);
  return {
    port,
    url: (database = 'team') => `postgres://${HOST}:${port}/${database}`,
    get connections() {
      return connections;
    },
    received: () => Buffer.concat(chunks).toString('latin1'),
    startups,
    passwords,
    stop,
  };
}

/** Reads what a client says, in the form of the protocol, until it has answered the request for a password. */
function converse(
  socket: net.Socket,
  on: {
    encrypt: () => void;
    start: (settings: Record<string, string>) => Buffer;
    password: (text: string) => Buffer;
  },
): void {
  let unread = Buffer.alloc(0);
  let isStarted = false;
  socket.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk]);
    for (;;) {
      // Before the start a message has no kind.
      const at = isStarted ? 1 : 0;
      if (unread.length < at + 4) return;
      const length = unread.readUInt32BE(at) + at;
      if (unread.length < length) return;
      const message = unread.subarray(0, length);
      unread = unread.subarray(length);
      if (!isStarted && message.readUInt32BE(4) === SSL_REQUEST) on.encrypt();
      else if (!isStarted) {
        isStarted = true;
        socket.write(on.start(settingsOf(message.subarray(8))));
      } else if (message[0] === 'p'.charCodeAt(0)) {
        socket.end(on.password(message.subarray(5).toString('latin1').replace(/\0$/, '')));
      }
    }
  });
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

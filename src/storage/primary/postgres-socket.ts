/**
 * A socket to a PostgreSQL server: dialled ──▶ encrypted, where that is asked for ──▶ handed to the driver.
 *
 * The driver could ask for encryption by itself. It is done here because only who does it knows afterwards whether
 * the connection is encrypted, and with that, which requests for a password may be answered.
 */
import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { readPlainFile } from '../../platform/plain-file.ts';
import { codedError } from '../database/driver-errors.ts';
import { beginsMessage, notPostgres, watchGreeting } from './postgres-greeting.ts';
import { mistakeKind } from '../database/postgres-mistakes.ts';
import {
  isSocket,
  isThisMachine,
  sslModeOf,
  type CompleteAddress,
  type Server,
  type SslMode,
} from './postgres-address.ts';

/** One server of an address. */
export interface Address {
  server: Server;
  of: CompleteAddress;
}

/** What the driver speaks on. */
export interface Line {
  socket: net.Socket;
  /** Whether the server may be given the password now; false after a request that must not be answered. */
  mayAnswer(): boolean;
}

/** Sends nothing yet. */
export function dial({ server: { host, port } }: Address): net.Socket {
  return isSocket(host)
    ? net.connect({ path: path.join(host, `.s.PGSQL.${port}`) })
    : net.connect({ host, port, lookup: lookUpOnce });
}

/** Waits for the connection and encrypts it, as its address asks for. Destroys the socket when that fails. */
export async function secure(socket: net.Socket, { server, of }: Address): Promise<Line> {
  await happened(socket, 'connect');
  const mode = sslModeOf(of, server);
  if (mode === 'disable') return plainLine(socket, server);
  const offered = await askForTls(socket);
  if (!offered && (mode === 'allow' || mode === 'prefer')) return plainLine(socket, server);
  try {
    if (!offered) throw codedError('TLS_NOT_OFFERED', 'the server offers no encryption');
    return { socket: await encrypted(socket, server, mode, of.rootCertificate), mayAnswer: () => true };
  } catch (error) {
    socket.destroy(error as Error);
    throw error;
  }
}

export function connectionClosed(): Error {
  return codedError('CONNECTION_CLOSED', 'the connection was closed');
}

/** Length and number of the message with which a client asks for encryption. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const YES = 0x53;
const NO = 0x4e;

async function askForTls(socket: net.Socket): Promise<boolean> {
  const answered = new Promise<Buffer>((resolve, reject) => {
    socket.once('data', resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(connectionClosed()));
  });
  socket.write(SSL_REQUEST);
  const answer = await answered;
  // More than that one byte was not sent by who answers on the encrypted line.
  if (answer.length === 1 && (answer[0] === YES || answer[0] === NO)) return answer[0] === YES;
  const error = beginsMessage(answer)
    ? codedError('TLS_FAILED', 'the request for encryption was not answered as PostgreSQL does')
    : notPostgres();
  socket.destroy(error);
  throw error;
}

async function encrypted(
  socket: net.Socket,
  { host }: Server,
  mode: SslMode,
  rootCertificate: string | undefined,
): Promise<net.Socket> {
  const verifies = mode === 'verify-ca' || mode === 'verify-full';
  const wrapped = tls.connect({
    socket,
    // Names alone are sent, and it is the name or number that a certificate must be for.
    ...(net.isIP(host) === 0 && { servername: host }),
    host,
    rejectUnauthorized: verifies,
    ...(mode !== 'verify-full' && { checkServerIdentity: () => undefined }),
    ...(verifies && certificates(rootCertificate)),
  });
  // Each ends with the other; an error on the way is told to whoever waits, and ends nothing by itself.
  wrapped.on('error', () => undefined);
  wrapped.once('close', () => socket.destroy());
  socket.once('close', () => wrapped.destroy());
  try {
    await happened(wrapped, 'secureConnect');
    return wrapped;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (mistakeKind(code) !== undefined) throw error;
    throw codedError('TLS_FAILED', 'no encryption with the server', error);
  }
}

const CERTIFICATES_MAX_BYTES = 1024 * 1024;

function certificates(file: string | undefined): tls.ConnectionOptions {
  if (file === undefined || file === 'system') return {};
  try {
    const ca = readPlainFile(file, { maxBytes: CERTIFICATES_MAX_BYTES, inside: path.parse(file).root });
    if (ca !== undefined) return { ca };
  } catch (error) {
    throw codedError('TLS_NO_ROOT_CERTIFICATE', 'the file of sslrootcert cannot be used', error);
  }
  throw codedError('TLS_NO_ROOT_CERTIFICATE', 'the file of sslrootcert is not there');
}

/** A line that others may read, if it leaves the machine. */
function plainLine(socket: net.Socket, { host }: Server): Line {
  watchGreeting(socket);
  if (isThisMachine(host)) return { socket, mayAnswer: () => true };
  let asked: number | undefined;
  socket.on(
    'data',
    watchRequests((request) => {
      asked = request;
      if (request !== AUTHENTICATION.cleartext) return;
      socket.destroy(codedError('PASSWORD_IN_CLEAR', 'the server asks for the password in clear text'));
    }),
  );
  return { socket, mayAnswer: () => asked !== undefined && asked !== AUTHENTICATION.cleartext };
}

const AUTHENTICATION = { ok: 0, cleartext: 3 } as const;
const AUTHENTICATION_MESSAGE = 0x52;
/** A message's kind, its length, and the number of the request. */
const REQUEST_HEAD_BYTES = 9;

/** Tells of each request for authentication before the driver reads it, up to the one that says that all is well. */
function watchRequests(onRequest: (request: number) => void): (chunk: Buffer) => void {
  let head = Buffer.alloc(0);
  let toSkip = 0;
  let isDone = false;
  return (chunk) => {
    let rest = chunk;
    while (!isDone && rest.length > 0) {
      if (toSkip > 0) {
        const skipped = Math.min(toSkip, rest.length);
        toSkip -= skipped;
        rest = rest.subarray(skipped);
        continue;
      }
      const missing = REQUEST_HEAD_BYTES - head.length;
      head = Buffer.concat([head, rest.subarray(0, missing)]);
      rest = rest.subarray(missing);
      if (head.length < REQUEST_HEAD_BYTES) return;
      const length = head.readUInt32BE(1);
      if (head[0] !== AUTHENTICATION_MESSAGE) {
        // Anything else that a server may say this early is longer than the head.
        toSkip = Math.max(0, length + 1 - REQUEST_HEAD_BYTES);
        head = Buffer.alloc(0);
        continue;
      }
      const request = head.readUInt32BE(5);
      onRequest(request);
      isDone = request === AUTHENTICATION.ok;
      toSkip = Math.max(0, length + 1 - REQUEST_HEAD_BYTES);
      head = Buffer.alloc(0);
    }
  };
}

function happened(socket: net.Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(connectionClosed()));
  });
}

type LookUpDone = (
  error: NodeJS.ErrnoException | null,
  found: LookupAddress[] | string,
  family?: number,
) => void;
const lookingUp = new Map<string, LookUpDone[]>();

/**
 * A look-up that hangs cannot be ended and takes one of the few threads that also read and write files:
 * callers that want the same name share one.
 */
function lookUpOnce(host: string, options: LookupOptions, done: LookUpDone): void {
  const key = `${host} ${JSON.stringify(options)}`;
  const waiting = lookingUp.get(key);
  if (waiting !== undefined) return void waiting.push(done);
  const all = [done];
  lookingUp.set(key, all);
  lookup(host, options, (...result: Parameters<LookUpDone>) => {
    lookingUp.delete(key);
    for (const each of all) each(...result);
  });
}

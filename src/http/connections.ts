/**
 * Which connections are kept when there are too many. Each is either waiting for a request, receiving one, or
 * answering; one that answers (a call at work, an open stream) is never cut off for another.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { KEEP_ALIVE_TOLD_S, UNREAD_MAX_MS, type Share } from './limits.ts';
import { closeWith } from './refusals.ts';

interface Connection {
  socket: Socket;
  address: string;
  /** When it came, or when its last request began or ended. */
  since: number;
  /** How many of its requests were answered. */
  answered: number;
  /** Requests not yet answered to the end. */
  open: Set<IncomingMessage>;
  /** What was not yet taken by the client when last looked at, and since when that is so. */
  unread: { bytes: number; since: number };
}

/**
 * Who goes first, of those that may go: who has sent nothing whole, then who waits after a single request, after several
 * (a client that keeps its connection in use), and last who is sending.
 */
const ORDER = ['unproven', 'asked-once', 'waiting', 'receiving'] as const;

const LOOK_AT_UNREAD_MS = UNREAD_MAX_MS / 6;

/**
 * Holds a server to a number of connections.
 * @param onFull told of every connection that was ended for another, or refused
 */
export function limitConnections(server: Server, limit: Share, onFull: (what: string) => void): void {
  const connections = new Map<Socket, Connection>();

  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const all = [...connections.values()];
    const ofAddress = all.filter((one) => one.address === address);
    const crowd =
      ofAddress.length >= limit.perAddress ? ofAddress : all.length >= limit.total ? all : undefined;
    if (crowd !== undefined) {
      const victim = firstToGo(crowd);
      if (victim === undefined) {
        onFull('a connection was refused: all that may be open are in use');
        return closeWith(socket, 503, 'This server has as many connections as it may; try again soon.');
      }
      onFull('a connection that was not in use was ended to make room for another');
      connections.delete(victim.socket);
      victim.socket.destroy();
    }
    connections.set(socket, {
      socket,
      address,
      since: performance.now(),
      answered: 0,
      open: new Set(),
      unread: { bytes: 0, since: 0 },
    });
    socket.once('close', () => connections.delete(socket));
  });

  // Before the handler, which may answer at once.
  server.prependListener('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    // Node would tell the whole time, up to the moment at which it closes.
    if (outgoing.shouldKeepAlive) outgoing.setHeader('Keep-Alive', `timeout=${KEEP_ALIVE_TOLD_S}`);
    const connection = connections.get(incoming.socket);
    if (connection === undefined) return;
    connection.open.add(incoming);
    connection.since = performance.now();
    outgoing.once('close', () => {
      connection.open.delete(incoming);
      if (incoming.complete) connection.answered += 1;
      connection.since = performance.now();
    });
  });

  const looking = setInterval(() => {
    for (const connection of connections.values()) endUnread(connection, onFull);
  }, LOOK_AT_UNREAD_MS);
  looking.unref();
  server.once('close', () => clearInterval(looking));
}

function firstToGo(crowd: readonly Connection[]): Connection | undefined {
  const oldestFirst = [...crowd].sort((a, b) => a.since - b.since);
  for (const state of ORDER) {
    const found = oldestFirst.find((connection) => stateOf(connection) === state);
    if (found !== undefined) return found;
  }
  return undefined;
}

function stateOf({ open, answered }: Connection): (typeof ORDER)[number] | 'answering' {
  if ([...open].some(({ complete }) => complete)) return 'answering';
  if (answered === 0) return 'unproven';
  if (open.size > 0) return 'receiving';
  return answered === 1 ? 'asked-once' : 'waiting';
}

/** A client that no longer reads keeps all that it is sent in our memory. */
function endUnread(connection: Connection, onFull: (what: string) => void): void {
  const { socket, unread } = connection;
  const now = performance.now();
  if (socket.writableLength === 0 || socket.writableLength !== unread.bytes) {
    connection.unread = { bytes: socket.writableLength, since: now };
  } else if (now - unread.since >= UNREAD_MAX_MS) {
    onFull(`a connection was ended: its client has read nothing for ${UNREAD_MAX_MS / 1_000} seconds`);
    socket.destroy();
  }
}

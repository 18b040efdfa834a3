/**
 * How much of this process others may take. Generous to clients at work, small against what one program in a loop can
 * open. Where something is full, what has waited longest without being of use makes room; what is in use never does.
 */
import { readFileSync } from 'node:fs';
import { MESSAGE_MAX_BYTES } from '../domain/limits.ts';

/** A limit for everybody together, and a smaller one for each address: one that floods leaves room for the others. */
export interface Share {
  total: number;
  perAddress: number;
}

/** Hosts keep one to three connections each; every connection costs about 30 kB. */
const CONNECTIONS_MAX = 1_000;
/** Files, databases, git and its pipes need the other half of what the system allows this process to open. */
const DESCRIPTORS_FOR_CONNECTIONS = 0.5;
/** Where the system does not say. */
const DESCRIPTORS_ASSUMED = 1_024;

/** Streams that stay open, which nothing evicts: they leave at least half of the connections to calls. */
const STREAMS_MAX: Share = { total: 400, perAddress: 200 };
/** A session at rest costs about 25 kB. */
export const SESSIONS_MAX: Share = { total: 1_000, perAddress: 500 };

/** Of bodies that are still coming in: 32 of the largest at once, thousands of ordinary ones. */
export const BODIES_MAX_BYTES = 32 * MESSAGE_MAX_BYTES;
/** A larger body is not read to its end: the connection is cut. */
export const DISCARD_MAX_BYTES = 32 * MESSAGE_MAX_BYTES;

/**
 * Of one address. More than this server answers with all its clients at work (1,000 to 2,000 small calls per second); it
 * holds what would be refused anyway, such as wrong tokens, to a rate.
 */
export const RATE_PER_SECOND = 2_000;
/** An address that was quiet may send this many at once. */
export const RATE_BURST = 10_000;

/** Given to Node's HTTP server. On loopback all of it takes milliseconds; slow tunnels are thought of. */
export const TIMEOUTS = {
  /** From the connection, or from the first byte of a later request, to the end of its head. */
  headersTimeout: 30_000,
  /** To the end of the body. */
  requestTimeout: 60_000,
  /**
   * Between requests. A client that uses a connection just as it is closed meets a call that failed, and cannot know whether
   * it was done: so it is held longer than clients by themselves keep theirs (HTTP libraries give up after 5 to 120 seconds).
   */
  keepAliveTimeout: 150_000,
  /** How often the two first are looked at. */
  connectionsCheckingInterval: 1_000,
} as const;

/**
 * What clients are told of it. Most keep to it less a second, which a busy machine may take to let them run; the rest of
 * the time above is theirs.
 */
export const KEEP_ALIVE_TOLD_S = 30;

/** Browsers and hosts send up to thirty. */
export const HEADERS_MAX = 100;

/** A client that takes nothing of what it was sent for so long is cut off; its answers would pile up here. */
export const UNREAD_MAX_MS = 60_000;

export interface HttpLimits {
  connections: Share;
  streams: Share;
}

export function httpLimits(descriptors = descriptorsOfThisProcess()): HttpLimits {
  const connections = Math.min(CONNECTIONS_MAX, Math.floor(descriptors * DESCRIPTORS_FOR_CONNECTIONS));
  const perAddress = Math.floor(connections * 0.75);
  return {
    connections: { total: connections, perAddress },
    streams: {
      total: Math.min(STREAMS_MAX.total, Math.floor(connections / 2)),
      perAddress: Math.min(STREAMS_MAX.perAddress, Math.floor(perAddress / 2)),
    },
  };
}

/** How many files, sockets and pipes the system lets this process have open. */
function descriptorsOfThisProcess(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return soft === undefined ? DESCRIPTORS_ASSUMED : Number(soft);
  } catch {
    return DESCRIPTORS_ASSUMED;
  }
}

/**
 * Ids of 2025 sessions over HTTP. An id holds what the handshake said, sealed: a session that ended because nobody used it,
 * or with the server, goes on with its next request, as if nothing had been. Most clients never recover from its loss.
 */
import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { presentable } from '../domain/worker.ts';

/** Makes and checks seals that only this user's programs on this machine can make. */
export interface Sealing {
  of(data: string): string;
  isOwn(data: string, seal: string): boolean;
}

const handshake = z.object({
  /** The session as changes name it: shown to others, so it opens nothing. */
  session: z.uuid(),
  params: z.object({
    protocolVersion: z.string().max(20),
    clientInfo: z.object({ name: z.string(), version: z.string() }),
    capabilities: z.object({}),
  }),
});
export type Handshake = z.output<typeof handshake>;

/** The longest name and version, in the script with the longest encoding, take less. */
const ID_MAX_CHARACTERS = 4_000;

/** What of the parameters of `initialize` a session goes by. */
export function handshakeOf(params: unknown): Handshake {
  const { protocolVersion, clientInfo } = (params ?? {}) as {
    protocolVersion?: unknown;
    clientInfo?: { name?: unknown; version?: unknown };
  };
  return {
    session: randomUUID(),
    params: {
      protocolVersion: String(protocolVersion).slice(0, 20),
      clientInfo: { name: presentable(clientInfo?.name), version: presentable(clientInfo?.version) },
      capabilities: {},
    },
  };
}

export class SessionIds {
  /** @param place the tracker's folder: a session of another tracker, whose server had this port before, is none of its */
  constructor(
    private readonly sealing: Sealing,
    private readonly place: string,
  ) {}

  /** Visible ASCII characters, as the protocol asks; another one each time. */
  make(of: Handshake): string {
    const told = `${randomUUID()}.${Buffer.from(JSON.stringify(of)).toString('base64url')}`;
    return `${told}.${this.sealing.of(this.#sealed(told))}`;
  }

  /** What the id holds; undefined for one that was not made here. */
  read(id: string): Handshake | undefined {
    if (id.length > ID_MAX_CHARACTERS) return undefined;
    const [, told, content, seal] = /^([0-9a-f-]{36}\.([\w-]+))\.([0-9a-f]{64})$/.exec(id) ?? [];
    if (told === undefined || content === undefined || seal === undefined) return undefined;
    if (!this.sealing.isOwn(this.#sealed(told), seal)) return undefined;
    try {
      return handshake.parse(JSON.parse(Buffer.from(content, 'base64url').toString()));
    } catch {
      return undefined; // of another version of this program
    }
  }

  #sealed(told: string): string {
    return JSON.stringify([this.place, told]);
  }
}

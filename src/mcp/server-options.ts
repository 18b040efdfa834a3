import type { Server } from '@modelcontextprotocol/server';
import type { Toolset } from '../domain/toolsets.ts';
import type { Context } from '../use-cases/support/context.ts';
import type { Prompt } from './definitions/define-prompt.ts';
import type { Resource } from './definitions/define-resource.ts';
import type { Tool } from './definitions/define-tool.ts';

export type OpenApp = ServerOptions['app'];

/** What a server offers, in the order in which clients see it. What is left out is all that the product has of it. */
export interface Offer {
  /** Of these, those of the toolsets. */
  tools?: readonly Tool[];
  resources?: readonly Resource[];
  prompts?: readonly Prompt[];
}

export interface ServerOptions extends Offer {
  version: string;
  toolsets: readonly Toolset[];
  /** The opened program; awaited by the first call, so that a client is greeted before the store is open. */
  app: () => Promise<{ context: Context }>;
  /** The session of the one client of this program, by its name; left out where there are several. */
  session?: (client: string, meta?: Readonly<Record<string, unknown>>) => string;
  /** Told of unexpected failures, which clients see only in our words. */
  log: (message: string) => void;
  /** Answers requests through the handlers that it is given; the SDK's own when left out. */
  serverClass?: typeof Server;
}

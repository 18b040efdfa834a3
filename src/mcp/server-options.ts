import type { Toolset } from '../domain/toolsets.ts';
import type { Context } from '../use-cases/support/context.ts';

export type OpenApp = ServerOptions['app'];

export interface ServerOptions {
  version: string;
  toolsets: readonly Toolset[];
  /** The opened program; awaited by the first call, so that a client is greeted before the store is open. */
  app: () => Promise<{ context: Context }>;
  /** The session of the one client of this program, by its name; left out where there are several. */
  session?: (client: string, meta?: Readonly<Record<string, unknown>>) => string;
  /** Told of unexpected failures, which clients see only in our words. */
  log: (message: string) => void;
}

import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { OneClientFactory } from './server.ts';
import { listenOverStdio } from './stdio-listening.ts';
import { StdioTransport } from './stdio-transport.ts';

/** One client over this process's standard input and output. */
export interface StdioConnection {
  /** Resolves when the client says no more or reads no more. */
  ending: Promise<void>;
  /** Answers what was asked, for a little over a second at most, and closes. */
  finish(): Promise<void>;
  /** Resolves when everything that was answered has left the process, or nobody takes it any more. */
  written(): Promise<void>;
}

/** Serves one client in the protocol era that it opens with. */
export function serveOverStdio(factory: OneClientFactory, log: (message: string) => void): StdioConnection {
  const transport = new StdioTransport(process.stdin, process.stdout);
  const ending = new Promise<void>((resolve) => (transport.onending = resolve));
  const handle = serveStdio(factory, { transport, onerror: (error) => log(error.message) });
  listenOverStdio(transport, factory);
  return {
    ending,
    finish: async () => {
      await transport.finish();
      await handle.close();
    },
    written: () => transport.written(),
  };
}

import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { OneClientFactory } from './server.ts';
import { listenOverStdio } from './stdio-listening.ts';
import { StdioTransport } from './stdio-transport.ts';

/**
 * Serves one client over this process's standard input and output, in the protocol era it opens with.
 * @returns `closed` resolves when the client is gone: its input ended or its output broke
 */
export function serveOverStdio(
  factory: OneClientFactory,
  log: (message: string) => void,
): { closed: Promise<void>; close(): Promise<void> } {
  const transport = new StdioTransport(process.stdin, process.stdout);
  let resolveClosed: () => void;
  const closed = new Promise<void>((resolve) => (resolveClosed = resolve));
  const handle = serveStdio(factory, { transport, onerror: (error) => log(error.message) });
  listenOverStdio(transport, factory);
  // serveStdio has set its own onclose; both must hear of the end.
  const { onclose } = transport;
  transport.onclose = () => {
    onclose?.();
    resolveClosed();
  };
  return { closed, close: () => handle.close() };
}

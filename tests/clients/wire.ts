// What client and server say to each other, listened to between them: over stdio with tee, over HTTP with a proxy.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { builtProgram } from '../support/child-program.ts';

export const ASKED = 'asked.jsonl';
export const ANSWERED = 'answered.jsonl';

/** The program by its name, as `init` writes it into the clients' files; what is said over stdio is kept in `folder`. */
export function writeProgram(bin: string, folder: string): void {
  const program = [process.execPath, builtProgram].map(quoted).join(' ');
  const [asked, answered] = [ASKED, ANSWERED].map((name) => quoted(path.join(folder, name)));
  const lines = [
    '#!/bin/sh',
    `[ "$1" = serve ] || exec ${program} "$@"`,
    `tee -a ${asked} | ${program} "$@" | tee -a ${answered}`,
  ];
  const file = path.join(bin, 'worktrail');
  writeFileSync(file, `${lines.join('\n')}\n`);
  chmodSync(file, 0o755);
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** In the answer to `initialize`. */
const AGREED = /"result":\{[^{}]*"protocolVersion":"([\d-]+)"/;

/** The protocol that was spoken over stdio: agreed upon at the start, or named by each request. */
export function protocolOverStdio(folder: string): string | undefined {
  const agreed = lastIn(path.join(folder, ANSWERED), AGREED);
  return agreed ?? lastIn(path.join(folder, ASKED), /"io\.modelcontextprotocol\/protocolVersion":"([\d-]+)"/);
}

function lastIn(file: string, pattern: RegExp): string | undefined {
  if (!existsSync(file)) return undefined;
  return [...readFileSync(file, 'utf8').matchAll(new RegExp(pattern, 'g'))].at(-1)?.[1];
}

export interface Proxy {
  /** Without a slash at the end. */
  url: string;
  /** Agreed upon at the start, or named by each request. */
  protocol: () => string | undefined;
  close: () => void;
}

/** @param target the server, without a slash at the end */
export async function startProxy(target: string): Promise<Proxy> {
  let agreed: string | undefined;
  let named: string | undefined;
  const server = createServer((incoming, outgoing) => {
    const { method, url = '', headers } = incoming;
    const version = headers['mcp-protocol-version'];
    if (typeof version === 'string') named = version;
    const onward = sendRequest(`${target}${url}`, {
      ...(method !== undefined && { method }),
      headers: { ...headers, host: new URL(target).host },
    });
    onward.on('response', (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers);
      response.on('data', (part: Buffer) => {
        agreed ??= AGREED.exec(part.toString('utf8'))?.[1];
      });
      response.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    protocol: () => agreed ?? named,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

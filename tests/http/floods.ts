// Many connections by hand, which stay open until they are let go.
import net from 'node:net';
import { cleanUpLater } from '../support/cleanup.ts';

export interface Flood {
  /** Connections that the server has not ended. */
  open(): number;
  /** What the server said on those that it ended. */
  answers(): string[];
  /** Hangs up on all of them. */
  end(): void;
}

/** Opens connections one after the other, each of which sends `text` and then waits. */
export async function flood(url: string, count: number, text: string | Buffer): Promise<Flood> {
  const { port, hostname } = new URL(url);
  const sockets = new Set<net.Socket>();
  const answers: string[] = [];
  const end = (): void => sockets.forEach((socket) => socket.destroy());
  cleanUpLater(end);
  for (let index = 0; index < count; index += 1) {
    await new Promise<void>((resolve) => {
      const socket = net.connect(Number(port), hostname, () => socket.write(text, () => resolve()));
      let answer = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
      socket.on('error', () => resolve());
      socket.on('close', () => {
        sockets.delete(socket);
        if (answer !== '') answers.push(answer);
        resolve();
      });
      sockets.add(socket);
    });
  }
  return { open: () => sockets.size, answers: () => answers, end };
}

export const HALF_HEAD = 'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: ';

/** The head of a call, and so many bytes of a body that is announced to be longer. */
export function halfBody(bytes: number): Buffer {
  const head = [
    'POST /mcp HTTP/1.1',
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `Content-Length: ${bytes + 100}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), Buffer.alloc(bytes, ' ')]);
}

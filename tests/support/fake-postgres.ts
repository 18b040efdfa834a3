import { createServer } from 'node:net';
export interface FakePostgres { port: number; received(): Buffer; connections(): number; close(): Promise<void> }
export async function startFakePostgres(): Promise<FakePostgres> {
  const chunks: Buffer[] = [];
  let connections = 0;
  const sockets = new Set<import('node:net').Socket>();
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    let first = true;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (chunk.length === 8 && chunk.readInt32BE(4) === 80877103) { socket.write('N'); return; }
      if (first) { first = false; socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3])); }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return {
    port: (server.address() as { port: number }).port,
    received: () => Buffer.concat(chunks),
    connections: () => connections,
    close: () => new Promise((resolve) => { for (const s of sockets) s.destroy(); server.close(() => resolve()); }),
  };
}

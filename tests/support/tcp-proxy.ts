// A TCP proxy in front of a real server: a network that a test can break while it is in use.
import net from 'node:net';

/**
 * What happens to what is sent, from the moment the mode is set:
 *
 * - `pass`: everything arrives. What was held back before arrives first, as after a disturbance of the network.
 * - `refuse`: nothing listens at the address; what was connected is cut.
 * - `reset`: every connection, also a new one, is answered with a reset.
 * - `blackhole`: connections are accepted and stay; nothing arrives, not even that they ended.
 * - `requests only`, `answers only`: like `blackhole` in one direction.
 * - `slow`: each chunk arrives `delayMs` after the one before it.
 * - `drop commit`: passes until a client sends COMMIT. That is passed on (unless `passOn` is false), its answer is
 *   not, and the connection is cut; then the mode is `pass`, or what `then` says.
 * - `cut`: each connection is reset after `afterBytes` bytes of answers.
 */
export type ProxyMode =
  | 'pass'
  | 'refuse'
  | 'reset'
  | 'blackhole'
  | 'requests only'
  | 'answers only'
  | { slow: { delayMs: number } }
  | { dropCommit: { passOn: boolean; then: 'pass' | 'refuse' } }
  | { cut: { afterBytes: number } };

export interface TcpProxy {
  /** The target's URL with the proxy's address. */
  readonly url: string;
  /** Connections that clients hold at this moment. */
  readonly open: number;
  /** Connections that clients ever made. */
  readonly accepted: number;
  /** Resolves when the mode holds. */
  setMode(mode: ProxyMode): Promise<void>;
  /** Ends all connections and stops listening. May be called more than once. */
  stop(): Promise<void>;
}

/** Starts in the mode `pass`, on a port of its own that it keeps over `refuse`. */
export async function startProxy(target: string): Promise<TcpProxy> {
  const proxy = new Proxy(new URL(target));
  await proxy.listen();
  return proxy;
}

/** Below the range that the kernel hands to outgoing connections, and apart from that of the test servers. */
const PORT_MIN = 10_000;
const PORT_MAX = 19_999;
/** A simple query of PostgreSQL's protocol: Q, length, text. */
const COMMIT = Buffer.from('commit\0');
/** How long a server has to work on a COMMIT before its connection is cut. */
const COMMIT_PAUSE_MS = 50;

class Proxy implements TcpProxy {
  mode: ProxyMode = 'pass';
  accepted = 0;
  #server: net.Server | undefined;
  #port = 0;
  readonly #links = new Set<Link>();

  constructor(readonly target: URL) {}

  get url(): string {
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String(this.#port);
    return url.href;
  }

  get open(): number {
    return [...this.#links].filter(({ isClientGone }) => !isClientGone).length;
  }

  async setMode(mode: ProxyMode): Promise<void> {
    this.mode = mode;
    if (mode === 'refuse') return await this.#refuse();
    await this.listen();
    for (const link of [...this.#links]) link.modeChanged();
  }

  async listen(): Promise<void> {
    while (this.#server === undefined) {
      const port = this.#port || PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));
      const server = net.createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
      const isListening = await new Promise<boolean>((resolve, reject) => {
        server.once('error', (error: NodeJS.ErrnoException) => {
          if (error.code === 'EADDRINUSE' && this.#port === 0) resolve(false);
          else reject(error);
        });
        server.listen(port, '127.0.0.1', () => resolve(true));
      });
      if (!isListening) continue;
      this.#port = port;
      this.#server = server;
    }
  }

  async stop(): Promise<void> {
    await this.#refuse();
  }

  async #refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const link of [...this.#links]) link.destroy();
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  #accept(client: net.Socket): void {
    this.accepted += 1;
    const link = new Link(this, client);
    this.#links.add(link);
    link.onGone = () => this.#links.delete(link);
    link.modeChanged();
  }
}

/** One connection of a client, and the one to the server that stands for it. */
class Link {
  onGone: () => void = () => undefined;
  isClientGone = false;
  readonly #upstream: net.Socket;
  readonly #toServer: Direction;
  readonly #toClient: Direction;
  #answered = 0;

  constructor(
    private readonly proxy: Proxy,
    private readonly client: net.Socket,
  ) {
    const { hostname, port } = proxy.target;
    this.#upstream = net.connect({ host: hostname, port: Number(port || '5432'), allowHalfOpen: true });
    this.#toServer = new Direction(this.#upstream);
    this.#toClient = new Direction(client);
    client.on('error', () => undefined);
    this.#upstream.on('error', () => undefined);
    client.on('data', (chunk: Buffer) => this.#request(chunk));
    this.#upstream.on('data', (chunk: Buffer) => this.#answer(chunk));
    client.on('end', () => this.#clientGone());
    this.#upstream.on('end', () => this.#toClient.end());
    client.on('close', () => {
      this.#clientGone();
      this.#checkGone();
    });
    this.#upstream.on('close', () => {
      this.#toClient.end();
      this.#checkGone();
    });
  }

  modeChanged(): void {
    const { mode } = this.proxy;
    if (mode === 'reset') return this.#reset();
    const holdsRequests = mode === 'blackhole' || mode === 'answers only';
    const holdsAnswers = mode === 'blackhole' || mode === 'requests only';
    const delayMs = typeof mode === 'object' && 'slow' in mode ? mode.slow.delayMs : 0;
    this.#answered = 0;
    this.#toServer.set({ holds: holdsRequests, delayMs });
    this.#toClient.set({ holds: holdsAnswers, delayMs });
  }

  destroy(): void {
    this.#toServer.stop();
    this.#toClient.stop();
    this.client.destroy();
    this.#upstream.destroy();
  }

  #request(chunk: Buffer): void {
    const { mode } = this.proxy;
    if (typeof mode !== 'object' || !('dropCommit' in mode) || !chunk.includes(COMMIT)) {
      return this.#toServer.send(chunk);
    }
    const { passOn, then } = mode.dropCommit;
    this.proxy.mode = then;
    this.#toClient.set({ holds: true, delayMs: 0 });
    if (passOn) this.#upstream.write(chunk);
    setTimeout(() => {
      this.destroy();
      // Another mode may have been set meanwhile.
      if (this.proxy.mode === then) void this.proxy.setMode(then);
    }, COMMIT_PAUSE_MS);
  }

  #answer(chunk: Buffer): void {
    const { mode } = this.proxy;
    if (typeof mode !== 'object' || !('cut' in mode)) return this.#toClient.send(chunk);
    const left = mode.cut.afterBytes - this.#answered;
    this.#answered += chunk.length;
    if (left > chunk.length) return this.#toClient.send(chunk);
    this.client.write(chunk.subarray(0, left), () => this.#reset());
  }

  #clientGone(): void {
    this.isClientGone = true;
    this.#toServer.end();
  }

  #reset(): void {
    this.#toServer.stop();
    this.#toClient.stop();
    this.client.resetAndDestroy();
    this.#upstream.resetAndDestroy();
  }

  #checkGone(): void {
    if (!this.client.destroyed || !this.#upstream.destroyed) return;
    this.#toServer.stop();
    this.#toClient.stop();
    this.onGone();
  }
}

/** One direction of a connection: what is to be written to `to`, in order, the end included. */
class Direction {
  #queue: (Buffer | 'end')[] = [];
  #holds = false;
  #delayMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(private readonly to: net.Socket) {}

  set({ holds, delayMs }: { holds: boolean; delayMs: number }): void {
    this.#holds = holds;
    this.#delayMs = delayMs;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flush();
  }

  send(chunk: Buffer): void {
    this.#queue.push(chunk);
    this.#flush();
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#queue.push('end');
    this.#flush();
  }

  stop(): void {
    this.#holds = true;
    this.#queue = [];
    clearTimeout(this.#timer);
  }

  #flush(): void {
    if (this.#holds || this.#timer !== undefined || this.#queue.length === 0) return;
    if (this.#delayMs > 0) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#write(this.#queue.shift());
        this.#flush();
      }, this.#delayMs);
      return;
    }
    while (this.#queue.length > 0) this.#write(this.#queue.shift());
  }

  #write(next: Buffer | 'end' | undefined): void {
    if (next === undefined || this.to.destroyed) return;
    if (next === 'end') this.to.end();
    else this.to.write(next);
  }
}

/**
 * The sessions of one transport. One that nobody uses ends by itself, and earlier where there are too many: first those that
 * were opened and never used, then those idle for the longest. One with a call at work or an open stream never does.
 */

/** It goes on all the same, if its client comes back. */
const IDLE_END_MS = 30 * 60_000;
const IDLE_LOOK_MS = 60_000;

export interface SessionLimits {
  total: number;
  perAddress: number;
}

interface Transport {
  /** Whether its client waits to be told something: then it does not end by itself. */
  readonly isSubscribed?: boolean;
  close(): Promise<void>;
}

interface Session<T> {
  transport: T;
  address: string;
  isUsed: boolean;
  lastUsed: number;
  /** Calls at work and open streams. */
  open: number;
}

export class Sessions<T extends Transport> {
  readonly #all = new Map<string, Session<T>>();
  readonly #looking: NodeJS.Timeout;

  /** @param now milliseconds of a clock that is never set */
  constructor(
    private readonly limits: SessionLimits,
    private readonly now = () => performance.now(),
  ) {
    this.#looking = setInterval(() => this.endIdle(), IDLE_LOOK_MS).unref();
  }

  /** Whether one more may be opened from this address; ends another one for it where it has to. */
  makeRoom(address: string): boolean {
    const ofAddress = [...this.#all].filter(([, session]) => session.address === address);
    if (ofAddress.length >= this.limits.perAddress) return this.#endOneOf(ofAddress);
    return this.#all.size < this.limits.total || this.#endOneOf([...this.#all]);
  }

  add(id: string, transport: T, address: string): void {
    this.#all.set(id, { transport, address, isUsed: false, lastUsed: this.now(), open: 0 });
  }

  /** For a request in the session; `ended` is called when nothing of it is open any more. */
  use(id: string): { transport: T; ended: () => void } | undefined {
    const session = this.#all.get(id);
    if (session === undefined) return undefined;
    session.isUsed = true;
    session.open += 1;
    const ended = (): void => {
      session.open -= 1;
      session.lastUsed = this.now();
    };
    return { transport: session.transport, ended };
  }

  has(id: string): boolean {
    return this.#all.has(id);
  }

  remove(id: string | undefined): void {
    if (id !== undefined) this.#all.delete(id);
  }

  /** Ends those that nobody has used for long. */
  endIdle(): void {
    const since = this.now() - IDLE_END_MS;
    for (const [id, { open, lastUsed, transport }] of this.#all)
      if (open === 0 && lastUsed <= since && transport.isSubscribed !== true) this.#end(id, transport);
  }

  get size(): number {
    return this.#all.size;
  }

  async closeAll(): Promise<void> {
    clearInterval(this.#looking);
    await Promise.all([...this.#all.values()].map(({ transport }) => transport.close()));
  }

  #endOneOf(sessions: [id: string, session: Session<T>][]): boolean {
    const [first] = sessions
      .filter(([, { open }]) => open === 0)
      .sort(([, a], [, b]) => Number(a.isUsed) - Number(b.isUsed) || a.lastUsed - b.lastUsed);
    if (first === undefined) return false;
    const [id, { transport }] = first;
    this.#end(id, transport);
    return true;
  }

  #end(id: string, transport: T): void {
    this.remove(id);
    void transport.close().catch(() => undefined);
  }
}

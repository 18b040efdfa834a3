/**
 * The sessions of one transport. When there are too many, one that nobody uses makes room: first those that were opened
 * and never used, then those idle for long, the longest first. One with a call at work or an open stream never does.
 */

/** A client that pauses for less keeps its session whatever others do: some never recover from losing it. */
const IDLE_MIN_MS = 10 * 60_000;

export interface SessionLimits {
  total: number;
  perAddress: number;
}

interface Transport {
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

  constructor(private readonly limits: SessionLimits) {}

  /** Whether one more may be opened from this address; ends another one for it where it has to. */
  makeRoom(address: string): boolean {
    const ofAddress = [...this.#all].filter(([, session]) => session.address === address);
    if (ofAddress.length >= this.limits.perAddress) return this.#endOneOf(ofAddress);
    return this.#all.size < this.limits.total || this.#endOneOf([...this.#all]);
  }

  add(id: string, transport: T, address: string): void {
    this.#all.set(id, { transport, address, isUsed: false, lastUsed: performance.now(), open: 0 });
  }

  /** For a request in the session; `ended` is called when nothing of it is open any more. */
  use(id: string): { transport: T; ended: () => void } | undefined {
    const session = this.#all.get(id);
    if (session === undefined) return undefined;
    session.isUsed = true;
    session.open += 1;
    const ended = (): void => {
      session.open -= 1;
      session.lastUsed = performance.now();
    };
    return { transport: session.transport, ended };
  }

  remove(id: string | undefined): void {
    if (id !== undefined) this.#all.delete(id);
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#all.values()].map(({ transport }) => transport.close()));
  }

  #endOneOf(sessions: [id: string, session: Session<T>][]): boolean {
    const idleSince = performance.now() - IDLE_MIN_MS;
    const [first] = sessions
      .filter(([, { isUsed, open, lastUsed }]) => open === 0 && (!isUsed || lastUsed <= idleSince))
      .sort(([, a], [, b]) => Number(a.isUsed) - Number(b.isUsed) || a.lastUsed - b.lastUsed);
    if (first === undefined) return false;
    this.remove(first[0]);
    void first[1].transport.close().catch(() => undefined);
    return true;
  }
}

// One server process of a folder, with its clients: it can be killed, paused and started again, and whoever works with
// it waits until it is back.
import { setTimeout as sleep } from 'node:timers/promises';
import { startProgram, type RunningProgram } from '../support/child-program.ts';
import { startHttp } from '../support/program.ts';
import { connectHttp, connectStdio, type Client } from './client.ts';

export interface ServerSetup {
  name: string;
  folder: string;
  project: string;
  transport: 'stdio' | 'http';
  args: readonly string[];
  env: Record<string, string>;
  /** Node's arguments up to and including the script. */
  program?: readonly string[];
  /** The sessions that work with it; one over stdio. */
  sessions: readonly string[];
  onOddity(what: string): void;
}

const LOOK_PAUSE_MS = 30;

export class Server {
  readonly #clients = new Map<string, Client>();
  #running: RunningProgram | undefined;
  #isDown = true;
  #isStarting = false;

  constructor(readonly setup: ServerSetup) {}

  get isUp(): boolean {
    return !this.#isDown;
  }

  async start(): Promise<void> {
    if (!this.#isDown || this.#isStarting) return;
    this.#isStarting = true;
    try {
      await (this.setup.transport === 'http' ? this.#startHttp() : this.#startStdio());
      this.#isDown = false;
    } finally {
      this.#isStarting = false;
    }
  }

  /** The session's client; waits while the server is down. */
  async client(session: string, shouldStop: () => boolean): Promise<Client | undefined> {
    while (!shouldStop()) {
      const client = this.#isDown ? undefined : this.#clients.get(session);
      if (client !== undefined) return client;
      await sleep(LOOK_PAUSE_MS);
    }
    return undefined;
  }

  async kill(): Promise<void> {
    this.#isDown = true;
    this.#running?.kill('SIGKILL');
    await this.#running?.exited;
  }

  pause(): void {
    this.#running?.kill('SIGSTOP');
  }

  goOn(): void {
    this.#running?.kill('SIGCONT');
  }

  /** In order, as a client that is closed does. */
  async stop(): Promise<void> {
    this.#isDown = true;
    await this.#running?.stop();
  }

  async #startStdio(): Promise<void> {
    const { project, args, env, program, sessions, onOddity, name } = this.setup;
    const running = startProgram(['serve', '--project', project, ...args], { cwd: project, env, program });
    this.#watch(running);
    const client = await connectStdio(running, sessions[0] ?? name, (line) =>
      onOddity(`${name} wrote to stdout: ${line.slice(0, 200)}`),
    );
    this.#clients.set(sessions[0] ?? name, client);
  }

  async #startHttp(): Promise<void> {
    const { project, args, env, program, sessions } = this.setup;
    const running = await startHttp({ project, args, env, ...(program !== undefined && { program }) });
    this.#watch(running);
    for (const session of sessions) this.#clients.set(session, await connectHttp(running.url, session));
  }

  #watch(running: RunningProgram): void {
    this.#running = running;
    void running.exited.then(({ code, signal }) => {
      if (this.#running !== running || this.#isDown) return;
      this.#isDown = true;
      this.setup.onOddity(
        `${this.setup.name} ended by itself (${signal ?? code}): ${running.stderr().slice(-500)}`,
      );
    });
  }
}

// One PostgreSQL server as a child process, with its own data directory in the temporary folder.
//
//   start ──▶ running ──halt──▶ halted ──resume──▶ running
//                └────────── stop (folder removed) ◀──┘
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, cpSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from './environment.ts';
import { type Identity, executable, prepareBinaries, serverIdentity } from './postgres-binaries.ts';

/** `fast` ends every session and writes a checkpoint; `immediate` is a crash, recovered from the log. */
export type HaltMode = 'fast' | 'immediate';

export const SUPERUSER = 'worktrail';
/** Names the folder in which a test run keeps an empty cluster. */
export const EMPTY_CLUSTER = 'WORKTRAIL_TEST_POSTGRES_CLUSTER';
const START_TIMEOUT_MS = 60_000;
const HALT_TIMEOUT_MS = 20_000;
const KEPT_LOG_LINES = 200;
const PORT_ATTEMPTS = 5;

export class PostgresProcess {
  /** Stays the same over halt and resume. */
  port = 0;
  #server: ChildProcess | undefined;
  readonly #log: string[] = [];
  readonly #workspace: string;
  #binaries = '';
  readonly #identity: Identity;
  readonly #durable: boolean;
  readonly #watchdog: ChildProcess;

  private constructor(durable: boolean) {
    this.#durable = durable;
    this.#identity = serverIdentity();
    this.#workspace = mkdtempSync(path.join(os.tmpdir(), 'worktrail-postgres-'));
    if (this.#identity.uid !== undefined && this.#identity.gid !== undefined) {
      chownSync(this.#workspace, this.#identity.uid, this.#identity.gid);
    }
    // First of all, so that nothing below is left behind if this run is killed half-way.
    this.#watchdog = startWatchdog(this.#workspace);
  }

  static async start(options: { durable: boolean }): Promise<PostgresProcess> {
    const server = new PostgresProcess(options.durable);
    try {
      server.#binaries = prepareBinaries(server.#workspace, server.#identity);
      server.#initialise();
      for (let attempt = 1; ; attempt += 1) {
        server.port = await freePort();
        try {
          await server.resume();
          return server;
        } catch (error) {
          // Another process took the port between our asking and PostgreSQL's.
          if (attempt === PORT_ATTEMPTS || !server.log().includes('Address already in use')) throw error;
        }
      }
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** The last lines the server wrote, for a failure's message. */
  log(): string {
    return this.#log.join('\n');
  }

  async resume(): Promise<void> {
    if (this.#server) throw new Error('This PostgreSQL is running already.');
    this.#log.length = 0;
    const server = spawn(executable(this.#binaries, 'postgres'), this.#arguments(), {
      cwd: this.#workspace,
      env: serverEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
      // Its own process group: Ctrl+C reaches the test run, which then stops the server in order.
      detached: true,
      ...this.#identity,
    });
    this.#server = server;
    const gone = (): void => {
      this.#server = undefined;
      this.#tellWatchdog(0);
    };
    server.once('exit', gone);
    server.once('error', () => {
      if (server.pid === undefined) gone(); // it never started, so there will be no exit
    });
    this.#tellWatchdog(server.pid ?? 0);
    await this.#untilReady(server);
  }

  async halt(mode: HaltMode): Promise<void> {
    const server = this.#server;
    if (!server) return;
    const exited = once(server, 'exit');
    const impatience = setTimeout(() => server.kill('SIGKILL'), HALT_TIMEOUT_MS);
    this.#signalHalt(server, mode);
    await exited;
    clearTimeout(impatience);
  }

  /** Ends the server and removes its folder. May be called more than once. */
  async stop(): Promise<void> {
    await this.halt('immediate');
    if (this.#watchdog.exitCode === null && this.#watchdog.signalCode === null) {
      const exited = once(this.#watchdog, 'exit');
      this.#watchdog.stdin?.end();
      await exited;
    }
    // The watchdog has done this, unless someone killed it.
    rmSync(this.#workspace, { recursive: true, force: true });
  }

  /** The first server of a run makes an empty cluster, the others copy it: a tenth of the time. */
  #initialise(): void {
    const kept = process.env[EMPTY_CLUSTER];
    if (kept !== undefined && existsSync(kept)) return this.#copy(kept, this.#data());
    const options = ['--no-sync', '--locale=C', '--encoding=UTF8', '-A', 'trust', '-U', SUPERUSER];
    this.#run(executable(this.#binaries, 'initdb'), [...options, '-D', this.#data()]);
    if (kept === undefined) return;
    const copy = `${kept}.${process.pid}`;
    this.#copy(this.#data(), copy);
    try {
      renameSync(copy, kept);
    } catch {
      rmSync(copy, { recursive: true }); // another process was faster
    }
  }

  #copy(from: string, to: string): void {
    if (process.platform === 'win32') cpSync(from, to, { recursive: true });
    else this.#run('cp', ['-a', from, to]); // as the server's user, whose files they are
  }

  #run(program: string, args: readonly string[]): void {
    const run = spawnSync(program, args, {
      cwd: this.#workspace,
      env: serverEnvironment(),
      encoding: 'utf8',
      ...this.#identity,
    });
    if (run.error) throw run.error;
    if (run.status !== 0) throw new Error(`${program} failed:\n${run.stdout}\n${run.stderr}`);
  }

  #arguments(): string[] {
    const durability = this.#durable ? 'on' : 'off';
    const settings = {
      listen_addresses: '127.0.0.1',
      port: this.port,
      // No socket: its path has a length limit that a long temporary folder would break.
      unix_socket_directories: '',
      max_connections: 300,
      fsync: durability,
      full_page_writes: durability,
      // Never off: an `immediate` halt would then lose changes that a test was told are saved.
      synchronous_commit: 'on',
    };
    return [
      '-D',
      this.#data(),
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ];
  }

  #data(): string {
    return path.join(this.#workspace, 'data');
  }

  async #untilReady(server: ChildProcess): Promise<void> {
    if (!server.stderr) throw new Error('PostgreSQL was started without a log.');
    const lines = createInterface({ input: server.stderr });
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`PostgreSQL ${why}:\n${this.log()}`));
      const impatience = setTimeout(() => {
        server.kill('SIGKILL');
        fail(`was not ready after ${START_TIMEOUT_MS} ms`);
      }, START_TIMEOUT_MS);
      lines.on('line', (line) => {
        this.#log.push(line);
        if (this.#log.length > KEPT_LOG_LINES) this.#log.shift();
        if (!/ready to accept (read-only )?connections/.test(line)) return;
        clearTimeout(impatience);
        resolve();
      });
      server.once('error', reject);
      // `close` comes after the last log line, `exit` may come before it.
      server.once('close', (code, signal) => {
        clearTimeout(impatience);
        fail(`ended at start (${signal ?? code})`);
      });
    });
  }

  #signalHalt(server: ChildProcess, mode: HaltMode): void {
    if (process.platform !== 'win32') {
      server.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
      return;
    }
    // Windows has no such signals; pg_ctl has its own channel to the server.
    spawnSync(executable(this.#binaries, 'pg_ctl'), ['stop', '-D', this.#data(), '-m', mode]);
  }

  #tellWatchdog(pid: number): void {
    if (this.#watchdog.stdin?.writable) this.#watchdog.stdin.write(`${pid}\n`);
  }
}

function serverEnvironment(): Record<string, string> {
  // English log lines, whatever the developer's language: the start is recognised by one of them.
  return cleanEnvironment({ LC_ALL: 'C' });
}

function startWatchdog(workspace: string): ChildProcess {
  const script = fileURLToPath(new URL('postgres-watchdog.js', import.meta.url));
  const watchdog = spawn(process.execPath, [script, workspace], {
    cwd: os.tmpdir(),
    env: cleanEnvironment(),
    stdio: ['pipe', 'ignore', 'ignore'],
    // Its own process group, so that whatever kills the test run's group leaves it alive.
    detached: true,
  });
  // A watchdog that is gone must not fail the run by a broken pipe.
  watchdog.stdin.on('error', () => undefined);
  return watchdog;
}

/**
 * A free port below the range that the kernel hands to outgoing connections (32768 and up), so that
 * no client takes it while the server is halted.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

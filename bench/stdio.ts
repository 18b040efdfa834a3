/** What the transport adds: round trips and start-up of the real program beside a bare server on the same SDK. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { packageRoot } from '../src/platform/package-root.ts';
import { ms, timeInTurns, type Report } from './figures.ts';

const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'bench', version: '1.0.0' },
};

interface Rpc {
  result?: { content?: { text: string }[]; structuredContent?: unknown; isError?: boolean };
}

export interface Notification {
  method: string;
  params: Record<string, unknown>;
}

/** A raw client: it writes a line and waits for a line, so that the client costs next to nothing. */
export class StdioPeer {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (answer: Rpc) => void; reject: (error: Error) => void }>();
  #received = '';
  #id = 0;
  onNotification: (notification: Notification) => void = () => undefined;

  constructor(args: string[], cwd: string, env: Record<string, string> = {}) {
    this.#child = spawn(process.execPath, args, {
      cwd,
      env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.once('exit', (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${args.join(' ')} ended (${code})`));
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#received += chunk;
      for (let end = this.#received.indexOf('\n'); end !== -1; end = this.#received.indexOf('\n')) {
        const answer = JSON.parse(this.#received.slice(0, end)) as Notification | (Rpc & { id: number });
        this.#received = this.#received.slice(end + 1);
        if (!('id' in answer)) {
          this.onNotification(answer);
          continue;
        }
        this.#waiting.get(answer.id)?.resolve(answer);
        this.#waiting.delete(answer.id);
      }
    });
  }

  request(method: string, params: object): Promise<Rpc> {
    const id = (this.#id += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    });
  }

  async initialize(): Promise<void> {
    await this.request('initialize', INITIALIZE);
    this.#child.stdin?.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
  }

  call(name: string, arguments_: object = {}): Promise<Rpc> {
    return this.request('tools/call', { name, arguments: arguments_ });
  }

  /** Lets the server end by itself, as it does when its client goes away. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.stdin?.end();
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.kill('SIGKILL');
    });
  }
}

/** The bare server, bundled with the same settings as the program. */
export async function bundleEmptyServer(): Promise<string> {
  const outfile = path.join(mkdtempSync(path.join(tmpdir(), 'worktrail-bench-')), 'empty-server.cjs');
  await build({
    absWorkingDir: packageRoot(),
    entryPoints: ['bench/peers/empty-server.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minify: true,
    logLevel: 'warning',
  });
  return outfile;
}

const program = path.join(packageRoot(), 'dist', 'cli.js');
const ROUND_TRIPS = 1_500;

/** One tool of the program beside an empty tool with a result of the same size, call by call in turns. */
export async function benchRoundTrip(
  report: Report,
  where: string,
  server: { projectDir: string; databaseUrl: string | undefined; limit: number },
  tool: { name: string; arguments: object },
  emptyServer: string,
): Promise<void> {
  const ours = new StdioPeer([program, 'serve'], server.projectDir, {
    WORKTRAIL_DATABASE_URL: server.databaseUrl ?? 'embedded',
  });
  await ours.initialize();
  const { result } = await ours.call(tool.name, tool.arguments);
  if (result?.structuredContent === undefined)
    throw new Error(`${tool.name} failed: ${JSON.stringify(result)}`);
  const textBytes = Buffer.byteLength(result?.content?.[0]?.text ?? '');
  const structuredBytes = Buffer.byteLength(JSON.stringify(result?.structuredContent ?? {}));
  const empty = new StdioPeer([emptyServer], server.projectDir, {
    EMPTY_TEXT: String(textBytes),
    EMPTY_STRUCTURED: String(structuredBytes - '{"filler":""}'.length),
  });
  await empty.initialize();
  const timed = async (call: () => Promise<unknown>) => {
    const start = performance.now();
    await call();
    return performance.now() - start;
  };
  const figures = await timeInTurns(
    ROUND_TRIPS,
    {
      ours: () => timed(() => ours.call(tool.name, tool.arguments)),
      empty: () => timed(() => empty.call('empty')),
    },
    100,
  );
  await Promise.all([ours.stop(), empty.stop()]);
  const ratio = figures.ours.p50 / figures.empty.p50;
  const bar =
    tool.name === 'query_vendor_status'
      ? report.bar(`${tool.name} over stdio, ${where}`, ratio, server.limit, times)
      : '–';
  report.row(
    where,
    tool.name,
    `${textBytes + structuredBytes} B`,
    `${ms(figures.ours.p50)} / ${ms(figures.ours.p95)}`,
    `${ms(figures.empty.p50)} / ${ms(figures.empty.p95)}`,
    times(ratio),
    bar,
  );
}

const times = (value: number): string => `${value.toFixed(2)}×`;

const SPAWNS = 21;
const FIRST_SPAWNS = 7;
const SPAWN_LIMIT_MS = 250;
const SPAWN_RATIO_LIMIT = 1.3;

/** From spawn to the first answer (initialize), and on to the answer of a first tool call. */
export async function benchSpawn(report: Report, projectDir: string, emptyServer: string): Promise<void> {
  const spawnTo = async (args: string[], tool: string | undefined): Promise<number> => {
    const start = performance.now();
    const peer = new StdioPeer(args, projectDir, { WORKTRAIL_DATABASE_URL: 'embedded' });
    await peer.initialize();
    if (tool !== undefined) await peer.call(tool);
    const elapsed = performance.now() - start;
    await peer.stop();
    return elapsed;
  };
  // A server that is killed at once leaves no code cache behind (src/cli/launch.ts); one that may end does.
  rmSync(path.join(path.dirname(program), 'code-cache'), { recursive: true, force: true });
  const first = await timeInTurns(FIRST_SPAWNS, {
    ours: () => spawnTo([program, 'serve'], undefined),
    empty: () => spawnTo([emptyServer], undefined),
  });
  report.row(
    'first answer, before there is a code cache',
    ms(first.ours.p50),
    ms(first.empty.p50),
    times(first.ours.p50 / first.empty.p50),
    '–',
  );
  const once = new StdioPeer([program, 'serve'], projectDir, { WORKTRAIL_DATABASE_URL: 'embedded' });
  await once.initialize();
  await once.call('list_work_items');
  await once.end();
  const figures = await timeInTurns(SPAWNS, {
    ours: () => spawnTo([program, 'serve'], undefined),
    empty: () => spawnTo([emptyServer], undefined),
    oursTool: () => spawnTo([program, 'serve'], 'list_work_items'),
    emptyTool: () => spawnTo([emptyServer], 'empty'),
  });
  const { ours, empty, oursTool, emptyTool } = figures;
  const ratio = ours.p50 / empty.p50;
  report.row(
    'first answer (initialize)',
    ms(ours.p50),
    ms(empty.p50),
    times(ratio),
    `${report.bar('spawn to first answer', ours.p50, SPAWN_LIMIT_MS, ms)}, ${report.bar('spawn to first answer, ratio', ratio, SPAWN_RATIO_LIMIT, times)}`,
  );
  report.row(
    'first tool result (list_work_items)',
    ms(oursTool.p50),
    ms(emptyTool.p50),
    times(oursTool.p50 / emptyTool.p50),
    report.bar('spawn to first tool result', oursTool.p50, SPAWN_LIMIT_MS, ms),
  );
}

/** `worktrail serve`: MCP over stdio (default) or HTTP, and an end in good time whatever ends it. */
import type { App } from '../app.ts';
import { validationError } from '../errors.ts';
import { readConfig, type Config, type Flags } from '../config.ts';
import { createServerFactory } from '../mcp/server.ts';
import { serveOverStdio } from '../mcp/stdio.ts';
import { ExitCode } from './exit-codes.ts';
import { VERSION } from './version.ts';

export interface ServeFlags extends Flags {
  http: boolean;
}

/** How often the parent process is looked for: a client that dies takes its server along. */
const PARENT_CHECK_MS = 400;
/**
 * After this the process ends, whatever is still open. Two seconds are promised from the end of the input,
 * which may first wait for answers that are still being made (see DRAIN_MS of the transport).
 */
const SHUTDOWN_LIMIT_MS = 700;

const log = (message: string): void => console.error(`worktrail: ${message}`);

/**
 * Serves until the client is gone or a signal asks to end; then writes what is due and ends the process.
 * @throws TrackerError for wrong settings, before anything is opened
 */
export async function runServe(flags: ServeFlags): Promise<void> {
  const needless = (['host', 'port'] as const).find((name) => flags[name] !== undefined);
  if (!flags.http && needless !== undefined) {
    throw validationError(
      { field: `--${needless}`, constraint: 'means something with --http only', value: flags[needless] },
      'Add --http, or leave it out.',
    );
  }
  const config = readConfig(flags, process.env, process.cwd());
  const app = new LazyApp(config);
  const factory = createServerFactory({
    version: VERSION,
    toolsets: config.toolsets,
    app: () => app.get(),
    log,
  });
  if (flags.http) await serveHttp(config, app, factory);
  else await serveStdio(app, factory);
}

async function serveStdio(app: LazyApp, factory: ReturnType<typeof createServerFactory>): Promise<void> {
  // The store is opened right after the client was greeted; a failure is told to the call that needs it.
  const openSoon = () => setTimeout(() => void app.get().catch(() => undefined), 0);
  const greet = () => {
    openSoon();
    return factory();
  };
  const connection = serveOverStdio(
    Object.assign(greet, { subscriptions: () => factory.subscriptions() }),
    log,
  );
  await Promise.race([connection.closed, endOfProcess({ withParent: true })]);
  await shutDown([() => connection.close(), () => app.close()]);
}

async function serveHttp(
  config: Config,
  app: LazyApp,
  factory: ReturnType<typeof createServerFactory>,
): Promise<void> {
  // Listened for from the start: opening the store may take long.
  const ended = endOfProcess({ withParent: false });
  const server = await Promise.race([ended, listen(config, app, factory)]);
  await ended;
  await shutDown([async () => await server?.close(), () => app.close()]);
}

async function listen(config: Config, app: LazyApp, factory: ReturnType<typeof createServerFactory>) {
  const { startHttp } = await import('../http/server.ts');
  const { context } = await app.get();
  const server = await startHttp({
    host: config.host,
    port: config.port,
    factory,
    store: async () => (await app.get()).context.store,
    log,
  });
  const { data: project } = await context.store.read((reader) => reader.findProject());
  log(`project ${project?.project_slug ?? ''} in ${config.projectDir}`);
  log(`listening on ${server.url}`);
  console.error(clientHelp(server.url));
  return server;
}

function clientHelp(url: string): string {
  const entry = { worktrail: { type: 'http', url: `${url}/mcp` } };
  return [
    '',
    'Paste into .mcp.json (Claude Code) or ~/.cursor/mcp.json (Cursor):',
    JSON.stringify({ mcpServers: entry }, null, 2),
    'or into .vscode/mcp.json (VS Code, Copilot):',
    JSON.stringify({ servers: entry }, null, 2),
    `Older clients: ${url}/sse   Health: ${url}/health   Stop: Ctrl+C`,
  ].join('\n');
}

/** Opens the store once, at the first need; after a failure the next call tries again. */
class LazyApp {
  #opening: Promise<App> | undefined;
  #opened: App | undefined;

  constructor(private readonly config: Config) {}

  get(): Promise<App> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<App> {
    try {
      const { openApp } = await import('../app.ts');
      this.#opened = await openApp(this.config, log);
      this.#opened.startDailyWork();
      return this.#opened;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }

  /** Does not wait for a store that is still being opened: nothing was acknowledged there yet. */
  async close(): Promise<void> {
    await this.#opened?.close();
  }
}

/** Resolves when a signal asks this process to end, or (for stdio) when its parent is gone. */
function endOfProcess({ withParent }: { withParent: boolean }): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => resolve());
    // Nobody knows what state the process is in: what is acknowledged is saved, so it ends and clients start another.
    process.removeAllListeners('uncaughtException').on('uncaughtException', (error: unknown) => {
      if (process.exitCode === undefined) log('ends because of an unexpected failure, a fault of Worktrail:');
      log(error instanceof Error ? (error.stack ?? error.message) : String(error));
      process.exitCode = ExitCode.finding;
      resolve();
    });
    if (!withParent) return;
    const parent = process.ppid;
    setInterval(() => {
      if (process.ppid !== parent) resolve();
    }, PARENT_CHECK_MS).unref();
  });
}

async function shutDown(steps: (() => Promise<void>)[]): Promise<void> {
  // Calls that are cut off then were not acknowledged, so this is an end in good order too.
  setTimeout(() => process.exit(), SHUTDOWN_LIMIT_MS);
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      log(error instanceof Error ? error.message : String(error));
    }
  }
  process.exit();
}

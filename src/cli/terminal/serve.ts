/** `worktrail serve`: MCP over stdio (default) or HTTP, and an end in good time whatever ends it. */
import type { App } from '../../app.ts';
import { validationError } from '../../domain/errors.ts';
import { agreedConfig, readSettings, type Flags, type Settings } from '../../config/config.ts';
import { sessionOf } from '../../config/identity.ts';
import { createServerFactory } from '../../mcp/server.ts';
import { serveOverStdio } from '../../mcp/stdio.ts';
import { SessionStore } from '../../storage/contract/session-store.ts';
import type { HttpToken, TokenFlags } from './http-token.ts';
import { ExitCode } from './exit-codes.ts';
import { VERSION } from './version.ts';

export interface ServeFlags extends Flags, TokenFlags {
  http: boolean;
}

/** How often the parent process is looked for: a client that dies takes its server along. */
const PARENT_CHECK_MS = 400;
/**
 * After this the process ends, whatever is still open, so that it is gone within the two seconds that are promised. Most
 * of it is for clients that are slow to take their answers.
 */
const END_LIMIT_MS = 1_700;
/** How long the store may take to close: calls that are cut off then were not acknowledged. */
const CLOSE_LIMIT_MS = 700;

const LACK_SAID_EVERY_MS = 60_000;

const HTTP_FLAGS = { host: '--host', port: '--port', token: '--token', tokenFile: '--token-file' };

const log = (message: string): void => console.error(`worktrail: ${message}`);

/**
 * Serves until the client is gone or a signal asks to end; then writes what is due and ends the process.
 * @throws TrackerError for wrong settings, before anything is opened
 */
export async function runServe(flags: ServeFlags): Promise<void> {
  const needless = Object.entries(HTTP_FLAGS).find(([name]) => flags[name as keyof ServeFlags] !== undefined);
  if (!flags.http && needless !== undefined) {
    throw validationError(
      { field: needless[1], constraint: 'means something with --http only', value: null },
      'Add --http, or leave it out.',
    );
  }
  const config = readSettings(flags, process.env, process.cwd());
  const app = new LazyApp(config);
  const factory = createServerFactory({
    version: VERSION,
    toolsets: config.toolsets,
    app: () => app.get(),
    // Over HTTP there are many clients, and none of them has the environment of this process.
    ...(!flags.http && {
      session: (client: string, meta?: Readonly<Record<string, unknown>>) =>
        sessionOf(client, process.env, meta),
    }),
    log,
  });
  if (flags.http) await serveHttp(config, app, factory, await tokenFor(flags));
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
  await Promise.race([connection.ending, endOfProcess({ withParent: true })]);
  await shutDown([
    () => connection.finish(),
    () => atMost(CLOSE_LIMIT_MS, () => app.close()),
    () => connection.written(),
  ]);
}

async function serveHttp(
  config: Settings,
  app: LazyApp,
  factory: ReturnType<typeof createServerFactory>,
  token: HttpToken | undefined,
): Promise<void> {
  // Listened for from the start: opening the store may take long.
  const ended = endOfProcess({ withParent: false });
  const server = await Promise.race([ended, listen(config, app, factory, token)]);
  await ended;
  await shutDown([
    () =>
      atMost(CLOSE_LIMIT_MS, async () => {
        await server?.close();
        await app.close();
      }),
  ]);
}

/** Before anything is opened, so that a token that cannot be used is told at once. */
async function tokenFor(flags: TokenFlags): Promise<HttpToken | undefined> {
  const { TOKEN_VARIABLE, httpToken } = await import('./http-token.ts');
  const token = httpToken(flags, process.env);
  // Programs that this one starts, such as git, have no use for it.
  delete process.env[TOKEN_VARIABLE];
  return token;
}

async function listen(
  config: Settings,
  app: LazyApp,
  factory: ReturnType<typeof createServerFactory>,
  token: HttpToken | undefined,
) {
  const { startHttp } = await import('../../http/server.ts');
  const { ownSeal } = await import('../../storage/journals/seal.ts');
  const { context } = await app.get();
  const server = await startHttp({
    host: config.host,
    port: config.port,
    factory,
    store: async () => SessionStore.begin((await app.get()).context.store),
    token: token?.value,
    sealing: {
      of: (data) => ownSeal().of('worktrail http session v1', data),
      isOwn: (data, seal) => ownSeal().isOwn('worktrail http session v1', data, seal),
    },
    place: config.dataDir,
    log,
  });
  // A store that cannot be read is told to every call, and may be mended while the server runs.
  const slug = await context.store
    .read((reader) => reader.findProject())
    .then(
      ({ data }) => data?.project_slug,
      () => undefined,
    );
  log(`project ${slug ?? config.slug.value} in ${config.projectDir}`);
  log(`listening on ${server.url}`);
  console.error(clientHelp(server.url, token));
  return server;
}

function clientHelp(url: string, token: HttpToken | undefined): string {
  const entry = (variable: string) => ({
    worktrail: {
      type: 'http',
      url: `${url}/mcp`,
      ...(token && { headers: { Authorization: `Bearer ${variable}` } }),
    },
  });
  return [
    '',
    'Paste into .mcp.json (Claude Code) or ~/.cursor/mcp.json (Cursor):',
    JSON.stringify({ mcpServers: entry('${WORKTRAIL_HTTP_TOKEN}') }, null, 2),
    'or into .vscode/mcp.json (VS Code, Copilot):',
    JSON.stringify({ servers: entry('${env:WORKTRAIL_HTTP_TOKEN}') }, null, 2),
    ...(token === undefined ? [] : [tokenHelp(token)]),
    `Older clients: ${url}/sse   Health: ${url}/health   Stop: Ctrl+C`,
  ].join('\n');
}

/** The only place that ever shows a token, and only one that was made for this run. */
function tokenHelp({ value, isNew }: HttpToken): string {
  const how =
    'Set WORKTRAIL_HTTP_TOKEN for the client (Cursor writes ${env:WORKTRAIL_HTTP_TOKEN}), or put the token there in a file that is not committed.';
  return isNew ? `Token, shown this once: ${value}\n${how}` : how;
}

/** Opens the store once, at the first need; after a failure the next call tries again. */
class LazyApp {
  #opening: Promise<App> | undefined;
  #opened: App | undefined;
  /** Only the first calls wait for a database that is not there yet. */
  #patientUntil: number | undefined;

  constructor(private readonly settings: Settings) {}

  get(): Promise<App> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<App> {
    try {
      const { openApp, PATIENCE_MS_DEFAULT } = await import('../../app.ts');
      const config = agreedConfig(this.settings);
      this.#patientUntil ??= performance.now() + PATIENCE_MS_DEFAULT;
      const patienceMs = Math.max(0, this.#patientUntil - performance.now());
      // The end of a server is short: what the store has to bring to safety when it closes comes first.
      this.#opened = await openApp(config, log, { patienceMs, snapshotPatienceMs: 0 });
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
      if (isLackOfDescriptors(error)) return sayLackOfDescriptors();
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

/**
 * A server does not end because something could not be opened just then: whoever needed it was told, or tries again.
 */
function isLackOfDescriptors(error: unknown): boolean {
  return /^E[MN]FILE$/.test((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}

let isLackSaid = false;

function sayLackOfDescriptors(): void {
  if (isLackSaid) return;
  isLackSaid = true;
  setTimeout(() => (isLackSaid = false), LACK_SAID_EVERY_MS).unref();
  log('too many files and connections are open; raise the limit (ulimit -n)');
}

async function shutDown(steps: (() => Promise<void>)[]): Promise<void> {
  setTimeout(() => process.exit(), END_LIMIT_MS);
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      log(error instanceof Error ? error.message : String(error));
    }
  }
  process.exit();
}

async function atMost(limitMs: number, work: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, limitMs)));
  await Promise.race([work(), limit]).finally(() => clearTimeout(timer));
}

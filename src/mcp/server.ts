/** One factory for every transport and both protocol eras: a server with the tools of some toolsets, resources and prompts. */
import { createHash, randomUUID } from 'node:crypto';
import { CLIENT_INFO_META_KEY, Server } from '@modelcontextprotocol/server';

import type { Caller, Context } from '../use-cases/support/context.ts';
import { presentable } from '../domain/worker.ts';
import { SessionStore } from '../storage/contract/session-store.ts';
import { Recent, SESSIONS_KNOWN_MAX } from './recent.ts';
import { withProgress } from './progress.ts';
import type { ToolCalls } from './tool-calls.ts';
import type { Subscriber, Subscriptions } from './subscriptions.ts';
import { PRODUCT, instructionsFor } from './self-description.ts';
import type { OpenApp, ServerOptions } from './server-options.ts';

export interface OneClientFactory {
  /** For the one client of a program, and for requests that belong to no session. */
  (): Server;
  /** For what the transports do themselves in the 2026 era: streams of subscriptions. */
  subscriptions(): Promise<Subscriptions>;
}

export interface ServerFactory extends OneClientFactory {
  /**
   * For a session among others: told by itself of answers that are older than those it was given.
   * @param session as changes name it; one that goes on knows what it was given before
   */
  forSession(session: string): Server;
}

/** Resources can be subscribed to; which there are does not change while a server runs. */
const CAPABILITIES = { tools: {}, resources: { subscribe: true }, prompts: {}, completions: {} };

/**
 * @returns a factory: cheap to call, because HTTP makes a server for every modern request. The tools are
 * loaded at their first use, so that a client is greeted before all of the program is.
 */
export function createServerFactory(options: ServerOptions): ServerFactory {
  let loading: Promise<ToolCalls> | undefined;
  const tools = () =>
    (loading ??= import('./tool-calls.ts').then((module) => module.createToolCalls(options)));
  const resources = once(async () => (await import('./resource-calls.ts')).createResourceCalls(options));
  const prompts = once(async () => (await import('./prompt-calls.ts')).createPromptCalls(options));
  const completion = once(() => import('./completion-calls.ts'));
  const subscriptions = once(async () => new (await import('./subscriptions.ts')).Subscriptions(options));

  const started = randomUUID();
  const sessionOf = options.session ?? ((client: string) => withoutSession(started, client));
  const serverOf = (app: OpenApp, session?: string) => {
    const server = new (options.serverClass ?? Server)(
      { ...PRODUCT, version: options.version },
      { capabilities: CAPABILITIES, instructions: instructionsFor(options.toolsets) },
    );
    const caller = (envelope: object | undefined, meta?: Readonly<Record<string, unknown>>) => {
      const named = callerOf(clientInfo(server, envelope));
      return { ...named, session: session ?? sessionOf(named.actor, meta) };
    };
    server.setRequestHandler('tools/list', async (_request, { mcpReq }) => ({
      tools: (await tools()).list(caller(mcpReq.envelope).client),
    }));
    server.setRequestHandler('tools/call', async ({ params }, { mcpReq }) => {
      const token = mcpReq._meta?.progressToken;
      const calls = await tools();
      return await withProgress(
        token,
        mcpReq.notify,
        (onProgress) => calls.call(app, params, caller(mcpReq.envelope, mcpReq._meta), onProgress),
        calls.phasesOf(params.name),
      );
    });
    server.setRequestHandler('resources/list', async () => (await resources()).list());
    server.setRequestHandler('resources/templates/list', async () => (await resources()).templates());
    server.setRequestHandler('resources/read', async ({ params }, { mcpReq }) =>
      (await resources()).read(app, params.uri, caller(mcpReq.envelope)),
    );
    server.setRequestHandler('prompts/list', async () => (await prompts()).list());
    server.setRequestHandler('prompts/get', async ({ params }, { mcpReq }) =>
      (await prompts()).get(app, params, caller(mcpReq.envelope)),
    );
    server.setRequestHandler('completion/complete', async ({ params }) =>
      (await completion()).complete(params, options),
    );
    takeSubscriptions(server, subscriptions, async (uri) => {
      await (await resources()).read(options.app, uri, caller(undefined));
    });
    return server;
  };
  const apps = new Recent<OpenApp>(SESSIONS_KNOWN_MAX);
  return Object.assign(() => serverOf(options.app), {
    forSession: (session: string) =>
      serverOf(
        apps.get(session, () => inSession(options.app)),
        session,
      ),
    subscriptions,
  });
}

function inSession(app: OpenApp): OpenApp {
  let known: { of: Context; context: Context } | undefined;
  return async () => {
    const { context } = await app();
    if (known?.of !== context)
      known = { of: context, context: { ...context, store: SessionStore.begin(context.store) } };
    return known;
  };
}

/** `resources/subscribe` of the 2025 era, for as long as the connection lasts. */
function takeSubscriptions(
  server: Server,
  subscriptions: () => Promise<Subscriptions>,
  find: (uri: string) => Promise<void>,
): void {
  let subscriber: Subscriber | undefined;
  let isClosed = false;
  const tell = (uri: string) => void server.sendResourceUpdated({ uri }).catch(() => undefined);
  server.setRequestHandler('resources/subscribe', async ({ params: { uri } }) => {
    const all = await subscriptions();
    subscriber ??= all.subscriber(tell);
    await subscriber.add([uri]);
    try {
      await find(uri);
    } catch (error) {
      subscriber.remove(uri);
      throw error;
    }
    if (isClosed) subscriber.close();
    return {};
  });
  server.setRequestHandler('resources/unsubscribe', ({ params: { uri } }) => {
    subscriber?.remove(uri);
    return {};
  });
  server.onclose = () => {
    isClosed = true;
    subscriber?.close();
  };
}

/** Loads at the first call; one that failed is tried again by the next. */
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined;
  return () =>
    (loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    }));
}

/** Requests that belong to no session are one worker for each name of a client, for as long as the server runs. */
function withoutSession(started: string, client: string): string {
  return `http-${createHash('sha256').update(`${started} ${client}`).digest('hex').slice(0, 8)}`;
}

/** Who the client says it is: in the 2026 era with every request, in the 2025 era once, in the handshake. */
function clientInfo(server: Server, envelope: object | undefined): ClientInfo {
  const info = (envelope as Record<string, unknown> | undefined)?.[CLIENT_INFO_META_KEY];
  return typeof info === 'object' && info !== null ? info : (server.getClientVersion() ?? {});
}

interface ClientInfo {
  name?: unknown;
  version?: unknown;
}

/** The client's own name and version, made fit to be stored. */
function callerOf(info: ClientInfo): Caller & { actor: string } {
  const name = presentable(info.name) || 'mcp-client';
  const version = presentable(info.version);
  return {
    actor: name,
    client: version === '' ? name : presentable(`${name}/${version}`),
  };
}

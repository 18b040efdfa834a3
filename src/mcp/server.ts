/** One factory for every transport and both protocol eras: a server that offers the tools of some toolsets. */
import { CLIENT_INFO_META_KEY, Server } from '@modelcontextprotocol/server';

import type { Toolset } from '../domain/toolsets.ts';
import type { Caller, Context } from '../services/context.ts';
import type { ToolCalls } from './tool-calls.ts';

const INSTRUCTIONS =
  "Worktrail is the shared memory of this project's work. List or query before you start, keep the status of your items current, and pass the version you read when you update. Ids may be cut to 8 characters.";

export interface ServerOptions {
  version: string;
  toolsets: readonly Toolset[];
  /** The opened program; awaited by the first call, so that a client is greeted before the store is open. */
  app: () => Promise<{ context: Context }>;
  /** Told of unexpected failures, which clients see only in our words. */
  log: (message: string) => void;
}

export type ServerFactory = () => Server;

/**
 * @returns a factory: cheap to call, because HTTP makes a server for every modern request. The tools are
 * loaded at their first use, so that a client is greeted before all of the program is.
 */
export function createServerFactory(options: ServerOptions): ServerFactory {
  let loading: Promise<ToolCalls> | undefined;
  const tools = () =>
    (loading ??= import('./tool-calls.ts').then((module) => module.createToolCalls(options)));
  return () => {
    const server = new Server(
      { name: 'worktrail', title: 'Worktrail', version: options.version },
      { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
    );
    server.setRequestHandler('tools/list', async () => ({ tools: (await tools()).list() }));
    server.setRequestHandler('tools/call', async ({ params }, { mcpReq }) =>
      (await tools()).call(params.name, params.arguments, callerOf(clientInfo(server, mcpReq.envelope))),
    );
    return server;
  };
}

const CLIENT_NAME_MAX_CHARACTERS = 100;

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
function callerOf(info: ClientInfo): Caller {
  const name = presentable(info.name) || 'mcp-client';
  const version = presentable(info.version);
  return {
    actor: name,
    client: version === '' ? name : presentable(`${name}/${version}`),
  };
}

function presentable(text: unknown): string {
  const clean = (typeof text === 'string' ? text : '')
    .toWellFormed()
    // eslint-disable-next-line no-control-regex -- names come from outside and end up in files and terminals
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '')
    .trim();
  return Array.from(clean).slice(0, CLIENT_NAME_MAX_CHARACTERS).join('');
}

// The official MCP clients of three generations behind one small interface, so that a test can say
// "for every generation and transport". They list the tools when they connect, as hosts do: from then
// on they check every result against its tool's output schema and throw if it does not match.
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Tool, Transport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { cleanUpLater } from './cleanup.ts';
import { defaultProgram } from './child-program.ts';
import { type EnvironmentOverrides, cleanEnvironment } from './environment.ts';
import { previousClient } from './previous-mcp-client.ts';

/**
 * `current`: today's SDK with the 2025 handshake, its default. `current-2026`: the same, pinned to
 * 2026-07-28 without a way back. `previous`: SDK 1.x, which most deployed hosts still speak.
 */
export type ClientGeneration = 'current' | 'current-2026' | 'previous';
export const clientGenerations: readonly ClientGeneration[] = ['current', 'current-2026', 'previous'];

export interface StdioConnection {
  transport: 'stdio';
  /** Default: `serve`. */
  args?: readonly string[];
  cwd: string;
  env?: EnvironmentOverrides;
  /** Node's arguments up to and including the script. Default: the built program. */
  program?: readonly string[];
}

export interface HttpConnection {
  /** `http` is Streamable HTTP at `/mcp`; `sse` the older HTTP+SSE at `/sse`, which only has the 2025 protocol. */
  transport: 'http' | 'sse';
  /** Where the server listens, without a path. */
  url: string;
  headers?: Record<string, string>;
}

export type Connection = (StdioConnection | HttpConnection) & {
  generation: ClientGeneration;
  /** What the server is told. Default `test-client`. */
  clientName?: string;
};

export interface ToolResult {
  structured: Record<string, unknown> | undefined;
  /** All text blocks, joined by line breaks. */
  text: string;
  isError: boolean;
  raw: unknown;
}

/** Told of each progress notification; a call that has it asks for them. */
export type OnProgress = (progress: {
  progress: number;
  total?: number | undefined;
  message?: string | undefined;
}) => void;

export interface TestClient {
  /** Throws on a protocol error and on a result that does not match the output schema. */
  callTool(name: string, args?: Record<string, unknown>, onProgress?: OnProgress): Promise<ToolResult>;
  /** Asks the server anew, all pages. */
  listTools(): Promise<Tool[]>;
  /** What the server says of itself. */
  about(): About;
  close(): Promise<void>;
  /** What the server wrote to stderr; always empty over HTTP. */
  stderr(): string;
  /** The stdio server's process; undefined over HTTP and once it is gone. */
  pid(): number | undefined;
}

export interface About {
  server: Record<string, unknown> | undefined;
  instructions: string | undefined;
}

/** What both SDKs' clients do in their own types. */
export interface ClientAdapter {
  connect(): Promise<void>;
  call(name: string, args: Record<string, unknown>, onProgress?: OnProgress): Promise<unknown>;
  list(): Promise<Tool[]>;
  about(): About;
  close(): Promise<void>;
  pid(): number | undefined;
}

/** Where to connect, with every default filled in, and where the server's stderr goes. */
export type Target =
  | { transport: 'http' | 'sse'; endpoint: URL; headers: Record<string, string> }
  | {
      transport: 'stdio';
      parameters: {
        command: string;
        args: string[];
        cwd: string;
        env: Record<string, string>;
        stderr: 'pipe';
      };
      onStderr: (chunk: Buffer) => void;
    };

/** Closed at the end of the test (or file) that connected it, if the test has not done so. */
export async function connect(connection: Connection): Promise<TestClient> {
  let errors = '';
  const target = targetOf(connection, (chunk) => (errors += chunk.toString('utf8')));
  const { generation, clientName = 'test-client' } = connection;
  const adapter =
    generation === 'previous'
      ? previousClient(target, clientName)
      : currentClient(target, clientName, generation === 'current-2026');
  cleanUpLater(() => adapter.close());
  try {
    await adapter.connect();
    await adapter.list();
  } catch (cause) {
    await adapter.close();
    throw new Error(`${generation} client over ${connection.transport}: ${String(cause)}\n${errors}`, {
      cause,
    });
  }
  return {
    callTool: async (name, args = {}, onProgress) => toolResult(await adapter.call(name, args, onProgress)),
    listTools: () => adapter.list(),
    about: () => adapter.about(),
    close: () => adapter.close(),
    stderr: () => errors,
    pid: () => adapter.pid(),
  };
}

function targetOf(connection: Connection, onStderr: (chunk: Buffer) => void): Target {
  if (connection.transport !== 'stdio') {
    const { transport, url, headers = {} } = connection;
    return { transport, endpoint: new URL(transport === 'http' ? '/mcp' : '/sse', url), headers };
  }
  const args = [...(connection.program ?? defaultProgram()), ...(connection.args ?? ['serve'])];
  const env = cleanEnvironment(connection.env);
  return {
    transport: 'stdio',
    parameters: { command: process.execPath, args, cwd: connection.cwd, env, stderr: 'pipe' },
    onStderr,
  };
}

function currentClient(target: Target, name: string, pinned: boolean): ClientAdapter {
  const client = new Client(
    { name, version: '1.0.0' },
    pinned ? { versionNegotiation: { mode: { pin: '2026-07-28' } } } : {},
  );
  const transport = currentTransport(target);
  return {
    connect: () => client.connect(transport),
    call: (tool, args, onprogress) =>
      client.callTool({ name: tool, arguments: args }, onprogress && { onprogress }),
    // `refresh`: a 2026 server may allow caching, which would hide what a test has just changed.
    list: async () => (await client.listTools(undefined, { cacheMode: 'refresh' })).tools,
    about: () => ({ server: client.getServerVersion(), instructions: client.getInstructions() }),
    close: async () => {
      if (transport instanceof StreamableHTTPClientTransport) {
        await transport.terminateSession().catch(() => undefined); // the server may be gone already
      }
      await client.close();
    },
    pid: () => (transport instanceof StdioClientTransport ? (transport.pid ?? undefined) : undefined),
  };
}

function currentTransport(target: Target): Transport {
  if (target.transport === 'stdio') {
    const transport = new StdioClientTransport(target.parameters);
    transport.stderr?.on('data', target.onStderr);
    return transport;
  }
  const options = { requestInit: { headers: target.headers } };
  return target.transport === 'http'
    ? new StreamableHTTPClientTransport(target.endpoint, options)
    : new SSEClientTransport(target.endpoint, options);
}

function toolResult(raw: unknown): ToolResult {
  const result = isRecord(raw) ? raw : {};
  const content: unknown[] = Array.isArray(result['content']) ? result['content'] : [];
  const texts = content.filter(isRecord).filter((block) => block['type'] === 'text');
  return {
    structured: isRecord(result['structuredContent']) ? result['structuredContent'] : undefined,
    text: texts.map((block) => String(block['text'])).join('\n'),
    isError: result['isError'] === true,
    raw,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

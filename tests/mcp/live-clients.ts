// The official clients of all generations for what lies beside tools: resources, prompts, completion, subscriptions.
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as PreviousClient } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as PreviousSse } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport as PreviousStdio } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as PreviousHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport as PreviousTransport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { cleanUpLater } from '../support/cleanup.ts';
import { defaultProgram } from '../support/child-program.ts';
import { cleanEnvironment } from '../support/environment.ts';
import type { ClientGeneration } from '../support/mcp-clients.ts';

export type Where = { args: string[]; cwd: string } | { url: string; transport: 'http' | 'sse' };

export interface ReadContent {
  uri: string;
  mimeType?: string;
  text: string;
  _meta?: Record<string, unknown>;
}

export type CompletionRef = { type: 'ref/prompt'; name: string } | { type: 'ref/resource'; uri: string };

export interface Heard {
  uri: string;
  /** `performance.now()` of its arrival. */
  at: number;
}

export interface LiveClient {
  capabilities(): Record<string, unknown>;
  resources(): Promise<{ uri: string; name: string }[]>;
  templates(): Promise<{ uriTemplate: string; name: string }[]>;
  read(uri: string): Promise<ReadContent>;
  prompts(): Promise<{ name: string; arguments?: { name: string; required?: boolean }[] }[]>;
  /** The text of the prompt's one message. */
  prompt(name: string, args?: Record<string, string>): Promise<string>;
  complete(
    ref: CompletionRef,
    name: string,
    value: string,
  ): Promise<{ values: string[]; titles: Record<string, string> }>;
  /** Resolves when the server has agreed; call the result to end it. */
  subscribe(...uris: string[]): Promise<() => Promise<void>>;
  /** Every update that has arrived, in order. */
  heard: Heard[];
  /** The first update for the URI that came or comes after `since` (`performance.now()`); fails after 10 s. */
  hears(uri: string, since?: number): Promise<Heard>;
  call(name: string, args?: Record<string, unknown>): Promise<Record<string, unknown>>;
  close(): Promise<void>;
  pid(): number | undefined;
}

const PATIENCE_MS = 10_000;

export async function connectLive(generation: ClientGeneration, where: Where): Promise<LiveClient> {
  return generation === 'previous'
    ? await previous(where)
    : await current(where, generation === 'current-2026');
}

async function current(where: Where, isPinned: boolean): Promise<LiveClient> {
  const client = new Client(
    { name: 'live', version: '1' },
    isPinned ? { versionNegotiation: { mode: { pin: '2026-07-28' } } } : {},
  );
  const transport =
    'url' in where
      ? where.transport === 'http'
        ? new StreamableHTTPClientTransport(new URL('/mcp', where.url))
        : new SSEClientTransport(new URL('/sse', where.url))
      : new StdioClientTransport(processOf(where));
  const news = new News();
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => news.add(params.uri));
  cleanUpLater(() => client.close());
  await client.connect(transport);
  const fresh = { cacheMode: 'refresh' } as const;
  return {
    capabilities: () => client.getServerCapabilities() as Record<string, unknown>,
    resources: async () => (await client.listResources(undefined, fresh)).resources,
    templates: async () => (await client.listResourceTemplates(undefined, fresh)).resourceTemplates,
    read: async (uri) => (await client.readResource({ uri }, fresh)).contents[0] as ReadContent,
    prompts: async () => (await client.listPrompts(undefined, fresh)).prompts as never,
    prompt: async (name, args = {}) => textOf(await client.getPrompt({ name, arguments: args })),
    complete: async (ref, name, value) =>
      completion(await client.complete({ ref, argument: { name, value } })),
    subscribe: async (...uris) => {
      if (isPinned) {
        const stream = await client.listen({ resourceSubscriptions: uris });
        return () => stream.close();
      }
      for (const uri of uris) await client.subscribeResource({ uri });
      return async () => {
        for (const uri of uris) await client.unsubscribeResource({ uri });
      };
    },
    heard: news.heard,
    hears: (uri, since) => news.next(uri, since),
    call: async (name, args = {}) => answerOf(await client.callTool({ name, arguments: args })),
    close: () => client.close(),
    pid: () => (transport instanceof StdioClientTransport ? (transport.pid ?? undefined) : undefined),
  };
}

async function previous(where: Where): Promise<LiveClient> {
  const client = new PreviousClient({ name: 'live', version: '1' });
  const transport =
    'url' in where
      ? where.transport === 'http'
        ? new PreviousHttp(new URL('/mcp', where.url))
        : new PreviousSse(new URL('/sse', where.url))
      : new PreviousStdio(processOf(where));
  const news = new News();
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => news.add(params.uri));
  cleanUpLater(() => client.close());
  await client.connect(transport as PreviousTransport);
  return {
    capabilities: () => client.getServerCapabilities() as Record<string, unknown>,
    resources: async () => (await client.listResources()).resources,
    templates: async () => (await client.listResourceTemplates()).resourceTemplates,
    read: async (uri) => (await client.readResource({ uri })).contents[0] as ReadContent,
    prompts: async () => (await client.listPrompts()).prompts as never,
    prompt: async (name, args = {}) => textOf(await client.getPrompt({ name, arguments: args })),
    complete: async (ref, name, value) =>
      completion(await client.complete({ ref, argument: { name, value } })),
    subscribe: async (...uris) => {
      for (const uri of uris) await client.subscribeResource({ uri });
      return async () => {
        for (const uri of uris) await client.unsubscribeResource({ uri });
      };
    },
    heard: news.heard,
    hears: (uri, since) => news.next(uri, since),
    call: async (name, args = {}) => answerOf(await client.callTool({ name, arguments: args })),
    close: () => client.close(),
    pid: () => (transport instanceof PreviousStdio ? (transport.pid ?? undefined) : undefined),
  };
}

class News {
  readonly heard: Heard[] = [];
  #waiting: (() => void)[] = [];

  add(uri: string): void {
    this.heard.push({ uri, at: performance.now() });
    for (const look of this.#waiting.splice(0)) look();
  }

  async next(uri: string, since = 0): Promise<Heard> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      const found = this.heard.find((one) => one.uri === uri && one.at >= since);
      if (found !== undefined) return found;
      const left = until - performance.now();
      if (left <= 0) throw new Error(`nothing was heard of ${uri} in ${PATIENCE_MS} ms`);
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        timer = setTimeout(resolve, left);
      });
      clearTimeout(timer);
    }
  }
}

function processOf({ args, cwd }: { args: string[]; cwd: string }) {
  const command = [...defaultProgram(), ...args];
  return {
    command: process.execPath,
    args: command,
    cwd,
    env: cleanEnvironment({}),
    stderr: 'ignore' as const,
  };
}

function textOf(result: unknown): string {
  const { messages } = result as { messages: { role: string; content: { type: string; text: string } }[] };
  const [message] = messages;
  if (messages.length !== 1 || message?.role !== 'user' || message.content.type !== 'text') {
    throw new Error(`not one text of the user's: ${JSON.stringify(result)}`);
  }
  return message.content.text;
}

function completion(result: unknown): { values: string[]; titles: Record<string, string> } {
  const { completion: found, _meta } = result as {
    completion: { values: string[] };
    _meta?: { titles?: Record<string, string> };
  };
  return { values: found.values, titles: _meta?.titles ?? {} };
}

function answerOf(result: unknown): Record<string, unknown> {
  const { isError, structuredContent, content } = result as {
    isError?: boolean;
    structuredContent?: Record<string, unknown>;
    content: unknown;
  };
  if (isError === true || structuredContent === undefined) throw new Error(JSON.stringify(content));
  return structuredContent;
}

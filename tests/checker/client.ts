// A small MCP client of its own, over stdio and over Streamable HTTP: one call after the other, and "no answer" is an
// outcome like any other.
import { createInterface } from 'node:readline';
import type { RunningProgram } from '../support/child-program.ts';
import type { JsonObject } from './history.ts';

export type Outcome =
  { outcome: 'answered' | 'refused'; answer: JsonObject } | { outcome: 'lost'; answer: JsonObject };

export interface Client {
  /** Never throws. */
  call(tool: string, args: JsonObject): Promise<Outcome>;
}

interface Message {
  id?: number;
  result?: JsonObject;
  error?: JsonObject;
}

/** A call of nobody's takes longer; a server that was paused has time to go on. */
const PATIENCE_MS = 30_000;
const PROTOCOL = '2025-11-25';
const LOST: Outcome = { outcome: 'lost', answer: {} };

/** Greets the server over its pipes; `onStray` hears of lines that are no protocol. */
export async function connectStdio(
  { child, exited }: RunningProgram,
  name: string,
  onStray: (line: string) => void,
): Promise<Client> {
  const waiting = new Map<number, (message: Message | undefined) => void>();
  let lastId = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = parse(line);
    if (message === undefined) onStray(line);
    else if (message.id !== undefined) waiting.get(message.id)?.(message);
  });
  let isGone = false;
  void exited.then(() => {
    isGone = true;
    for (const settle of waiting.values()) settle(undefined);
  });
  const send = (message: JsonObject) =>
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const request = async (method: string, params: JsonObject): Promise<Message | undefined> => {
    if (isGone) return undefined;
    const id = (lastId += 1);
    const answered = new Promise<Message | undefined>((resolve) => waiting.set(id, resolve));
    send({ id, method, params });
    const message = await withPatience(answered);
    waiting.delete(id);
    return message;
  };
  if ((await request('initialize', greeting(name))) === undefined)
    throw new Error('the server did not greet');
  send({ method: 'notifications/initialized' });
  return {
    call: async (tool, args) => outcomeOf(await request('tools/call', { name: tool, arguments: args })),
  };
}

/** A session of its own on a server that listens at `url`. */
export async function connectHttp(url: string, name: string): Promise<Client> {
  let session: string | undefined;
  let lastId = 0;
  const post = async (body: JsonObject): Promise<Message | undefined> => {
    const response = await fetch(`${url}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': PROTOCOL,
        ...(session !== undefined && { 'mcp-session-id': session }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    session ??= response.headers.get('mcp-session-id') ?? undefined;
    const text = await response.text();
    if (!response.ok) return undefined;
    const lines = text.split('\n').map((line) => line.replace(/^data: ?/, ''));
    return lines.map(parse).find((message) => message?.id === body['id']);
  };
  const request = (method: string, params: JsonObject) =>
    post({ id: (lastId += 1), method, params }).catch(() => undefined);
  if ((await request('initialize', greeting(name))) === undefined)
    throw new Error('the server did not greet');
  await post({ method: 'notifications/initialized' }).catch(() => undefined);
  return {
    call: async (tool, args) => outcomeOf(await request('tools/call', { name: tool, arguments: args })),
  };
}

function greeting(name: string): JsonObject {
  return { protocolVersion: PROTOCOL, capabilities: {}, clientInfo: { name, version: '1' } };
}

function outcomeOf(message: Message | undefined): Outcome {
  const result = message?.result;
  if (result === undefined) return LOST;
  if (result['isError'] !== true)
    return { outcome: 'answered', answer: (result['structuredContent'] ?? {}) as JsonObject };
  const [block] = result['content'] as { text: string }[];
  return { outcome: 'refused', answer: JSON.parse(block?.text ?? '{}') as JsonObject };
}

function parse(line: string): Message | undefined {
  try {
    const message = JSON.parse(line) as Message & { jsonrpc?: string };
    return message.jsonrpc === '2.0' ? message : undefined;
  } catch {
    return undefined;
  }
}

async function withPatience<T>(answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, PATIENCE_MS, undefined)));
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

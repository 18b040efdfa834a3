// The model's side of HTTP, on loopback: whatever language a client speaks, the conversation answers.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Conversation } from './conversation.ts';
import { anthropic } from './dialects/anthropic.ts';
import { chat } from './dialects/chat.ts';
import type { Dialect, Json, Turn } from './dialects/dialect.ts';
import { gemini } from './dialects/gemini.ts';
import { responses } from './dialects/responses.ts';

const DIALECTS: readonly Dialect[] = [anthropic, responses, chat, gemini];

export interface ScriptedModel {
  /** Without a slash at the end. */
  url: string;
  close(): Promise<void>;
}

/** @param onRequest sees every request, for whoever looks for what went wrong */
export async function startScriptedModel(
  conversation: Conversation,
  onRequest: (url: string, request: unknown) => void = () => undefined,
): Promise<ScriptedModel> {
  const server = createServer((incoming, outgoing) => {
    void answer(conversation, incoming, outgoing, onRequest).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  conversation: Conversation,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  onRequest: (url: string, request: unknown) => void,
): Promise<void> {
  const { url = '' } = incoming;
  const request = parsed(await bodyOf(incoming));
  onRequest(url, request);
  const dialect = DIALECTS.find((one) => one.isFor(url));
  if (dialect === undefined || incoming.method !== 'POST') {
    send(outgoing, url.includes('/models') ? { object: 'list', data: [], models: [] } : {});
    return;
  }
  const tools = dialect.toolsOf(request);
  const turn: Turn = conversation.concerns(tools)
    ? conversation.next(tools, dialect.resultsOf(request))
    : { kind: 'say', text: 'A session' };
  const { body, events } = dialect.reply(request, turn);
  if (!dialect.isStreamed(request, url)) {
    send(outgoing, body);
    return;
  }
  outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const { name, data } of events)
    outgoing.write(`${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`);
  outgoing.end(dialect.end ?? '');
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

function parsed(body: string): Json {
  try {
    return JSON.parse(body);
  } catch {
    return {};
  }
}

function send(outgoing: ServerResponse, body: object): void {
  outgoing.writeHead(200, { 'content-type': 'application/json' });
  outgoing.end(JSON.stringify(body));
}

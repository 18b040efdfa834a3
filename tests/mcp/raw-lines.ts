// A stdio server that is spoken to line by line, for what official clients never send.
import { beforeAll, expect, vi } from 'vitest';
import type { JsonRpcProcess, JsonRpcResponse } from '../support/json-rpc-process.ts';
import { spawnServe, temporaryProject } from '../support/program.ts';
import type { Row } from './calls.ts';

export const PARSE_ERROR = -32700;
export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;

/** The id that hand-written lines carry: far from those that `request` gives. */
export const ID = 700_001;

export interface RawLines {
  project(): string;
  server(): JsonRpcProcess;
  /** What the server answers to this line; fails if that is not exactly one answer. */
  answerTo(line: string | Buffer): Promise<Partial<JsonRpcResponse>>;
  /** Fails if `work` has changed the store; that the server answers is proven with it. */
  expectNothingChanged(work: () => Promise<void>): Promise<void>;
  /** Resolves with the lines written since then, once there are `count` of them. */
  newLines(since: number, count: number): Promise<JsonRpcResponse[]>;
}

/** One server for all tests of the file, greeted with the 2025 handshake. */
export function startRawLines(): RawLines {
  let project: string;
  let server: JsonRpcProcess;
  beforeAll(async () => {
    project = await temporaryProject();
    server = spawnServe({ project, args: ['--toolsets', 'all'] });
    await server.initialize();
  });

  const newLines = async (since: number, count: number): Promise<JsonRpcResponse[]> => {
    await vi.waitUntil(() => server.lines.length >= since + count, { timeout: 20_000, interval: 5 });
    return server.lines.slice(since).map((line) => JSON.parse(line) as JsonRpcResponse);
  };
  const structured = async (tool: string, arguments_: Row): Promise<Row> => {
    const { result } = await server.request('tools/call', { name: tool, arguments: arguments_ });
    expect(result?.['isError'], JSON.stringify(result)).not.toBe(true);
    return (result?.['structuredContent'] ?? {}) as Row;
  };
  const state = async (): Promise<unknown> => [
    (await structured('query_history', { limit: 1 }))['latest_seq'],
    (await structured('list_work_items', { limit: 1 }))['total_count'],
  ];
  return {
    project: () => project,
    server: () => server,
    newLines,
    answerTo: async (line) => {
      const before = server.lines.length;
      if (typeof line === 'string') server.send(line);
      else server.program.child.stdin.write(Buffer.concat([line, Buffer.from('\n')]));
      await newLines(before, 1);
      await server.request('ping');
      const answers = (await newLines(before, 2)).slice(0, -1);
      expect(answers).toHaveLength(1);
      return answers[0] ?? {};
    },
    expectNothingChanged: async (work) => {
      const before = await state();
      await work();
      expect(await state()).toEqual(before);
    },
  };
}

/** A call of create_work_item with these arguments beside type and title, as a line; they may be no JSON. */
export function createLine(more: string): string {
  const arguments_ = `{"item_type":"task","title":"x",${more}}`;
  return `{"jsonrpc":"2.0","id":${ID},"method":"tools/call","params":{"name":"create_work_item","arguments":${arguments_}}}`;
}

/** The error of ours in a tool's result. */
export function toolError(answer: Partial<JsonRpcResponse>): Row {
  expect(answer.result).toMatchObject({ isError: true });
  const [{ text = '' } = {}] = answer.result?.['content'] as { text?: string }[];
  return JSON.parse(text) as Row;
}

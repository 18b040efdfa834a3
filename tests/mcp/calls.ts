// Calling tools and saying what is expected of the answer: a record, or an error of ours.
import { expect } from 'vitest';
import { type ErrorCode, ERROR_CODES } from '../../src/domain/errors.ts';
import type { TestClient, ToolResult } from '../support/mcp-clients.ts';

export type Row = Record<string, unknown>;

export interface Problem {
  field: string;
  constraint: string;
  value: unknown;
}

export interface Refusal {
  error: ErrorCode;
  message: string;
  details: Row & { problems?: Problem[] };
  next: string;
}

export interface Caller {
  /** Expects a good answer; gives its structured content. */
  call(tool: string, arguments_?: Row): Promise<Row>;
  /** The same for a tool that writes one record; gives that as it is now, whole, beside what the answer said of the write. */
  write(tool: string, arguments_?: Row): Promise<Row>;
  /** Reads an item whole: what an answer leaves out, because it is null or empty, is there. */
  whole(id: unknown, arguments_?: Row): Promise<Row>;
  /** Expects an error of that code, in the form of `contracts/errors.json`. */
  refuse(code: ErrorCode, tool: string, arguments_?: Row): Promise<Refusal>;
  /** Expects a ValidationError with a problem of that field; gives this problem's constraint. */
  refuseField(field: string, tool: string, arguments_?: Row): Promise<string>;
  /** Where the feed of changes stands: the same before and after means that nothing was written. */
  feedPosition(): Promise<number>;
}

export function callerFor(client: () => TestClient): Caller {
  const refuse = async (code: ErrorCode, tool: string, arguments_: Row = {}): Promise<Refusal> => {
    const refusal = refusalOf(await client().callTool(tool, arguments_));
    expect(refusal.error, refusal.message).toBe(code);
    return refusal;
  };
  const call = async (tool: string, arguments_: Row = {}): Promise<Row> =>
    answerOf(await client().callTool(tool, arguments_));
  const rest = async (id: unknown, field: string): Promise<string> => {
    let text = '';
    for (;;) {
      const offset = Array.from(text).length;
      const part = await call('query_work_item', { id, field, offset, max_tokens: 20_000 });
      text += String(part['text']);
      if (part['cut'] === undefined) return text;
    }
  };
  const whole = async (id: unknown, arguments_: Row = {}): Promise<Row> => {
    const shown = { id, max_tokens: 20_000, ...arguments_ };
    const { cut = [], ...item } = await call('query_work_item', shown);
    for (const { field } of cut as { field: string }[]) {
      if (field === 'description') item[field] = await rest(id, field);
      else if (field === 'metadata') item[field] = JSON.parse(await rest(id, field));
      else throw new Error(`${field} was cut`);
    }
    return filled(item, EMPTY_ITEM);
  };
  const read = async ({ id, name, deployed_at }: Row): Promise<Row> => {
    if (deployed_at !== undefined) return await call('query_deployment', { id, max_tokens: 20_000 });
    if (name !== undefined) return await call('query_vendor_status', { name, max_tokens: 20_000 });
    const bare = { include_children: false, include_dependencies: false };
    const { ancestors: _ancestors, ...item } = await whole(id, bare);
    return item;
  };
  return {
    call,
    whole,
    write: async (tool, arguments_) => {
      const answer = await call(tool, arguments_);
      const said = ['durability', 'warnings', 'merged_with', 'repeated'].filter((name) => name in answer);
      return { ...(await read(answer)), ...Object.fromEntries(said.map((name) => [name, answer[name]])) };
    },
    refuse,
    refuseField: async (field, tool, arguments_) => {
      const { details } = await refuse('ValidationError', tool, arguments_);
      const problem = details.problems?.find((candidate) => candidate.field === field);
      expect(problem, `${field} among ${JSON.stringify(details.problems)}`).toBeDefined();
      return problem?.constraint ?? '';
    },
    feedPosition: async () => Number((await call('query_history', { limit: 1 }))['latest_seq']),
  };
}

export function answerOf(result: ToolResult): Row {
  expect(result.isError, result.text).toBe(false);
  expect(result.text).not.toBe('');
  expect(result.structured?.['data_source']).toMatch(/^(sqlite|postgres)$/);
  return result.structured ?? {};
}

/** An error result in the form that every client takes: JSON text, no structured content. */
export function refusalOf(result: ToolResult): Refusal {
  expect(result.isError, result.text).toBe(true);
  expect(result.raw).not.toHaveProperty('structuredContent');
  expect(result.raw).toMatchObject({ content: [{ type: 'text' }] });
  const body = JSON.parse(result.text) as Refusal;
  expect(Object.keys(body)).toEqual(['error', 'message', 'details', 'next']);
  expect(ERROR_CODES).toContain(body.error);
  expect(body.message).not.toBe('');
  expect(body.next).not.toBe('');
  if (body.error !== 'ValidationError') return body;
  const problems = problemsIn(body.details);
  // Each is told once.
  for (const problem of problems) {
    expect(Object.keys(problem)).toEqual(['field', 'constraint', 'value']);
    expect(body.message).not.toContain(problem.constraint);
  }
  return { ...body, details: { ...body.details, problems } };
}

/** One problem stands in the details itself, several as a list. */
function problemsIn({ problems, field, constraint, value }: Refusal['details']): Problem[] {
  return problems ?? [{ field, constraint, value } as Problem];
}

export function rows(value: unknown): Row[] {
  expect(Array.isArray(value)).toBe(true);
  return value as Row[];
}

export function text(value: unknown): string {
  expect(typeof value).toBe('string');
  return value as string;
}

export function titles(answer: Row): unknown[] {
  return rows(answer['items']).map(({ title }) => title);
}

/** What answers leave out of an item where it is so. */
export const EMPTY_ITEM: Row = {
  ...{ description: null, labels: [], assignee: null, parent_id: null, metadata: {} },
  ...{ branch_name: null, commit_hash: null, pr_number: null },
  ...{ completed_at: null, deleted_at: null, archived_at: null, claimed_by: null, claim_expires_at: null },
  ancestors: [],
};

/** An answer with what it may leave out. */
export function filled(answer: Row, empty: Row): Row {
  return { ...empty, ...answer };
}

/** An id as rows show it. */
export const short = (id: unknown): string => text(id).slice(0, 8);

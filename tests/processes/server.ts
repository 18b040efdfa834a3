// A stdio server on a place, and what its tools answer.
import type { EnvironmentOverrides } from '../support/environment.ts';
import type { JsonRpcProcess, JsonRpcResponse } from '../support/json-rpc-process.ts';
import { spawnServe } from '../support/program.ts';
import type { Place } from './place.ts';

export type Answer = Record<string, unknown>;

/** What a failed call says: see `ErrorBody` in src/domain/errors.ts. */
export interface Failure {
  error: string;
  message: string;
  details: Record<string, unknown>;
  next: string;
}

export type Outcome = { answer: Answer; failure?: undefined } | { answer?: undefined; failure: Failure };

export interface ServerOptions {
  clientName?: string;
  /** Node's arguments up to and including the script. Default: the built program. */
  program?: readonly string[];
  env?: EnvironmentOverrides;
}

export class Server {
  constructor(
    readonly rpc: JsonRpcProcess,
    readonly name = 'test-client',
  ) {}

  /** A server that has greeted its client. */
  static async start(place: Place, { clientName, program, env }: ServerOptions = {}): Promise<Server> {
    const options = { ...(program !== undefined && { program }), ...(env !== undefined && { env }) };
    const server = new Server(
      spawnServe({ project: place.project, args: place.args, ...options }),
      clientName,
    );
    await server.rpc.initialize({ clientName: server.name });
    return server;
  }

  /** Several servers, started at once. */
  static startMany(place: Place, count: number): Promise<Server[]> {
    return Promise.all(
      Array.from({ length: count }, (_, index) => Server.start(place, { clientName: `client-${index}` })),
    );
  }

  async call(tool: string, args: Answer = {}): Promise<Outcome> {
    return outcomeOf(await this.rpc.request('tools/call', { name: tool, arguments: args }));
  }

  /** Calls a tool that must succeed. */
  async answer(tool: string, args: Answer = {}): Promise<Answer> {
    return answerOf(await this.call(tool, args), tool);
  }

  /** Calls a tool that must be refused. */
  async failure(tool: string, args: Answer = {}): Promise<Failure> {
    const { answer, failure } = await this.call(tool, args);
    if (failure === undefined) throw new Error(`${tool} was not refused: ${JSON.stringify(answer)}`);
    return failure;
  }

  /** Calls `list_work_items` for up to a hundred items, with ids that are whole. */
  async list(args: Answer = {}): Promise<Answer & { items: Answer[] }> {
    const all = { limit: 100, fields: ['title'], max_tokens: 20_000, ...args };
    return (await this.answer('list_work_items', all)) as Answer & { items: Answer[] };
  }

  /** A new task; answers its id. */
  async create(args: Answer = {}): Promise<string> {
    return String(
      (await this.answer('create_work_item', { item_type: 'task', title: 'Task', ...args }))['id'],
    );
  }
}

export function outcomeOf({ result, error }: Pick<JsonRpcResponse, 'result' | 'error'>): Outcome {
  if (result === undefined) throw new Error(`the protocol failed: ${JSON.stringify(error)}`);
  const { isError, structuredContent, content } = result as {
    isError?: boolean;
    structuredContent?: Answer;
    content?: { text: string }[];
  };
  if (isError === true) return { failure: JSON.parse(content?.[0]?.text ?? '') as Failure };
  return { answer: structuredContent ?? {} };
}

export function answerOf({ answer, failure }: Outcome, tool: string): Answer {
  if (answer === undefined) throw new Error(`${tool} was refused: ${JSON.stringify(failure)}`);
  return answer;
}

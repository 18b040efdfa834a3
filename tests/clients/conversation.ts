// A model that follows a script: it makes one call after the other, each from what it was shown before, as a real one would.
import type { OfferedTool, ToolResult, Turn } from './dialects/dialect.ts';

/** One call of a script. */
export interface Call {
  /** What it is for, unique in the script. */
  label: string;
  /** By the product's own name; clients put theirs before it. */
  tool: string;
  input: Record<string, unknown>;
}

/** Takes the text that a call showed the model; throws where a model could not go on from that. */
export type Script = Generator<Call, void, string>;

/** A call, and what the model was shown of its answer. */
export interface Exchange {
  label: string;
  tool: string;
  /** Undefined as long as there is no answer. */
  shown?: string;
}

const CLAUDE_SEARCH = 'ToolSearch';
const SEARCH_LABEL = 'tool search';

export class Conversation {
  readonly exchanges: Exchange[] = [];
  /** The product's tools in the first request, by the client's names. */
  firstTools: OfferedTool[] | undefined;
  /** Why it ended: `done`, or what the model could not go on from. */
  outcome: string | undefined;
  readonly #script: Script;
  readonly #wanted: readonly string[];
  #waiting: { turn: Turn; exchange: Exchange } | undefined;
  #next: Call | undefined;

  /** @param wanted the tools of the script: what a client hides is searched for at once */
  constructor(script: Script, wanted: readonly string[]) {
    this.#script = script;
    this.#wanted = wanted;
  }

  /** Whether a request belongs to it: clients ask models other things too, without the product's tools. */
  concerns(offered: readonly OfferedTool[]): boolean {
    return offered.some(
      ({ name }) => name === CLAUDE_SEARCH || this.#wanted.some((tool) => isTool(name, tool)),
    );
  }

  /** The model's turn; the same again as long as what it asked for is not answered. */
  next(offered: readonly OfferedTool[], results: readonly ToolResult[]): Turn {
    this.firstTools ??= offered.filter(({ name, group = '' }) => `${group}${name}`.includes('worktrail'));
    if (this.#waiting !== undefined) {
      const { turn, exchange } = this.#waiting;
      const result = resultOf(turn, results, this.exchanges.length - 1);
      if (result === undefined) return turn;
      exchange.shown = result.text;
      this.#waiting = undefined;
      if (exchange.label !== SEARCH_LABEL) this.#advance(result.text);
    } else if (this.exchanges.length === 0) this.#advance('');
    if (this.#next === undefined) return { kind: 'say', text: `Finished: ${this.outcome ?? 'done'}.` };
    return this.#ask(this.#next, offered);
  }

  #advance(shown: string): void {
    try {
      const step = this.#script.next(shown);
      this.#next = step.done === true ? undefined : step.value;
      if (step.done === true) this.outcome = 'done';
    } catch (error) {
      this.#next = undefined;
      this.outcome = error instanceof Error ? error.message : String(error);
    }
  }

  #ask(call: Call, offered: readonly OfferedTool[]): Turn {
    const id = `call_${this.exchanges.length + 1}`;
    const found = offered.find(({ name }) => isTool(name, call.tool));
    const search = offered.find(({ name }) => name === CLAUDE_SEARCH);
    const hasSearched = this.exchanges.some(({ label }) => label === SEARCH_LABEL);
    if (found === undefined && search !== undefined && !hasSearched) {
      const names = this.#wanted.map((tool) => `mcp__worktrail__${tool}`);
      const input = { query: `select:${names.join(',')}`, max_results: names.length };
      return this.#wait({ kind: 'call', id, tool: search, input }, SEARCH_LABEL, CLAUDE_SEARCH);
    }
    const tool = found ?? { name: `mcp__worktrail__${call.tool}`, shown: {} };
    return this.#wait({ kind: 'call', id, tool, input: call.input }, call.label, call.tool);
  }

  #wait(turn: Turn, label: string, tool: string): Turn {
    const exchange = { label, tool };
    this.exchanges.push(exchange);
    this.#waiting = { turn, exchange };
    return turn;
  }
}

/** Whether a client's name is that of a tool of the product, whatever the client puts before it. */
const isTool = (name: string, tool: string): boolean =>
  name === tool || name.endsWith(`_${tool}`) || name.endsWith(`-${tool}`);

function resultOf(turn: Turn, results: readonly ToolResult[], place: number): ToolResult | undefined {
  const byId = turn.kind === 'call' ? results.find(({ id }) => id === turn.id) : undefined;
  const inOrder = results[place];
  return byId ?? (inOrder?.id === undefined ? inOrder : undefined);
}

export const isSearch = ({ label }: Exchange): boolean => label === SEARCH_LABEL;

// What the four languages have in common in which clients talk to models over HTTP.

/** A tool as a client offers it to a model. */
export interface OfferedTool {
  name: string;
  /** Codex groups tools; a call names the group beside the tool. */
  group?: string;
  /** All that the model gets of it. */
  shown: unknown;
}

/** The answer to one call, as the model gets it. */
export interface ToolResult {
  /** That of the call; undefined where the language has none. */
  id: string | undefined;
  text: string;
}

/** What a model does in its turn. */
export type Turn =
  { kind: 'say'; text: string } | { kind: 'call'; id: string; tool: OfferedTool; input: object };

export interface Reply {
  /** Of a request that does not stream. */
  body: object;
  /** Of one that does: the events in their order, `name` where the language names them. */
  events: { name?: string; data: object }[];
}

export interface Dialect {
  name: string;
  isFor(url: string): boolean;
  isStreamed(request: Json, url: string): boolean;
  toolsOf(request: Json): OfferedTool[];
  /** All results of the conversation so far, in their order. */
  resultsOf(request: Json): ToolResult[];
  reply(request: Json, turn: Turn): Reply;
  /** Ends a stream, where the language has a word for that. */
  end?: string;
}

/** A body that a client sent: its shape is the language's, and is not checked. */
export type Json = ReturnType<typeof JSON.parse>;

/** The text of content that is one, or a list of blocks. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return JSON.stringify(content ?? '');
  return content
    .map((block: { text?: unknown }) => (typeof block.text === 'string' ? block.text : JSON.stringify(block)))
    .join('\n');
}

export const asList = (value: unknown): Json[] => (Array.isArray(value) ? value : []);

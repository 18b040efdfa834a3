/** Listing and calling tools: arguments in, one service, an answer or an error out. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CallToolResult, Tool as ListedTool } from '@modelcontextprotocol/server';
import { visibleJson } from '../domain/others-text.ts';
import type { Phases, ReportProgress } from '../domain/progress.ts';
import { parseInput } from '../domain/validate.ts';
import { nearestName } from '../domain/warnings.ts';
import { TrackerError, databaseError, validationError } from '../domain/errors.ts';
import type { Caller } from '../use-cases/support/context.ts';
import { SessionNews } from '../use-cases/support/session-news.ts';
import { driverCode } from '../storage/database/driver-errors.ts';
import type { Tool } from './definitions/define-tool.ts';
import { present } from './definitions/present.ts';
import { toldError } from './definitions/told-error.ts';
import { ADVERTISED_OUTPUT, advertisedInputSchema } from './json-schema.ts';
import { loadsOnDemand, parsesText, takesTextOnly } from './known-clients.ts';
import { Recent, SESSIONS_KNOWN_MAX } from './recent.ts';
import { toolsOf } from './registry.ts';
import type { OpenApp, ServerOptions } from './server-options.ts';

/** An answer that is there waits so long for news that are looked for: what is not told now is told with the next one. */
const NEWS_PATIENCE_MS = 250;

export interface ToolCalls {
  /** @param client its name and version: some are told which tools to load first, some get no structured content */
  list(client: string): ListedTool[];
  /** How the progress of a tool is told; undefined where steps are counted. */
  phasesOf(name: string): Phases | undefined;
  /** Never throws: failures are results that say what to do. */
  call(
    app: OpenApp,
    request: { name: string; arguments?: unknown },
    caller: Caller,
    onProgress: ReportProgress,
  ): Promise<CallToolResult>;
}

export function createToolCalls({ toolsets, tools: offered, log }: Omit<ServerOptions, 'app'>): ToolCalls {
  const tools = new Map(toolsOf(toolsets, offered).map((tool) => [tool.name, tool]));
  let listed: ListedTool[] | undefined;
  const list = () => (listed ??= [...tools.values()].map(listTool));
  const offers = (name: string) => tools.has(name);
  const sessions = new Recent<SessionNews>(SESSIONS_KNOWN_MAX);
  const newsOf = ({ session = '' }: Caller) => sessions.get(session, () => new SessionNews());
  const restOf = (since: number) => (offers('get_brief') ? `get_brief {"since":${since}}` : undefined);
  return {
    list: (client) =>
      list().map((one) => ({
        ...(takesTextOnly(client) ? withoutOutputSchema(one) : one),
        ...(loadsOnDemand(client) && hintsOf(tools.get(one.name))),
      })),
    phasesOf: (name) => tools.get(name)?.phases,
    call: async (app, { name, arguments: arguments_ }, caller, onProgress) => {
      const told = newsOf(caller);
      let found: ReturnType<SessionNews['look']> | undefined;
      const soon = async () =>
        await Promise.race([found, sleep(NEWS_PATIENCE_MS, undefined, { ref: false })]);
      const news = async () => told.tell(await soon(), restOf);
      try {
        const tool = tools.get(name);
        // Where the store is open already, what is refused costs no more than what is not.
        if (told.hasBegun) found = told.look((await app()).context, caller);
        if (tool === undefined) throw unknownTool(name, [...tools.keys()]);
        const input = parseInput(tool.input, arguments_);
        const { context } = await app();
        found ??= told.look(context, caller);
        const answer = await tool.run(context, caller, input as never, onProgress);
        const line = await news();
        told.learn(input, answer.data, await soon());
        const { text, structured } = present(tool, answer, input, offers, line);
        const content: CallToolResult['content'] = [{ type: 'text', text }];
        return takesTextOnly(caller.client) ? { content } : { content, structuredContent: structured };
      } catch (error) {
        const body = errorBody(error, log, offers, await news());
        return errorResult(parsesText(caller.client) ? `Error: ${body}` : body);
      }
    },
  };
}

/** A tool as `tools/list` shows it. */
export function listTool(tool: Tool): ListedTool {
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: advertisedInputSchema(tool) as ListedTool['inputSchema'],
    outputSchema: ADVERTISED_OUTPUT,
    annotations: toldAnnotations(tool),
  };
}

/** Without those that the protocol takes for granted. */
function toldAnnotations({ annotations }: Tool): ListedTool['annotations'] {
  const { readOnlyHint, destructiveHint, idempotentHint, openWorldHint } = annotations;
  return {
    ...(readOnlyHint && { readOnlyHint }),
    ...(!readOnlyHint && !destructiveHint && { destructiveHint }),
    ...(!readOnlyHint && idempotentHint && { idempotentHint }),
    ...(!openWorldHint && { openWorldHint }),
  };
}

function withoutOutputSchema({ outputSchema: _promised, ...tool }: ListedTool): ListedTool {
  return tool;
}

function hintsOf(tool: Tool | undefined): Pick<ListedTool, '_meta'> {
  const { hint, isLoadedFirst } = tool ?? {};
  if (hint === undefined && isLoadedFirst !== true) return {};
  return {
    _meta: {
      ...(hint !== undefined && { 'anthropic/searchHint': hint }),
      ...(isLoadedFirst === true && { 'anthropic/alwaysLoad': true }),
    },
  };
}

function unknownTool(name: string, known: string[]): TrackerError {
  return validationError(
    {
      field: 'name',
      constraint: `is not a tool that is offered here; the nearest is "${nearestName(name, known) ?? ''}"`,
      value: name,
    },
    'Call tools/list for the tools of this server; further ones are offered with --toolsets all.',
  );
}

/** Error results carry text only: clients check structured content against the schema of good answers. */
const errorResult = (text: string): CallToolResult => ({ isError: true, content: [{ type: 'text', text }] });

function errorBody(
  error: unknown,
  log: (message: string) => void,
  offers: (tool: string) => boolean,
  news?: string,
): string {
  if (!(error instanceof TrackerError))
    log(error instanceof Error ? (error.stack ?? error.message) : String(error));
  else if (error.cause !== undefined) log(`${error.message} (${driverCode(error.cause) ?? 'no code'})`);
  const known =
    error instanceof TrackerError
      ? error
      : databaseError(
          'worktrail',
          "an unexpected failure; its details are in the server's log",
          'Repeat the call once; if it fails again, run `worktrail doctor`.',
        );
  return visibleJson(JSON.stringify({ ...toldError(known, offers), ...(news !== undefined && { news }) }));
}

// OpenAI Responses: what Codex speaks.
import { asList, textOf, type Dialect, type Json, type OfferedTool, type Turn } from './dialect.ts';

export const responses: Dialect = {
  name: 'OpenAI Responses',
  isFor: (url) => /\/responses(\?|$)/.test(url),
  isStreamed: (request) => request.stream === true,
  toolsOf: (request) => asList(request.tools).flatMap(offered),
  resultsOf: (request) =>
    asList(request.input)
      .filter(({ type }) => type === 'function_call_output')
      .map(({ call_id, output }) => ({ id: call_id, text: textOf(output) })),
  reply: (request, turn) => {
    const item = itemOf(turn);
    const response = {
      ...{ id: 'resp_scripted', object: 'response', created_at: 0, model: request.model },
      ...{ status: 'in_progress', output: [], usage: null },
    };
    const usage = {
      ...{ input_tokens: 1, input_tokens_details: { cached_tokens: 0 } },
      ...{ output_tokens: 1, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 2 },
    };
    const body = { ...response, status: 'completed', output: [item], usage };
    const at = { output_index: 0 };
    const events = [
      { type: 'response.created', response },
      { type: 'response.output_item.added', ...at, item: { ...item, status: 'in_progress' } },
      ...(turn.kind === 'say'
        ? [
            {
              ...{ type: 'response.output_text.delta', ...at, item_id: item.id },
              ...{ content_index: 0, delta: turn.text },
            },
          ]
        : []),
      { type: 'response.output_item.done', ...at, item },
      { type: 'response.completed', response: body },
    ];
    return {
      body,
      events: events.map((data, sequence_number) => ({
        name: data.type,
        data: { ...data, sequence_number },
      })),
    };
  },
};

function offered(tool: Json): OfferedTool[] {
  if (tool.type !== 'namespace') return [{ name: String(tool.name ?? tool.type), shown: tool }];
  return asList(tool.tools).map((one) => ({ name: String(one.name), group: tool.name, shown: one }));
}

function itemOf(turn: Turn): { id: string; [name: string]: unknown } {
  if (turn.kind === 'say') {
    const content = [{ type: 'output_text', text: turn.text, annotations: [] }];
    return { id: 'msg_scripted', type: 'message', role: 'assistant', status: 'completed', content };
  }
  const { name, group } = turn.tool;
  return {
    ...{ id: `fc_${turn.id}`, type: 'function_call', call_id: turn.id, status: 'completed', name },
    ...(group !== undefined && { namespace: group }),
    arguments: JSON.stringify(turn.input),
  };
}

// Anthropic Messages: what Claude Code speaks.
import { asList, textOf, type Dialect } from './dialect.ts';

export const anthropic: Dialect = {
  name: 'Anthropic Messages',
  isFor: (url) => /\/messages(\?|$)/.test(url),
  isStreamed: (request) => request.stream === true,
  toolsOf: (request) => asList(request.tools).map((tool) => ({ name: String(tool.name), shown: tool })),
  resultsOf: (request) =>
    asList(request.messages)
      .flatMap(({ content }) => asList(content))
      .filter(({ type }) => type === 'tool_result')
      .map(({ tool_use_id, content }) => ({ id: tool_use_id, text: textOf(content) })),
  reply: (request, turn) => {
    const block =
      turn.kind === 'say'
        ? { type: 'text', text: turn.text }
        : { type: 'tool_use', id: turn.id, name: turn.tool.name, input: turn.input };
    const outcome = { stop_reason: turn.kind === 'say' ? 'end_turn' : 'tool_use', stop_sequence: null };
    const usage = { input_tokens: 1, output_tokens: 1 };
    const message = {
      ...{ id: 'msg_scripted', type: 'message', role: 'assistant', model: request.model },
      ...{ content: [], stop_reason: null, stop_sequence: null, usage },
    };
    const begun = turn.kind === 'say' ? { ...block, text: '' } : { ...block, input: {} };
    const delta =
      turn.kind === 'say'
        ? { type: 'text_delta', text: turn.text }
        : { type: 'input_json_delta', partial_json: JSON.stringify(turn.input) };
    const events = [
      { type: 'message_start', message },
      { type: 'content_block_start', index: 0, content_block: begun },
      { type: 'content_block_delta', index: 0, delta },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: outcome, usage },
      { type: 'message_stop' },
    ];
    return {
      body: { ...message, ...outcome, content: [block] },
      events: events.map((data) => ({ name: data.type, data })),
    };
  },
};

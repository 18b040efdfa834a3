// OpenAI Chat Completions: what opencode and Copilot CLI speak to providers that users add.
import { asList, textOf, type Dialect } from './dialect.ts';

export const chat: Dialect = {
  name: 'OpenAI Chat Completions',
  isFor: (url) => url.includes('/chat/completions'),
  isStreamed: (request) => request.stream === true,
  toolsOf: (request) =>
    asList(request.tools).map((tool) => ({ name: String(tool.function?.name), shown: tool.function })),
  resultsOf: (request) =>
    asList(request.messages)
      .filter(({ role }) => role === 'tool')
      .map(({ tool_call_id, content }) => ({ id: tool_call_id, text: textOf(content) })),
  reply: (request, turn) => {
    const message =
      turn.kind === 'say'
        ? { role: 'assistant', content: turn.text }
        : { role: 'assistant', content: null, tool_calls: [{ index: 0, id: turn.id, ...functionOf(turn) }] };
    const finish_reason = turn.kind === 'say' ? 'stop' : 'tool_calls';
    const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
    const about = { id: 'chatcmpl_scripted', created: 0, model: request.model };
    const chunk = { ...about, object: 'chat.completion.chunk' };
    return {
      body: {
        ...{ ...about, object: 'chat.completion', usage },
        choices: [{ index: 0, message, finish_reason }],
      },
      events: [
        { data: { ...chunk, choices: [{ index: 0, delta: message, finish_reason: null }] } },
        { data: { ...chunk, choices: [{ index: 0, delta: {}, finish_reason }], usage } },
      ],
    };
  },
  end: 'data: [DONE]\n\n',
};

const functionOf = ({ tool, input }: { tool: { name: string }; input: object }) => ({
  type: 'function',
  function: { name: tool.name, arguments: JSON.stringify(input) },
});

// Gemini's generateContent: what Gemini CLI speaks. Its results may come without the id of their call: then they are in order.
import { asList, type Dialect, type Json } from './dialect.ts';

export const gemini: Dialect = {
  name: 'Gemini',
  isFor: (url) => /:(stream)?generateContent/i.test(url),
  isStreamed: (_request, url) => url.includes(':stream'),
  toolsOf: (request) =>
    asList(request.tools)
      .flatMap(({ functionDeclarations }) => asList(functionDeclarations))
      .map((tool) => ({ name: String(tool.name), shown: tool })),
  resultsOf: (request) =>
    asList(request.contents)
      .flatMap(({ parts }) => asList(parts))
      .filter(({ functionResponse }) => functionResponse !== undefined)
      .map(({ functionResponse: { id, response } }) => ({ id, text: textOfResponse(response) })),
  reply: (request, turn) => {
    const wantsJson = request.generationConfig?.responseMimeType === 'application/json';
    const part =
      turn.kind === 'say'
        ? { text: wantsJson ? NO_OPINION : turn.text }
        : { functionCall: { id: turn.id, name: turn.tool.name, args: turn.input } };
    const body = {
      candidates: [{ content: { role: 'model', parts: [part] }, finishReason: 'STOP', index: 0 }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
      modelVersion: 'scripted',
    };
    return { body, events: [{ data: body }] };
  },
};

/** For what the client asks a model about the conversation beside it. */
const NO_OPINION = JSON.stringify({ reasoning: 'It is done.', next_speaker: 'user', model_choice: 'flash' });

/** Its one text, or all of it. */
function textOfResponse(response: Json): string {
  const values: unknown[] = Object.values(response ?? {});
  const [only] = values;
  return values.length === 1 && typeof only === 'string' ? only : JSON.stringify(response);
}

// Tools that ask their client for something before they answer, as no tool of the product does: by results in the 2026
// era, by requests in the 2025 era, which the SDK makes of the same results.
import { randomBytes } from 'node:crypto';
import {
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  inputRequired,
  inputResponse,
  type InputRequests,
  type InputRequiredResult,
  type PrimitiveSchemaDefinition,
  type Result,
  type ServerContext,
} from '@modelcontextprotocol/server';

export type Asking = (ctx: ServerContext) => Promise<Result>;

/** Seals what a client brings back. */
export const states = createRequestStateCodec<{ round: number }>({ key: randomBytes(32) });

const text = (said: string): Result => ({ content: [{ type: 'text', text: said }] });

type Fields = Record<string, PrimitiveSchemaDefinition>;

const form = (message: string, properties: Fields, required = Object.keys(properties)) =>
  inputRequired.elicit({ message, requestedSchema: { type: 'object', properties, required } });

const name = () => form('What is your name?', { name: { type: 'string' } });

const confirmation = () => form('Please confirm', { ok: { type: 'boolean' } });

const sample = (said: string) =>
  inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: said } }],
    maxTokens: 100,
  });

/** Asks until everything is answered. */
export function asking(requests: InputRequests, answer = text, isSealed = false): Asking {
  return async (ctx) => {
    const { inputResponses, requestState } = ctx.mcpReq;
    const isAnswered = (key: string) => inputResponse(inputResponses, key).kind !== 'missing';
    if (Object.keys(requests).every(isAnswered) && (!isSealed || requestState() !== undefined)) {
      return answer(`The client answered ${JSON.stringify(inputResponses)}.`);
    }
    return await ask(requests, isSealed ? 1 : undefined);
  };
}

async function ask(inputRequests: InputRequests, round?: number): Promise<InputRequiredResult> {
  const sealed = round === undefined ? {} : { requestState: await states.mint({ round }) };
  return inputRequired({ inputRequests, ...sealed });
}

const sealed = (requests: InputRequests) => asking(requests, text, true);

const ROUNDS = [
  { step1: form('Step 1: What is your name?', { name: { type: 'string' } }) },
  { step2: form('Step 2: What is your favorite color?', { color: { type: 'string' } }) },
];

async function inRounds({ mcpReq }: ServerContext): Promise<Result> {
  const round = mcpReq.requestState<{ round: number }>()?.round ?? 0;
  const requests = ROUNDS[round];
  return requests === undefined ? text('All rounds are over.') : await ask(requests, round + 1);
}

/** Asks for what the client says it can give. */
async function byCapabilities(ctx: ServerContext): Promise<Result> {
  const { envelope } = ctx.mcpReq as { envelope?: Record<string, object> };
  const can = envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? {};
  const requests: InputRequests = {
    ...('elicitation' in can && { name: name() }),
    ...('sampling' in can && { greeting: sample('Generate a short greeting') }),
    ...('roots' in can && { roots: inputRequired.listRoots() }),
  };
  return await asking(requests)(ctx);
}

const OPTIONS = ['option1', 'option2', 'option3'];
const titled = (what: string) =>
  ['First', 'Second', 'Third'].map((nth, i) => ({ const: `value${i + 1}`, title: `${nth} ${what}` }));

export const ASKING_TOOLS: Readonly<Record<string, Asking>> = {
  test_sampling: asking({ sampled: sample('Test prompt for sampling') }),
  test_elicitation: asking({
    asked: form('Please provide your information', {
      username: { type: 'string', description: "User's response" },
      email: { type: 'string', description: "User's email address" },
    }),
  }),
  test_elicitation_sep1034_defaults: asking({
    asked: form(
      'Please review the defaults',
      {
        name: { type: 'string', default: 'John Doe' },
        age: { type: 'integer', default: 30 },
        score: { type: 'number', default: 95.5 },
        status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
        verified: { type: 'boolean', default: true },
      },
      [],
    ),
  }),
  test_elicitation_sep1330_enums: asking({
    asked: form(
      'Please select',
      {
        untitledSingle: { type: 'string', enum: OPTIONS },
        titledSingle: { type: 'string', oneOf: titled('Option') },
        legacyEnum: {
          type: 'string',
          enum: ['opt1', 'opt2', 'opt3'],
          enumNames: ['Option One', 'Option Two', 'Option Three'],
        },
        untitledMulti: { type: 'array', items: { type: 'string', enum: OPTIONS } },
        titledMulti: { type: 'array', items: { anyOf: titled('Choice') } },
      },
      [],
    ),
  }),
  test_missing_capability: asking({ sampled: sample('Reply with the single word: pong') }),
  test_streaming_elicitation: asking({ user_name: name() }),
  test_input_required_result_elicitation: asking({ user_name: name() }),
  test_input_required_result_sampling: asking({ capital_question: sample('What is the capital of France?') }),
  test_input_required_result_list_roots: asking({ client_roots: inputRequired.listRoots() }),
  test_input_required_result_request_state: sealed({ confirm: confirmation() }),
  test_input_required_result_tampered_state: sealed({ confirm: confirmation() }),
  test_input_required_result_multiple_inputs: sealed({
    user_name: name(),
    greeting: sample('Generate a greeting'),
    client_roots: inputRequired.listRoots(),
  }),
  test_input_required_result_multi_round: inRounds,
  test_input_required_result_capabilities: byCapabilities,
};

export const ASKING_PROMPTS: Readonly<Record<string, Asking>> = {
  test_input_required_result_prompt: asking(
    { user_context: form('What context should the prompt use?', { context: { type: 'string' } }) },
    (said) => ({ messages: [{ role: 'user', content: { type: 'text', text: said } }] }),
  ),
};

/** Listing and getting prompts. */
import {
  INVALID_PARAMS,
  ProtocolError,
  type GetPromptResult,
  type ListPromptsResult,
} from '@modelcontextprotocol/server';
import { visible } from '../domain/others-text.ts';
import { parseInput } from '../domain/validate.ts';
import { nearestName } from '../domain/warnings.ts';
import type { Caller } from '../use-cases/support/context.ts';
import type { Prompt } from './definitions/define-prompt.ts';
import { PROMPTS } from './prompt-registry.ts';
import { protocolError } from './protocol-errors.ts';
import { toolsOf } from './registry.ts';
import type { OpenApp, ServerOptions } from './server-options.ts';

export interface PromptCalls {
  list(): ListPromptsResult;
  /** @throws ProtocolError */
  get(app: OpenApp, request: { name: string; arguments?: unknown }, caller: Caller): Promise<GetPromptResult>;
}

export function createPromptCalls({
  toolsets,
  tools,
  prompts = PROMPTS,
  log,
}: Omit<ServerOptions, 'app'>): PromptCalls {
  const offered = new Set(toolsOf(toolsets, tools).map(({ name }) => name));
  return {
    list: () => ({ prompts: prompts.map(listPrompt) }),
    get: async (app, { name, arguments: arguments_ }, caller) => {
      const prompt = promptNamed(name, prompts);
      try {
        const input = parseInput(prompt.input, arguments_);
        const { context } = await app();
        const text = await prompt.text(
          { context, caller, offers: (tool) => offered.has(tool) },
          input as never,
        );
        return {
          description: prompt.description,
          messages: [{ role: 'user', content: { type: 'text', text: visible(text) } }],
        };
      } catch (error) {
        throw protocolError(error, log);
      }
    },
  };
}

/** A prompt as `prompts/list` and the contract file show it. */
export function listPrompt({ name, title, description, input }: Prompt) {
  const fields = Object.entries(input.shape).map(([field, schema]) => ({
    name: field,
    description: schema.description ?? '',
    required: !schema.safeParse(undefined).success,
  }));
  return { name, title, description, arguments: fields };
}

/** @throws ProtocolError naming the nearest */
export function promptNamed(name: string, prompts = PROMPTS): Prompt {
  const prompt = prompts.find((one) => one.name === name);
  if (prompt !== undefined) return prompt;
  const names = prompts.map((one) => one.name);
  throw new ProtocolError(
    INVALID_PARAMS,
    `There is no such prompt here; the nearest is "${nearestName(name, names) ?? ''}". There are: ${names.join(', ')}.`,
  );
}

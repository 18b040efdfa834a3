// What the suite asks for that the product can express: declared as its own tools, resources and prompts are, so that
// their calls take the product's whole way.
import * as z from 'zod';
import { validationError } from '../../src/domain/errors.ts';
import type { ReportProgress } from '../../src/domain/progress.ts';
import { definePrompt } from '../../src/mcp/definitions/define-prompt.ts';
import { defineResource, type Resource } from '../../src/mcp/definitions/define-resource.ts';
import { defineTool, type Tool } from '../../src/mcp/definitions/define-tool.ts';
import { PROMPTS } from '../../src/mcp/prompt-registry.ts';
import { TOOLS } from '../../src/mcp/registry.ts';
import { RESOURCES } from '../../src/mcp/resource-registry.ts';
import type { Offer } from '../../src/mcp/server-options.ts';
import type { Answer } from '../../src/storage/contract/store.ts';
import { defineUseCase } from '../../src/use-cases/support/define-use-case.ts';
import type { Context } from '../../src/use-cases/support/context.ts';

/** Answers as the product does: with data of the store, or what stands for them. */
async function answered<T>({ store }: Context, data: T): Promise<Answer<T>> {
  const answer = await store.read((reader) => reader.findFeedPosition());
  return { ...answer, data };
}

function tool(name: string, description: string, say: (onProgress: ReportProgress) => string): Tool {
  const useCase = defineUseCase({
    name,
    kind: 'read',
    input: z.object({}),
    output: () => ({ said: z.string() }),
    phases: { work: 1 },
    run: (context, _caller, _input, onProgress = () => undefined) =>
      answered(context, undefined).then((answer) => ({ ...answer, data: { said: say(onProgress) } })),
  });
  return defineTool(useCase, {
    ...{ toolset: 'core', title: name, description, parameters: {} },
    text: ({ said }) => said,
  });
}

const tools = [
  tool('test_simple_text', 'Answers a text.', () => 'This is a simple text response for testing.'),
  tool('test_error_handling', 'Fails.', () => {
    throw validationError(
      { field: 'none', constraint: 'is refused, as this tool intends', value: null },
      'Call another tool.',
    );
  }),
  tool('test_tool_with_progress', 'Tells how far it is.', (onProgress) => {
    for (const done of [0, 1, 2]) onProgress({ phase: 'work', done, total: 2 });
    return 'Done.';
  }),
  // These do what every tool does: the suite looks at what is not sent beside their answers.
  tool('test_logging_tool', 'Logs nothing to the client.', () => 'Done.'),
  tool('test_reconnection', 'Keeps its stream until it has answered.', () => 'Done.'),
];

function resource(uri: string, mimeType: Resource['mimeType'], text: (variable: string) => string): Resource {
  const name = uri.replace(/^test:\/\//, '');
  return defineResource({
    ...{ uri, name, title: name, description: 'For the conformance suite.', mimeType },
    read: (context, variable) => answered(context, text(variable)),
    isTouched: () => true,
  });
}

const resources = [
  resource('test://static-text', 'text/markdown', () => 'This is the content of the static text resource.'),
  resource('test://watched-resource', 'text/markdown', () => 'It may change.'),
  // The suite reads test://template/123/data. The product's templates end in their one variable.
  resource('test://template/{path}', 'application/json', (path) =>
    JSON.stringify({ id: path.split('/')[0] }),
  ),
];

const CITIES = ['test city', 'test town', 'another'];

const prompts = [
  definePrompt({
    ...{ name: 'test_simple_prompt', title: 'Simple', description: 'A prompt without arguments.' },
    input: z.object({}),
    text: () => Promise.resolve('This is a simple prompt for testing.'),
  }),
  definePrompt({
    ...{ name: 'test_prompt_with_arguments', title: 'Arguments', description: 'A prompt with arguments.' },
    input: z.object({ arg1: z.string().describe('The first'), arg2: z.string().describe('The second') }),
    suggest: {
      arg1: (_context, typed) =>
        Promise.resolve(CITIES.filter((city) => city.startsWith(typed)).map((value) => ({ value }))),
    },
    text: (_scene, { arg1, arg2 }) =>
      Promise.resolve(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`),
  }),
];

export const offer: Offer = {
  tools: [...TOOLS, ...tools],
  resources: [...RESOURCES, ...resources],
  prompts: [...PROMPTS, ...prompts],
};

// The product's server with what the suite calls and the product cannot express: other content than text, and questions
// to the client. All else takes the product's way: its handlers, its HTTP, its sessions.
import {
  Server,
  type ContentBlock,
  type Implementation,
  type JSONRPCRequest,
  type PromptMessage,
  type Result,
  type ServerContext,
  type ServerOptions,
} from '@modelcontextprotocol/server';
import { ASKING_PROMPTS, ASKING_TOOLS, states } from './asking.ts';

type Handler = (request: JSONRPCRequest, ctx: ServerContext) => Promise<Result>;

export class ServerWithFixtures extends Server {
  constructor(info: Implementation, options?: ServerOptions) {
    super(info, { ...options, requestState: { verify: states.verify } });
  }

  protected override _wrapHandler(method: string, handler: Handler): Handler {
    return super._wrapHandler(method, FURTHER[method]?.(handler) ?? handler);
  }
}

const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WAV = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=';

const image: ContentBlock = { type: 'image', data: PNG, mimeType: 'image/png' };

function embedded(uri: string, text: string, mimeType = 'text/plain'): ContentBlock {
  return { type: 'resource', resource: { uri, mimeType, text } };
}

const content = (...blocks: ContentBlock[]) => fixed({ content: blocks });

function fixed(result: Result): Handler {
  return () => Promise.resolve(result);
}

const TOOLS: Readonly<Record<string, Handler>> = {
  test_image_content: content(image),
  test_audio_content: content({ type: 'audio', data: WAV, mimeType: 'audio/wav' }),
  test_embedded_resource: content(embedded('test://embedded-resource', 'This is an embedded resource.')),
  test_multiple_content_types: content(
    { type: 'text', text: 'Multiple content types test:' },
    image,
    embedded('test://mixed-content-resource', '{"test":"data","value":123}', 'application/json'),
  ),
  ...handlersOf(ASKING_TOOLS),
};

function messages(...blocks: ContentBlock[]): Result {
  return { messages: blocks.map((block): PromptMessage => ({ role: 'user', content: block })) };
}

const PROMPTS: Readonly<Record<string, Handler>> = {
  test_prompt_with_image: fixed(messages(image, { type: 'text', text: 'Please analyze the image above.' })),
  test_prompt_with_embedded_resource: ({ params }) => {
    const { resourceUri } = (params?.['arguments'] ?? {}) as { resourceUri?: unknown };
    const resource = embedded(String(resourceUri), 'Embedded resource content for testing.');
    return Promise.resolve(messages(resource, { type: 'text', text: 'Please process the resource above.' }));
  },
  ...handlersOf(ASKING_PROMPTS),
};

const BINARY = 'test://static-binary';
const RESOURCES: Readonly<Record<string, Handler>> = {
  [BINARY]: fixed({ contents: [{ uri: BINARY, mimeType: 'image/png', blob: PNG }] }),
};

function handlersOf(asking: typeof ASKING_TOOLS): Record<string, Handler> {
  return Object.fromEntries(
    Object.entries(asking).map(([name, ask]): [string, Handler] => [name, (_request, ctx) => ask(ctx)]),
  );
}

type Further = (product: Handler) => Handler;

/** Adds to a list of the product's. */
function also(field: string, items: readonly object[]): Further {
  return (product) => async (request, ctx) => {
    const result = await product(request, ctx);
    return { ...result, [field]: [...(result[field] as object[]), ...items] };
  };
}

/** Answers what is named so; the product answers all else. */
function named(parameter: string, handlers: Readonly<Record<string, Handler>>): Further {
  return (product) => (request, ctx) =>
    (handlers[String(request.params?.[parameter])] ?? product)(request, ctx);
}

const description = 'For the conformance suite.';

const FURTHER: Readonly<Record<string, Further>> = {
  'tools/list': also(
    'tools',
    Object.keys(TOOLS).map((name) => ({ name, description, inputSchema: { type: 'object' } })),
  ),
  'tools/call': named('name', TOOLS),
  'prompts/list': also(
    'prompts',
    Object.keys(PROMPTS).map((name) => ({ name, description })),
  ),
  'prompts/get': named('name', PROMPTS),
  'resources/list': also('resources', [{ uri: BINARY, name: 'static-binary', mimeType: 'image/png' }]),
  'resources/read': named('uri', RESOURCES),
};

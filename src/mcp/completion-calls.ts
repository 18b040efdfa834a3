/** Completing what is typed for a variable of a resource template or an argument of a prompt. */
import type { CompleteRequest, CompleteResult } from '@modelcontextprotocol/server';
import type { Context } from '../use-cases/support/context.ts';
import type { Suggestion } from '../use-cases/records/completion.ts';
import { variableOf } from './definitions/define-resource.ts';
import { promptNamed } from './prompt-calls.ts';
import { protocolError } from './protocol-errors.ts';
import { unknownResource } from './resource-calls.ts';
import { RESOURCES } from './resource-registry.ts';
import type { ServerOptions } from './server-options.ts';

/** The protocol allows no more. */
const VALUES_MAX = 100;

type Suggest = (context: Context, typed: string) => Promise<Suggestion[]>;

/** @throws ProtocolError for a template or prompt that does not exist; an argument without completion has no values */
export async function complete(
  { ref, argument }: CompleteRequest['params'],
  { app, log, prompts, resources }: Pick<ServerOptions, 'app' | 'log' | 'prompts' | 'resources'>,
): Promise<CompleteResult> {
  const suggest =
    ref.type === 'ref/prompt'
      ? promptNamed(ref.name, prompts).suggest[argument.name]
      : suggestFor(ref.uri, argument.name, resources);
  if (suggest === undefined) return { completion: { values: [], total: 0, hasMore: false } };
  let found: Suggestion[];
  try {
    found = await suggest((await app()).context, argument.value);
  } catch (error) {
    throw protocolError(error, log);
  }
  const shown = found.slice(0, VALUES_MAX);
  const titles = shown.flatMap(({ value, title }) => (title === undefined ? [] : [[value, title]]));
  return {
    completion: {
      values: shown.map(({ value }) => value),
      hasMore: shown.length < found.length,
    },
    // The protocol has values only; a client that knows us can show what the ids stand for.
    ...(titles.length > 0 && { _meta: { titles: Object.fromEntries(titles) as Record<string, string> } }),
  };
}

function suggestFor(uri: string, variable: string, resources = RESOURCES): Suggest | undefined {
  const resource = resources.find((one) => one.uri === uri);
  if (resource === undefined) throw unknownResource(uri, resources);
  return variableOf(resource) === variable ? resource.suggest : undefined;
}

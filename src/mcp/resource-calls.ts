/** Listing and reading resources. */
import {
  ResourceNotFoundError,
  type ListResourceTemplatesResult,
  type ListResourcesResult,
  type ReadResourceResult,
} from '@modelcontextprotocol/server';
import { visible, visibleJson } from '../domain/others-text.ts';
import type { Caller } from '../use-cases/support/context.ts';
import { describeAnswer } from '../use-cases/support/described-answer.ts';
import { isTemplate, type Resource } from './definitions/define-resource.ts';
import { warningLines } from './definitions/define-tool.ts';
import { protocolError } from './protocol-errors.ts';
import { RESOURCES, resourceAt } from './resource-registry.ts';
import type { OpenApp, ServerOptions } from './server-options.ts';

export interface ResourceCalls {
  list(): ListResourcesResult;
  templates(): ListResourceTemplatesResult;
  /** @throws ProtocolError */
  read(app: OpenApp, uri: string, caller: Caller): Promise<ReadResourceResult>;
}

export function createResourceCalls({
  resources = RESOURCES,
  log,
}: Pick<ServerOptions, 'resources' | 'log'>): ResourceCalls {
  return {
    list: () => ({ resources: resources.filter((one) => !isTemplate(one)).map(listResource) }),
    templates: () => ({ resourceTemplates: resources.filter(isTemplate).map(listTemplate) }),
    read: async (app, uri, caller) => {
      const found = resourceAt(uri, resources);
      if (found === undefined) throw unknownResource(uri, resources);
      const { resource, variable } = found;
      try {
        const { context } = await app();
        const answer = await resource.read(context, variable, caller);
        const text =
          resource.mimeType === 'text/markdown'
            ? visible(answer.data + warningLines(answer.warnings))
            : visibleJson(answer.data);
        const _meta = describeAnswer({ ...answer, data: {} });
        return { contents: [{ uri, mimeType: resource.mimeType, text, _meta }] };
      } catch (error) {
        throw protocolError(error, log, uri);
      }
    },
  };
}

/** A resource as `resources/list` and the contract file show it. */
export function listResource({ uri, name, title, description, mimeType }: Resource) {
  return { uri, name, title, description, mimeType };
}

/** The same for `resources/templates/list`. */
export function listTemplate({ uri, ...rest }: Resource) {
  const { name, title, description, mimeType } = rest;
  return { uriTemplate: uri, name, title, description, mimeType };
}

export function unknownResource(uri: string, resources = RESOURCES): ResourceNotFoundError {
  const known = resources.map((one) => one.uri).join(', ');
  return new ResourceNotFoundError(uri, `There is no such resource here. There are: ${known}.`);
}

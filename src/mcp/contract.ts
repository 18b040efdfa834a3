/** The published contract: every tool's schemas, resources, prompts, the errors and the settings, as the files in `contracts/`. */
import * as z from 'zod';
import { settingSchemas } from '../config/config-schema.ts';
import { ERROR_CODES } from '../domain/errors.ts';
import { inputSchema, outputSchema } from './json-schema.ts';
import { isTemplate } from './definitions/define-resource.ts';
import { listPrompt } from './prompt-calls.ts';
import { PROMPTS } from './prompt-registry.ts';
import { TOOLS } from './registry.ts';
import { listResource, listTemplate } from './resource-calls.ts';
import { RESOURCES } from './resource-registry.ts';
import { listTool } from './tool-calls.ts';

const ERROR_DETAILS: Record<(typeof ERROR_CODES)[number], Record<string, string>> = {
  ValidationError: {
    field: 'the first wrong field, as the caller named it',
    constraint: 'the rule it broke',
    value: 'the value, shortened',
    problems: 'one entry {field, constraint, value} per problem',
  },
  NotFoundError: {
    entity: 'what was looked for',
    id: 'the id, or',
    name: 'the name',
    did_you_mean: 'similar names that exist',
  },
  VersionConflictError: {
    expected_version: 'the version the update was based on',
    current_version: 'the version to retry with',
    last_updated_by: 'who changed the record last',
    last_updated_at: 'when',
    current: 'the record as it is now',
    theirs: 'what was changed since: {field, from, to, by, at, version}',
    yours: 'what was asked for: {field, from, to}',
    overlap: 'fields that both sides changed',
    mergeable: 'whether on_conflict "merge" would succeed',
  },
  ClaimError: { claimed_by: 'who holds the claim', claim_expires_at: 'until when' },
  NotSavedError: { operation: 'the call, so that nothing typed is lost', layers: "each layer's reason" },
  DatabaseError: { layer: 'which store', reason: 'why, never in the words of a driver' },
};

/** File name below `contracts/` → content. */
export function contractFiles(): Record<string, string> {
  const tools = TOOLS.map((tool) => [
    `tools/${tool.name}.json`,
    {
      toolset: tool.toolset,
      core: tool.inCore,
      ...listTool(tool),
      inputSchema: inputSchema(tool),
      outputSchema: outputSchema(tool),
      annotations: tool.annotations,
    },
  ]);
  const config = z.toJSONSchema(settingSchemas().configFile, { io: 'input' });
  const files = Object.fromEntries([
    ...tools,
    [
      'resources.json',
      {
        resources: RESOURCES.filter((one) => !isTemplate(one)).map(listResource),
        resourceTemplates: RESOURCES.filter(isTemplate).map(listTemplate),
      },
    ],
    ['prompts.json', { prompts: PROMPTS.map(listPrompt) }],
    ['errors.json', { codes: ERROR_CODES, details: ERROR_DETAILS }],
    ['config.schema.json', { title: 'worktrail.config.json', ...config }],
  ]) as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(files).map(([name, content]) => [name, `${JSON.stringify(content, null, 2)}\n`]),
  );
}

/** What each setting may be; the contract's `config.schema.json` comes from here. */
import * as z from 'zod';
import { actorName } from '../domain/fields.ts';
import { SLUG_PATTERN } from '../domain/project-name.ts';
import { QUOTAS_DEFAULT } from '../domain/quotas.ts';
import { TOOLSETS } from '../domain/toolsets.ts';
import { AddressProblem, parsePostgresUrl } from '../storage/primary/postgres-address.ts';

/** `embedded` says no to a DATABASE_URL that is meant for another program. */
export const EMBEDDED = 'embedded';

let made: ReturnType<typeof makeSchemas> | undefined;

/** Made when the first setting is read: most starts read none, and every start is waited for. */
export function settingSchemas() {
  return (made ??= makeSchemas());
}

export type ConfigFile = z.output<ReturnType<typeof makeSchemas>['configFile']>;

function makeSchemas() {
  const databaseUrl = z
    .string()
    .superRefine((value, context) => {
      const problem = value === EMBEDDED ? undefined : problemOfUrl(value);
      if (problem === undefined) return;
      context.addIssue({ code: 'custom', message: `${problem}, or "${EMBEDDED}" for the embedded SQLite` });
    })
    .describe(
      'PostgreSQL to use, or "embedded" for the embedded SQLite (the default). Used after each person agreed to it once with `worktrail trust`.',
    );
  const toolsets = z
    .array(z.enum(TOOLSETS))
    .min(1)
    .describe('The groups of tools that are offered: core (default), all, or a list of groups.');
  const host = z
    .enum(['127.0.0.1', 'localhost', '::1'])
    .describe('Address for serve --http. Only loopback addresses are allowed.');
  const port = z.number().int().min(0).max(65_535).describe('Port for serve --http; 0 takes a free one.');
  const slug = z
    .string()
    .regex(SLUG_PATTERN, 'must have 1 to 48 of a–z, 0–9, _ and -, the first a letter or digit')
    .describe('Name of the project in a shared PostgreSQL: its schema is worktrail_<slug>.');
  const statusFile = z.strictObject({
    enabled: z.boolean().optional().describe('Whether .project_status.md is written after changes (true).'),
    debounce_ms: z
      .number()
      .int()
      .min(0)
      .max(60_000)
      .optional()
      .describe('Milliseconds without a change before it is written (500).'),
  });
  const fallback = z.strictObject({
    stale_after_minutes: z
      .number()
      .int()
      .min(1)
      .max(10_080)
      .optional()
      .describe('Minutes without contact to PostgreSQL after which the local cache counts as stale (30).'),
    own_changes_days: z
      .number()
      .int()
      .min(1)
      .max(3_650)
      .optional()
      .describe(
        'Days for which changes made in this folder are kept here after the database took them, for `worktrail recover` (30).',
      ),
    own_changes_mb: z
      .number()
      .int()
      .min(1)
      .max(10_240)
      .optional()
      .describe('Megabytes that these changes may take; the oldest make way (64).'),
  });
  const database = z.strictObject({
    url: databaseUrl.optional(),
    connect_timeout_ms: z
      .number()
      .int()
      .min(50)
      .max(30_000)
      .optional()
      .describe(
        'Milliseconds for a connection to be made, after which PostgreSQL counts as away and a local copy answers (400).',
      ),
    query_timeout_ms: z
      .number()
      .int()
      .min(200)
      .max(60_000)
      .optional()
      .describe(
        'Milliseconds without an answer, after which PostgreSQL counts as away and a local copy answers (800).',
      ),
  });
  const quota = (what: string, byDefault: number) =>
    z
      .number()
      .int()
      .min(1)
      .max(Number.MAX_SAFE_INTEGER)
      .optional()
      .describe(`${what} at most (${byDefault}); a write that would exceed it is refused.`);
  const limits = z.strictObject({
    items_max: quota('Work items outside the archive', QUOTAS_DEFAULT.items),
    notes_max: quota('Notes', QUOTAS_DEFAULT.notes),
    bytes_max: quota('Bytes of the database, history and indexes included', QUOTAS_DEFAULT.bytes),
  });
  const isWellFormed = (text: string) => text.isWellFormed();
  const actor = actorName
    .refine(isWellFormed, 'must be well-formed Unicode')
    .describe(
      "Who works here, as changes are signed with it (default: git's user.name, else the system's user).",
    );
  const configFile = z.strictObject({
    $schema: z.string().optional(),
    actor: actor.optional(),
    project: z.strictObject({ slug: slug.optional() }).optional(),
    database: database.optional(),
    toolsets: toolsets.optional(),
    http: z.strictObject({ host: host.optional(), port: port.optional() }).optional(),
    status_file: statusFile.optional(),
    fallback: fallback.optional(),
    limits: limits.optional(),
  });
  return { databaseUrl, actor, slug, toolsets, host, port, configFile };
}

/** Why a text is no address of PostgreSQL, without quoting it; undefined when it is one. */
function problemOfUrl(value: string): string | undefined {
  try {
    parsePostgresUrl(value);
    return undefined;
  } catch (error) {
    return error instanceof AddressProblem ? error.message : 'cannot be read';
  }
}

/**
 * What must be in the tracker after an import, told by the source alone, and how that is compared. A batch that
 * carries it is applied only if every check matches: it is compared in the transaction that made the records.
 */
import * as z from 'zod';
import { validationError, type TrackerError } from './errors.ts';
import { lazily, storedJson } from './fields.ts';
import { isPlainObject, type JsonObject, type JsonValue } from './json.ts';

export const CHECKS = [
  'vendor_names',
  'deployments',
  'enhancement_titles',
  'session_prompts',
  'vendor_metadata',
] as const;
export type CheckName = (typeof CHECKS)[number];

export interface ExpectedRecords {
  /** Every vendor of the source; `fields` by path, as `metadata.test_results.passing`, only what it says. */
  vendors: { name: string; fields: Record<string, JsonValue> }[];
  deployments: { id: string; pr_number: number | null; commit_hash: string }[];
  enhancements: { id: string; title: string }[];
  /** Session items; `compared` is false where somebody changed the item here, so that only its presence counts. */
  sessions: { id: string; file: string; compared: boolean }[];
}

/** The same as it is written: what it compares is told by the source alone, of whatever form. */
export const expectedRecords = lazily(() =>
  z.object({
    vendors: z.array(z.object({ name: z.string(), fields: storedJson })),
    deployments: z.array(
      z.object({ id: z.string(), pr_number: z.number().nullable(), commit_hash: z.string() }),
    ),
    enhancements: z.array(z.object({ id: z.string(), title: z.string() })),
    sessions: z.array(z.object({ id: z.string(), file: z.string(), compared: z.boolean() })),
  }),
);

export interface Check {
  check: CheckName;
  /** How many the source has: records, and of `vendor_metadata` fields. */
  source: number;
  /** How many of these are in the tracker as the source says. Null in a rehearsal, where nothing is made. */
  migrated: number | null;
  /** Null in a rehearsal. */
  match: boolean | null;
  /** What does not match: the first 20. */
  problems: string[];
}

const PROBLEMS_MAX = 20;

export function checkOf(check: CheckName, source: number, migrated: number, problems: string[]): Check {
  const match = problems.length === 0 && migrated === source;
  return { check, source, migrated, match, problems: problems.slice(0, PROBLEMS_MAX) };
}

/** The checks as far as they are known before anything is made. */
export function rehearsedChecks(expected: ExpectedRecords): Check[] {
  const sizes: Record<CheckName, number> = {
    vendor_names: expected.vendors.length,
    deployments: expected.deployments.length,
    enhancement_titles: expected.enhancements.length,
    session_prompts: expected.sessions.length,
    vendor_metadata: expected.vendors.reduce((sum, { fields }) => sum + Object.keys(fields).length, 0),
  };
  return CHECKS.map((check) => ({ check, source: sizes[check], migrated: null, match: null, problems: [] }));
}

/** The value at a path of names, as `metadata.format_support.pdf`; null where there is none. */
export function valueAt(record: object, path: string): JsonValue {
  let value: unknown = record;
  for (const name of path.split('.')) {
    value = isPlainObject(value) && Object.hasOwn(value, name) ? value[name] : null;
  }
  return (value ?? null) as JsonValue;
}

/** The refusal of an import whose records are not what its source says. The transaction ends with it. */
export function reconciliationError(checks: readonly Check[]): TrackerError {
  const failed = checks.filter(({ match }) => match !== true);
  const said = failed.map(
    ({ check, source, migrated, problems }) =>
      `${check}: ${migrated ?? 0} of ${source}${problems[0] === undefined ? '' : ` (${problems[0]})`}`,
  );
  const error = validationError(
    { field: 'checks', constraint: `the records do not match their source: ${said.join('; ')}`, value: null },
    'Nothing was imported; file and database are as before. If somebody else was writing at the same moment, import again.',
  );
  error.details['checks'] = checks as unknown as JsonValue;
  return error;
}

/** What a batch expects, undefined for one that expects nothing. */
export function expectedOf(patch: JsonObject): ExpectedRecords | undefined {
  const expected = patch['expected'];
  return isPlainObject(expected) ? (expected as unknown as ExpectedRecords) : undefined;
}

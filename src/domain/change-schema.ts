/**
 * What a change looks like, for whatever comes from outside the program: a journal, an export, a conflict that is
 * made again. It judges and never alters. What is misshapen is damaged; what names something that this version does
 * not know is of a newer one, which will know it.
 */
import * as z from 'zod';
import { CHANGE_SCHEMA_VERSION, isChangeName, type Change, type ChangeName } from './change.ts';
import { claimPatch } from './claim.ts';
import { configurationPatch } from './configuration.ts';
import { resolvePatch } from './conflict-record.ts';
import { linkPatch } from './dependency.ts';
import { deploymentPatch } from './deployment.ts';
import { enhancementPatches } from './enhancement.ts';
import { integer, lazily, storedId, storedJson, storedLine, storedTime, version } from './fields.ts';
import { findUnstorable, isPlainObject, ownValue, type JsonObject, type Stored } from './json.ts';
import { IDEMPOTENCY_KEY_MAX_CHARACTERS, NAME_MAX_CHARACTERS } from './limits.ts';
import { notePatch } from './note.ts';
import { expectedRecords } from './reconciliation.ts';
import { problemsOf } from './validate.ts';
import { vendorPatches } from './vendor.ts';
import { itemPatches } from './work-item.ts';

export type DecodedChanges = { changes: Change[] } | { problem: 'damaged' | 'newer'; reason: string };

/** A patch within a change within a batch, and arguments of 64 levels in it, which a write that nothing checked may have. */
const MAX_DEPTH = 80;
/** Some keys are made of the one that was given and an id. */
const KEY_MAX_CHARACTERS = IDEMPOTENCY_KEY_MAX_CHARACTERS + NAME_MAX_CHARACTERS;
/** No clock shows less or more. */
const EARLIEST = '1970-01-01T00:00:00.000Z';
const LATEST = '2999-12-31T23:59:59.999Z';

/** When something was done here, by a clock of ours. */
export const clockTime = lazily(() =>
  storedTime.refine((value) => value >= EARLIEST && value <= LATEST, {
    message: 'must lie in the years 1970 to 2999',
  }),
);

const batchPatch = lazily(() =>
  z.object({ changes: z.array(storedJson).min(1), expected: expectedRecords().optional() }),
);

const PATCHES = {
  'create work_item': itemPatches.create,
  'update work_item': itemPatches.update,
  'archive work_item': itemPatches.archive,
  'restore work_item': itemPatches.restore,
  'claim work_item': claimPatch,
  'link dependency': linkPatch,
  'unlink dependency': linkPatch,
  'create note': notePatch,
  'create enhancement': enhancementPatches.create,
  'update enhancement': enhancementPatches.update,
  'create vendor': vendorPatches.create,
  'update vendor': vendorPatches.update,
  'create deployment': deploymentPatch,
  'update configuration': configurationPatch,
  'resolve conflict': resolvePatch,
  'batch work_item': batchPatch,
  'batch dependency': batchPatch,
  'batch vendor': batchPatch,
  'batch enhancement': batchPatch,
  'batch configuration': batchPatch,
} as const satisfies Record<ChangeName, () => z.ZodObject>;

/** What the patch of such a change says. */
export type PatchOf<Name extends ChangeName> = Stored<z.output<ReturnType<(typeof PATCHES)[Name]>>>;

/** A change of one kind. What comes from outside was held against its schema before it is taken for one. */
export type ChangeOf<Name extends ChangeName> = Omit<Change, 'patch'> & { patch: PatchOf<Name> };

/** What a change of a batch may say itself. */
const own = lazily(() => ({
  entity: z.string(),
  entity_id: storedId,
  kind: z.string(),
  base_version: version.nullable(),
  patch: storedJson,
  on_conflict: z.enum(['reject', 'merge']),
  cascade: z.boolean(),
  claim_token: integer(1).nullable(),
  token_added: z.literal(true).optional(),
  base_fields: storedJson.optional(),
  own_changes: z.array(storedId).optional(),
}));

const part = lazily(() =>
  z.object(own()).partial({ base_version: true, on_conflict: true, cascade: true, claim_token: true }),
);

const whole = lazily(() =>
  z.object({
    ...own(),
    id: storedId,
    at: clockTime(),
    actor: storedLine(NAME_MAX_CHARACTERS),
    client: storedLine(NAME_MAX_CHARACTERS),
    person: storedLine(NAME_MAX_CHARACTERS).optional(),
    device: storedId.optional(),
    session: storedLine(NAME_MAX_CHARACTERS).optional(),
    idempotency_key: storedLine(KEY_MAX_CHARACTERS).nullable(),
    schema_version: integer(1),
    granted_until: storedTime.optional(),
  }),
);

/** The changes of one write, as they were written. */
export function decodeChanges(value: unknown): DecodedChanges {
  const unstorable = findUnstorable(value, MAX_DEPTH, 'changes');
  if (unstorable !== undefined) return damaged(`${unstorable.path} ${unstorable.constraint}`);
  if (!Array.isArray(value) || value.length === 0) return damaged('it has no changes');
  return problemOfAll(value, whole(), 'changes') ?? { changes: value as Change[] };
}

/** Why a patch is not one of this kind of change; undefined when it is. */
export function patchProblem({
  kind,
  entity,
  patch,
}: Pick<Change, 'kind' | 'entity' | 'patch'>): string | undefined {
  const unstorable = findUnstorable(patch, MAX_DEPTH);
  if (unstorable !== undefined) return `${unstorable.path} ${unstorable.constraint}`;
  const found = problemOfPatch(`${kind} ${entity}`, patch, '');
  return found && found.reason;
}

/** The ids and names that a write of a newer version can be seen to alter, in the terms of `footprintOf`. */
export function visibleReach(value: unknown): string[] {
  const names = new Set<string>();
  for (const change of listOf(value)) {
    for (const one of [change, ...listOf(valueIn(change, 'patch', 'changes'))]) {
      const id = valueIn(one, 'entity_id');
      if (typeof id === 'string') names.add(id);
    }
  }
  return [...names];
}

type Problem = { problem: 'damaged' | 'newer'; reason: string };
const damaged = (reason: string): Problem => ({ problem: 'damaged', reason });
const newer = (reason: string): Problem => ({ problem: 'newer', reason });

/** What is wrong here may be right where the rest is known: of several problems, that one counts. */
function problemOfAll(changes: readonly unknown[], schema: z.ZodObject, at: string): Problem | undefined {
  let first: Problem | undefined;
  for (const [index, change] of changes.entries()) {
    const found = problemOf(change, schema, `${at}[${index}]`);
    if (found?.problem === 'newer') return found;
    first ??= found;
  }
  return first;
}

function problemOf(change: unknown, schema: z.ZodObject, at: string): Problem | undefined {
  if (!isPlainObject(change)) return damaged(`${at} must be an object`);
  const { schema_version, kind, entity } = change;
  if (Number.isInteger(schema_version) && Number(schema_version) > CHANGE_SCHEMA_VERSION) {
    return newer(`${at} is of version ${Number(schema_version)}`);
  }
  if (typeof kind === 'string' && typeof entity === 'string' && !isChangeName(`${kind} ${entity}`)) {
    return newer(`${at} is of a kind that is not known here`);
  }
  return (
    unknownKey(change, schema, at) ??
    // Before what is around it: what is not known in it may be why the rest looks wrong.
    problemOfPatch(`${String(kind)} ${String(entity)}`, change['patch'], `${at}.patch`) ??
    mismatch(change, schema, at)
  );
}

function problemOfPatch(kind: string, patch: unknown, at: string): Problem | undefined {
  const schema = isChangeName(kind) ? PATCHES[kind]() : undefined;
  if (schema === undefined) return damaged(`${at} is not of a known kind`);
  if (!isPlainObject(patch)) return damaged(`${at} must be an object`);
  const problem = unknownKey(patch, schema, at) ?? mismatch(patch, schema, at);
  if (problem !== undefined || !kind.startsWith('batch ')) return problem;
  const parts = listOf(patch['changes']);
  const nested = parts.findIndex((one) => /^(batch|resolve)$/.test(String(valueIn(one, 'kind'))));
  return nested === -1
    ? problemOfAll(parts, part(), `${at}.changes`)
    : damaged(`${at}.changes[${nested}] is of a kind that is no part of others`);
}

function unknownKey(
  value: JsonObject | Record<string, unknown>,
  schema: z.ZodObject,
  at: string,
): Problem | undefined {
  const key = Object.keys(value).find((name) => !Object.hasOwn(schema.shape, name));
  return key === undefined ? undefined : newer(`${at} has a field that is not known here`);
}

function mismatch(value: unknown, schema: z.ZodObject, at: string): Problem | undefined {
  const { error } = schema.safeParse(value);
  if (error === undefined) return undefined;
  const [first] = problemsOf(error, value, at);
  return damaged(`${first?.field ?? at} ${first?.constraint ?? 'is wrong'}`);
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function valueIn(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>(
    (inside, name) => (isPlainObject(inside) ? ownValue(inside as JsonObject, name) : undefined),
    value,
  );
}

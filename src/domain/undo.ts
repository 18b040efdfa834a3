/** Taking a recorded change back: what it did to which field, and whether anybody built on that since. Pure. */
import * as z from 'zod';
import type { Entity, RecordedChange } from './change.ts';
import { actorName, idempotencyKey, timestampInput } from './fields.ts';
import { equalJson, type JsonValue } from './json.ts';

/** Changes that one call takes back. */
export const UNDO_CHANGES_MAX = 200;

/** `#12`, a position of the feed, or the id of a change or its first 8 or more characters. */
const changeReference = z
  .string()
  .transform((value) => value.trim().toLowerCase())
  .refine((value) => /^#\d{1,15}$|^[0-9a-f]{8}[0-9a-f-]{0,28}$/.test(value), {
    message:
      'must be a position in the feed as "#12", or the id of a change (or its first 8 or more characters)',
  });

export const undoInput = z.object({
  change_id: changeReference.optional(),
  actor: actorName.optional(),
  since: timestampInput.optional(),
  apply: z.boolean().optional(),
  partial: z.boolean().default(false),
  updated_by: actorName.optional(),
  idempotency_key: idempotencyKey.optional(),
});
export type UndoInput = z.output<typeof undoInput>;

export interface Effect {
  from: JsonValue;
  to: JsonValue;
}

/** Fields that follow from others or from rules: what they follow from is taken back. */
const DERIVED = new Set(['id', 'path', 'depth', 'created_at', 'created_by']);
/** Fields that have ways of their own to be set. */
const CLAIM_FIELDS: ReadonlySet<string> = new Set(['claimed_by', 'claim_expires_at']);

/** What a recorded change did, field by field; labels one by one, metadata key by key. */
export function effectsOf(row: RecordedChange): Map<string, Effect> {
  const effects = new Map<string, Effect>();
  const hasStatus = row.fields.some(({ field }) => field === 'status');
  for (const { field, from, to } of row.fields) {
    if (DERIVED.has(field) || CLAIM_FIELDS.has(field)) continue;
    // It follows the status, and is only looked at by itself where it was set by itself.
    if (field === 'completed_at' && hasStatus) continue;
    if (field === 'labels') for (const [key, effect] of labelEffects(from, to)) effects.set(key, effect);
    else effects.set(row.entity === 'dependency' ? `link ${String(from ?? to)}` : field, { from, to });
  }
  return effects;
}

export const LABEL = 'label ';

function labelEffects(from: JsonValue, to: JsonValue): [string, Effect][] {
  const [before, after] = [listOf(from), listOf(to)];
  const added = after.filter((label) => !before.includes(label));
  const removed = before.filter((label) => !after.includes(label));
  if (added.length + removed.length === 0) return [['labels', { from, to }]];
  return [
    ...added.map((label): [string, Effect] => [LABEL + label, { from: null, to: label }]),
    ...removed.map((label): [string, Effect] => [LABEL + label, { from: label, to: null }]),
  ];
}

export const listOf = (value: JsonValue | undefined): string[] =>
  Array.isArray(value) ? (value as string[]) : [];

/** One change among others of the same field, oldest first. */
export interface Step extends Effect {
  row: RecordedChange;
}

/** The changes of each field, in the order of the rows. */
export function stepsByField(rows: readonly RecordedChange[]): Map<string, Step[]> {
  const steps = new Map<string, Step[]>();
  for (const row of rows) {
    for (const [field, effect] of effectsOf(row)) {
      const step = { ...effect, row };
      const known = steps.get(field);
      if (known === undefined) steps.set(field, [step]);
      else known.push(step);
    }
  }
  return steps;
}

export function firstOf<T, R>(all: readonly T[], look: (one: T) => R | undefined): R | undefined {
  for (const one of all) {
    const found = look(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What is left of changes of one field when those that took each other back are set aside. */
export function withoutTakenBack(steps: readonly Step[]): Step[] {
  const left: Step[] = [];
  for (const step of steps) {
    const last = left.at(-1);
    const takesBack = last !== undefined && equalJson(last.from, step.to) && equalJson(last.to, step.from);
    if (takesBack) left.pop();
    else left.push(step);
  }
  return left;
}

/** Why changes of this kind can never be taken back; undefined for those that can. */
export function neverUndone(row: RecordedChange): string | undefined {
  // What newer programs recorded may be of a noun that is not known here.
  const why = WHY_NEVER[row.entity] as Why | undefined;
  return typeof why === 'function' ? why(row) : why;
}

type Why = string | ((row: RecordedChange) => string | undefined);

const WHY_NEVER: { readonly [E in Entity]: Why } = {
  work_item: whyNoItemChange,
  dependency: (row) => (row.kind === 'link' || row.kind === 'unlink' ? undefined : otherKind(row)),
  note: 'notes are only ever added; add another note that corrects it',
  enhancement: allButUpdates,
  vendor: allButUpdates,
  deployment: 'a deployment happened; record another one that reverts it',
  configuration: allButUpdates,
  conflict: 'the decision about a conflict stays; update the record itself to change it',
};

function allButUpdates(row: RecordedChange): string | undefined {
  if (row.kind === 'update') return undefined;
  return row.kind === 'create'
    ? `a ${row.entity} is never deleted; change its status instead`
    : otherKind(row);
}

function whyNoItemChange(row: RecordedChange): string | undefined {
  if (row.kind === 'create') return undefined;
  if (row.fields.some(({ field }) => field === 'archived_at')) {
    return 'items come from the archive, and go to it, by archiving and restoring';
  }
  const isClaim = row.fields.length > 0 && row.fields.every(({ field }) => CLAIM_FIELDS.has(field));
  if (isClaim) return 'a claim is not taken back; release it, or claim the item again';
  return row.kind === 'update' ? undefined : otherKind(row);
}

const otherKind = ({ kind, entity }: RecordedChange) =>
  `a change of kind "${kind}" of a ${entity} cannot be taken back`;

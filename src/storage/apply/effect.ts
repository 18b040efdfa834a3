/** What applying one change did, and the parts that every entity's rules share. */
import { validationError } from '../../domain/errors.ts';
import type { Change, ChangeKind, Entity, FieldChange } from '../../domain/change.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { Warning } from '../../domain/warnings.ts';
import type { CountedChange } from './counts.ts';

/** One record that a change touched, for the record of changes. */
export interface Touched {
  entity: Entity;
  entity_id: string;
  related_id?: string;
  kind: ChangeKind;
  version: number | null;
  fields: FieldChange[];
  /** Where a change is one of several in a batch: its own, in place of the batch's. */
  base_version?: number | null;
  merged_with?: number[];
}

export interface Effect {
  /** The record right after the change. */
  record: JsonObject;
  /** The record itself first, then whatever went along. Empty when nothing was to be done. */
  touched: Touched[];
  merged_with: number[];
  warnings: Warning[];
  /** The items that came to be or changed, to be counted; what changes for the ready queue follows from them. */
  counted?: CountedChange[];
  /** Further items whose place in the ready queue may have changed: both ends of a link. */
  readiness?: string[];
}

/** The one place where a typed record becomes plain JSON. */
export function asJson(record: object): JsonObject {
  return record as unknown as JsonObject;
}

/** Thrown when a row changed between being read and being written: the transaction is repeated. */
class Overtaken extends Error {
  /** PostgreSQL's serialization_failure, so that it is retried like one. */
  readonly code = '40001';
}

/** The one row of a versioned update; none means that another writer was faster. */
export function oneRow<T>(rows: T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Overtaken('the record changed while it was being updated');
  return row;
}

export function picked<T extends JsonObject, Name extends keyof T>(
  patch: T,
  names: readonly Name[],
): Partial<Pick<T, Name>> {
  return Object.fromEntries(
    names.filter((name) => patch[name] !== undefined).map((name) => [name, patch[name]]),
  ) as Partial<Pick<T, Name>>;
}

/** The refusal of one change: it says nothing about the store. */
export function unknownChange({ kind, entity }: Change): Error {
  return validationError(
    {
      field: 'kind',
      constraint: 'is not known to this version for this kind of record',
      value: `${kind} ${entity}`,
    },
    'Update Worktrail to the version that wrote it.',
  );
}

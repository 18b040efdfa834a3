// No silent overwrite: the history is told again from its beginning, against what the makers asked for and had seen.
import { expect } from 'vitest';
import type { Entity, FieldChange, RecordedChange } from '../../../src/domain/change.ts';
import { CONFIGURATION_DEFAULTS } from '../../../src/domain/configuration.ts';
import { equalJson, type JsonObject, type JsonValue } from '../../../src/domain/json.ts';
import type { Row } from '../../../src/storage/database/table-copy.ts';
import { MOVED_ALONG } from '../model/found.ts';
import { altersOwnOnly } from '../model/overwrites.ts';
import { askedFields, seenFields, type Ledger, type Write } from './ledger.ts';
import { historyOf, type Rows } from './rows.ts';

/**
 * Nothing was overwritten in silence: each change began where the one before ended, did what was asked, and what it
 * replaced is what its maker had seen. The records are what the history says.
 */
export function expectHonestHistory(rows: Rows, ledger: Ledger): void {
  const { workItems = [], vendors = [], configuration = [] } = rows;
  const story = new Story(ledger, String(configuration[0]?.['id']));
  for (const recorded of historyOf(rows)) story.goOn(recorded);
  for (const row of [...workItems, ...vendors, ...configuration]) story.endsAs(row);
  expect(story.wrong).toEqual([]);
}

/** They have no fields that two could set. */
const WITHOUT_FIELDS: ReadonlySet<Entity> = new Set(['conflict', 'dependency', 'deployment']);

/** The records as the history so far makes them. */
class Story {
  readonly wrong: string[] = [];
  /** Fields by the record's id and their name. */
  readonly #values = new Map<string, JsonValue>();
  readonly #applied = new Set<string>();

  constructor(
    private readonly ledger: Ledger,
    configurationId: string,
  ) {
    // It begins with its defaults, without a change.
    for (const [field, value] of Object.entries(CONFIGURATION_DEFAULTS))
      this.#values.set(`${configurationId} ${field}`, value);
  }

  goOn({ change_id, entity, entity_id, kind, fields }: RecordedChange): void {
    if (WITHOUT_FIELDS.has(entity)) return;
    this.#applied.add(change_id);
    const write = this.ledger.get(change_id);
    // Else it went along with another record, or a decision about a conflict made it.
    const isOwn = write?.change.entity_id === entity_id;
    for (const change of fields) {
      if (MOVED_ALONG.has(change.field)) continue;
      this.#follow(entity_id, change);
      if (isOwn && kind === 'update') this.#expectFair(write, change);
    }
    if (isOwn) this.#expectDone(write);
  }

  endsAs(row: Row): void {
    for (const [field, is] of Object.entries(row)) {
      const recorded = this.#values.get(`${String(row['id'])} ${field}`);
      if (recorded !== undefined && !equalJson(is as JsonValue, recorded))
        this.wrong.push(`${field} is not as recorded: ${both(is, recorded)}`);
    }
  }

  #valueOf(id: string, field: string): JsonValue {
    return this.#values.get(`${id} ${field}`) ?? null;
  }

  #follow(id: string, { field, from, to }: FieldChange): void {
    const is = this.#valueOf(id, field);
    if (!equalJson(is, from)) this.wrong.push(`${field} was not as recorded: ${both(is, from)}`);
    this.#values.set(`${id} ${field}`, to);
  }

  /** What a write replaced is what its maker had seen. */
  #expectFair(write: Write, { field, from, to }: FieldChange): void {
    if (!Object.hasOwn(askedFields(write), field)) return;
    const mine = write.change.patch['labels'] ?? null;
    const known = this.#knownValues(write, field);
    const isFair = known.some((seen) =>
      field === 'labels' ? altersOwnOnly({ seen, mine, from, to }) : equalJson(seen, from),
    );
    if (!isFair)
      this.wrong.push(`${field} was overwritten: ${both(from, known)}: ${JSON.stringify(write.change)}`);
  }

  /** What the maker of an update saw of a field, and what he had seen before his earlier writes that are not applied. */
  #knownValues({ change, maker }: Write, field: string): JsonValue[] {
    const known: JsonValue[] = [];
    for (const other of this.ledger.values()) {
      const isSame =
        other.maker === maker &&
        other.change.entity_id === change.entity_id &&
        Object.hasOwn(askedFields(other), field);
      const counts = other.change === change || !this.#applied.has(other.change.id);
      if (isSame && counts && other.seen !== undefined) known.push(seenFields(other)[field] ?? null);
      if (other.change === change) break;
    }
    return known;
  }

  #expectDone(write: Write): void {
    const seen = seenFields(write);
    for (const [field, to] of Object.entries(askedFields(write))) {
      const is = this.#valueOf(write.change.entity_id, field);
      if (!isAsAsked(field, is, to, seen))
        this.wrong.push(
          `${field} was applied and is not as asked: ${both(is, to)}: ${JSON.stringify(write.change)}`,
        );
    }
  }
}

const both = (one: unknown, other: unknown): string => `${JSON.stringify(one)}, ${JSON.stringify(other)}`;

/** Labels: what was added is there, and what was removed is not. Of a deletion the first time counts. */
function isAsAsked(field: string, is: JsonValue, to: JsonValue, seen: JsonObject): boolean {
  if (field === 'deleted_at') return (is === null) === (to === null);
  if (field !== 'labels') return equalJson(is, to);
  const [now, mine, before] = [is, to, seen['labels'] ?? []] as string[][];
  const isIn = (list: string[] | undefined, label: string) => list?.includes(label) === true;
  return [...(mine ?? []), ...(before ?? [])]
    .filter((label) => isIn(mine, label) !== isIn(before, label))
    .every((label) => isIn(now, label) === isIn(mine, label));
}

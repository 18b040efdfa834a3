// Random work for the parity test: operations as data, and the changes that they become in a given state.
import * as fc from 'fast-check';
import type { Change } from '../../src/domain/change.ts';
import { CONTEXT_TYPES } from '../../src/domain/configuration.ts';
import { DEPENDENCY_TYPES } from '../../src/domain/dependency.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { VENDOR_STATUSES } from '../../src/domain/vendor.ts';
import { ITEM_STATUSES, ITEM_TYPES } from '../../src/domain/work-item.ts';
import { configuring, creation, deploying, edit, linking, registration, vendorEdit } from './changes.ts';

/** Few records, so that operations meet; the last of each kind is never created. */
const ITEMS = 8;
const VENDORS = 3;
export const itemId = (index: number) => `aaaaaa${index % 2}${index}-0000-4000-8000-000000000000`;
export const vendorId = (index: number) => `bbbbbb0${index}-0000-4000-8000-000000000000`;
export const PROJECT_ID = 'cccccccc-0000-4000-8000-000000000000';
export const CHOSEN_ITEMS = Array.from({ length: ITEMS }, (_, index) => itemId(index));

const item = fc.nat({ max: ITEMS }).map(itemId);
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const hostileText = fc.oneof(
  text,
  fc.constantFrom('100%', 'a_b', '\\', "'", '"', 'É', 'ẞ', 'ı', '🚀', 'Zoë', 'zoe'),
);
const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary', maxLength: 5 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
) as fc.Arbitrary<JsonObject[string]>;
const metadata = fc.dictionary(
  fc.oneof(
    fc.constantFrom('estimated_hours', 'blocked_reason', 'custom', 'constructor', 'toString'),
    fc.string({ maxLength: 4 }),
  ),
  fc.oneof({ weight: 3, arbitrary: anything }, { weight: 1, arbitrary: fc.constant(null) }),
  { maxKeys: 3 },
);
const labels = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'ü', '🚀'), { maxLength: 4 });
const version = fc.oneof(
  { weight: 4, arbitrary: fc.constant('current' as const) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 4 }) },
);
const on_conflict = fc.constantFrom('reject' as const, 'merge' as const);
const idempotency_key = fc.option(fc.constantFrom('key-1', 'key-2', 'key-3'), { freq: 5 });
const maybeParent = fc.option(item, { freq: 2 });

const fields = fc.record(
  {
    title: hostileText,
    description: fc.option(hostileText),
    status: fc.constantFrom(...ITEM_STATUSES),
    priority: fc.integer({ min: 1, max: 5 }),
    labels,
    assignee: fc.option(fc.constantFrom('ada', 'bob')),
    pr_number: fc.option(fc.integer({ min: 1, max: 2 ** 31 - 1 })),
    metadata,
  },
  { requiredKeys: [] },
);

const create = fc.record({
  item,
  parent: maybeParent,
  type: fc.constantFrom(...ITEM_TYPES),
  fields,
  idempotency_key,
});
const update = fc.record({ item, version, fields, on_conflict, idempotency_key });
const move = fc.record({ item, version, parent: maybeParent, on_conflict });
const remove = fc.record({ item, restore: fc.boolean(), cascade: fc.boolean() });
const link = fc.record({
  source: item,
  kind: fc.constantFrom(...DEPENDENCY_TYPES),
  target: item,
  unlink: fc.boolean(),
  idempotency_key,
});
const vendorFields = fc.record(
  {
    status: fc.constantFrom(...VENDOR_STATUSES),
    extractor_version: fc.constantFrom('1.0', '2.0'),
    metadata: fc.record(
      {
        format_support: fc.dictionary(fc.constantFrom('excel', 'pdf'), fc.boolean()),
        test_results: fc.dictionary(fc.constantFrom('passing', 'total', 'skipped'), fc.nat({ max: 9 })),
        extractor_version: fc.constantFrom('1.0', '2.0'),
        note: anything,
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);
const vendor = fc.nat({ max: VENDORS }).map(vendorId);
const vendorName = fc.constantFrom('Acme', 'ACME', 'Ünï', 'ünÏ', 'other_%');
const register = fc.record({ vendor, name: vendorName, fields: vendorFields, idempotency_key });
const updateVendor = fc.record({ vendor, version, fields: vendorFields, on_conflict, idempotency_key });
const deploy = fc.record({
  day: fc.integer({ min: 1, max: 9 }),
  vendors: fc.array(vendor, { maxLength: 3 }),
  names: fc.array(vendorName, { maxLength: 2 }),
  items: fc.array(item, { maxLength: 3 }),
  compliant: fc.boolean(),
  extra: metadata,
  idempotency_key,
});
const configure = fc.record({
  version,
  fields: fc.record(
    {
      active_context_type: fc.constantFrom(...CONTEXT_TYPES),
      archive_after_days: fc.integer({ min: 1, max: 9 }),
      current_session_id: fc.option(item),
    },
    { requiredKeys: [] },
  ),
  on_conflict,
});

const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ create }) },
  { weight: 5, arbitrary: fc.record({ update }) },
  { weight: 3, arbitrary: fc.record({ move }) },
  { weight: 3, arbitrary: fc.record({ remove }) },
  { weight: 5, arbitrary: fc.record({ link }) },
  { weight: 2, arbitrary: fc.record({ register }) },
  { weight: 2, arbitrary: fc.record({ updateVendor }) },
  { weight: 2, arbitrary: fc.record({ deploy }) },
  { weight: 1, arbitrary: fc.record({ configure }) },
  { weight: 1, arbitrary: fc.record({ repeat: fc.nat({ max: 20 }) }) },
);
export type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** Each entry is one write: usually one operation, sometimes several that succeed or fail together. */
export const writes = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: operation.map((one) => [one]) },
    { weight: 1, arbitrary: fc.array(operation, { minLength: 2, maxLength: 4 }) },
  ),
  { minLength: 10, maxLength: 40 },
);

/** What an operation may ask of the state it meets. */
export interface State {
  /** The present version of a record; 1 for one that does not exist. */
  versionOf(id: string): number;
  sent: Change[];
}

/** The change that an operation becomes; `step` makes its time, `newId` the id of a deployment. */
export function changeFor(operation: Operation, step: number, state: State): Change {
  const at = new Date(Date.UTC(2026, 0, 1, 0, 0, step)).toISOString();
  const actor = step % 3 === 0 ? 'bob' : 'ada';
  const common = { at, actor };
  const based = (id: string, given: number | 'current') =>
    given === 'current' ? state.versionOf(id) : given;
  if ('create' in operation) {
    const { item: entity_id, parent, type, fields: given, idempotency_key: key } = operation.create;
    return creation({
      ...common,
      entity_id,
      idempotency_key: key,
      patch: { ...given, item_type: type, parent_id: parent },
    });
  }
  if ('update' in operation) {
    const { item: entity_id, version: given, fields: patch, ...rest } = operation.update;
    return edit({ ...common, ...rest, entity_id, base_version: based(entity_id, given), patch });
  }
  if ('move' in operation) {
    const { item: entity_id, version: given, parent, ...rest } = operation.move;
    return edit({
      ...common,
      ...rest,
      entity_id,
      base_version: based(entity_id, given),
      patch: { parent_id: parent },
    });
  }
  if ('remove' in operation) {
    const { item: entity_id, restore, cascade } = operation.remove;
    return edit({
      ...common,
      entity_id,
      cascade,
      base_version: based(entity_id, 'current'),
      patch: { deleted_at: restore ? null : at },
    });
  }
  if ('link' in operation) {
    const { source, kind, target, unlink, idempotency_key: key } = operation.link;
    return linking(source, kind, target, {
      ...common,
      idempotency_key: key,
      kind: unlink ? 'unlink' : 'link',
    });
  }
  if ('register' in operation) {
    const { vendor: entity_id, name, fields: given, idempotency_key: key } = operation.register;
    return registration({ ...common, entity_id, idempotency_key: key, patch: { ...given, name } });
  }
  if ('updateVendor' in operation) {
    const { vendor: entity_id, version: given, fields: patch, ...rest } = operation.updateVendor;
    return vendorEdit({ ...common, ...rest, entity_id, base_version: based(entity_id, given), patch });
  }
  if ('deploy' in operation) {
    const { day, vendors, names, items, compliant, extra, idempotency_key: key } = operation.deploy;
    const summary = {
      pr_number: day,
      pr_title: `day ${day}`,
      test_summary: {},
      constitutional_compliance: compliant,
    };
    const patch = {
      deployed_at: `2026-02-0${day}T00:00:00.000Z`,
      commit_hash: String(day).repeat(40),
      metadata: { ...extra, ...summary },
      affected_vendor_ids: vendors,
      affected_vendors: names,
      related_work_item_ids: items,
    };
    return deploying({
      ...common,
      entity_id: `dddddddd-0000-4000-8000-${String(step).padStart(12, '0')}`,
      idempotency_key: key,
      patch,
    });
  }
  if ('configure' in operation) {
    const { version: given, fields: patch, ...rest } = operation.configure;
    return configuring({
      ...common,
      ...rest,
      entity_id: PROJECT_ID,
      base_version: based(PROJECT_ID, given),
      patch,
    });
  }
  // A call that is made again just as it was, or something new where nothing was sent yet.
  return (
    state.sent[operation.repeat % Math.max(1, state.sent.length)] ??
    creation({ ...common, entity_id: itemId(0) })
  );
}

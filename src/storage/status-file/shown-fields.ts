/**
 * Which fields of a record `.project_status.md` shows whole. Everything that the file says of a record stands here, so
 * that whoever adds a line to it decides whether that tells the field.
 */
import type { Entity } from '../../domain/change.ts';
import { configurationPatch } from '../../domain/configuration.ts';
import { enhancementPatches } from '../../domain/enhancement.ts';
import { vendorPatches } from '../../domain/vendor.ts';
import { itemPatches } from '../../domain/work-item.ts';
import type { Marked } from './status-lines.ts';
import type { ParsedDeployment, ParsedEnhancement, ParsedVendor, ParsedWorkItem } from './status-sections.ts';

/** By what the file says: the field that it tells; null where it says something else, or not the whole of it. */
type Told<Parsed extends Marked> = Readonly<Record<Exclude<keyof Parsed, keyof Marked>, string | null>>;

const WORK_ITEM: Told<ParsedWorkItem> = {
  title: 'title',
  item_type: 'item_type',
  status: 'status',
  branch_name: 'branch_name',
  /** To the second. */
  created_at: null,
  /** A parent that is not listed has a name here and no id. */
  parent_index: null,
  parent_title: null,
};

const VENDOR: Told<ParsedVendor> = {
  name: 'name',
  status: 'status',
  extractor_version: 'extractor_version',
  tests: 'metadata.test_results',
  formats: 'metadata.format_support',
};

const ENHANCEMENT: Told<ParsedEnhancement> = {
  title: 'title',
  priority: 'priority',
  status: 'status',
  has_status: null,
  target_quarter: 'target_quarter',
  /** On one line, and only its beginning. */
  description: null,
};

const DEPLOYMENT: Told<ParsedDeployment> = {
  deployed_at: 'deployed_at',
  commit_hash: 'commit_hash',
  vendor_names: 'affected_vendors',
  pr_number: null,
  pr_title: null,
  tests: null,
  compliant: null,
};

interface Shown {
  told: Readonly<Record<string, string | null>>;
  /** What the file tells by listing the record at all: only what is live is listed. */
  implied: readonly string[];
  /** What changes set. */
  settable: () => readonly string[];
  /** What no change sets, and is answered all the same. */
  beside: readonly string[];
}

const fieldsOf = (patch: () => { shape: object }) => () => Object.keys(patch().shape);

/** Null for what has no fields that anybody could have been shown. */
const SHOWN: { readonly [E in Entity]: Shown | null } = {
  work_item: {
    told: WORK_ITEM,
    implied: ['deleted_at', 'completed_at'],
    settable: fieldsOf(itemPatches.update),
    beside: ['claimed_by', 'claim_expires_at'],
  },
  vendor: { told: VENDOR, implied: [], settable: fieldsOf(vendorPatches.update), beside: [] },
  enhancement: { told: ENHANCEMENT, implied: [], settable: fieldsOf(enhancementPatches.update), beside: [] },
  deployment: {
    told: DEPLOYMENT,
    implied: [],
    settable: () => ['metadata'],
    beside: ['related_work_items'],
  },
  /** Answered with what every tracker begins with. */
  configuration: { told: {}, implied: [], settable: fieldsOf(configurationPatch), beside: [] },
  dependency: null,
  note: null,
  conflict: null,
};

/** Undefined for a noun of newer programs. */
const shownOf = (entity: Entity) => SHOWN[entity] as Shown | null | undefined;

/** Whether the file shows the whole of a field; metadata is named key by key. */
export function isShown(entity: Entity, field: string): boolean {
  const shown = shownOf(entity);
  return shown != null && (Object.values(shown.told).includes(field) || shown.implied.includes(field));
}

/** The fields of a record that the file does not show, or not whole. */
export function fieldsNotShown(entity: Entity): string[] {
  const shown = shownOf(entity);
  if (shown == null) return [];
  return [...shown.settable(), ...shown.beside].filter((field) => !isShown(entity, field));
}

/** Enhancements: create, update, list, and promote to a work item. */
import {
  createEnhancementInput,
  listEnhancementsInput,
  promoteEnhancementInput,
  updateEnhancementInput,
  type Enhancement,
} from '../../domain/enhancement.ts';
import * as z from 'zod';
import { newRecordId, uuidFrom } from '../../domain/ids.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { WorkItem } from '../../domain/work-item.ts';
import { notFound } from '../../domain/errors.ts';
import { refuseCutOff, refuseShownParts } from './long-texts.ts';
import type { EnhancementMention } from '../../storage/queries/enhancements.ts';
import type { Page } from '../../storage/queries/paging.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import { unknownFieldsOf } from '../support/unknown-fields.ts';
import type { Answer } from '../../storage/contract/store.ts';
import {
  patchOf,
  refuseEmptyPatch,
  write,
  writeOne,
  type ChangeRequest,
  type Context,
  type WriteOutcome,
} from '../support/context.ts';
import {
  enhancementViewShape,
  listShape,
  savedEnhancementShape,
  workItemShape,
  writeShape,
} from '../support/answer-shapes.ts';
import { defineUseCase } from '../support/define-use-case.ts';
import { findId, findItemId } from '../support/find-id.ts';
import { lookUp, type Asked } from '../support/look-up.ts';
import { warnOfConflicts, withOpenConflicts } from '../support/open-conflicts.ts';

function findEnhancementId(reader: Reader, hex: string, field = 'id'): Promise<string> {
  return findId(reader.findEnhancementsByIdRange, 'enhancement', hex, field);
}

/** @throws NotFoundError for one that it depends on and that is not there */
export const createEnhancement = defineUseCase({
  name: 'create_enhancement',
  kind: 'add',
  input: createEnhancementInput,
  output: () => ({ ...savedEnhancementShape(), ...writeShape() }),
  run: async (context, caller, input): Promise<Answer<Enhancement & WriteOutcome>> => {
    const { created_by, idempotency_key, depends_on, ...fields } = input;
    const asked = { call: 'create_enhancement', arguments: input };
    return await writeOne<Enhancement>(context, caller, {
      entity: 'enhancement',
      entity_id: newRecordId(),
      kind: 'create',
      patch: patchOf({
        ...fields,
        description: fields.description ?? null,
        target_quarter: fields.target_quarter ?? null,
        depends_on: await resolveAll(context, asked, depends_on),
      }),
      actor: created_by,
      idempotency_key,
    });
  },
});

/**
 * Sets the given fields; `depends_on` replaces the whole list.
 * @throws VersionConflictError for a stale version; ValidationError without a field, or naming a cycle of dependencies
 */
export const updateEnhancement = defineUseCase({
  name: 'update_enhancement',
  kind: 'change',
  input: updateEnhancementInput,
  output: () => ({ ...savedEnhancementShape(), ...writeShape() }),
  run: async (context, caller, input): Promise<Answer<Enhancement & WriteOutcome>> => {
    const { id, version, updated_by, on_conflict, idempotency_key, depends_on, ...fields } = input;
    const patch = patchOf(fields);
    const asked = { call: 'update_enhancement', arguments: input };
    if (depends_on !== undefined) patch['depends_on'] = await resolveAll(context, asked, depends_on);
    refuseEmptyPatch(
      patch,
      'title, description, priority, status, target_quarter, requires_constitutional_principles, depends_on',
    );
    refuseShownParts(patch);
    const entity_id = await lookUp(context, asked, (reader) => findEnhancementId(reader, id));
    if (typeof fields.description === 'string') {
      const there = await lookUp(context, asked, (reader) => reader.findRecord('enhancement', entity_id));
      // A call that names a key may be a retry: what is there by now says nothing of what it was made from.
      const isRetry = idempotency_key !== undefined && Number(there?.['version']) > version;
      if (there !== undefined && !isRetry)
        refuseCutOff(there as unknown as Enhancement, fields.description, READ_WHOLE);
    }
    return await writeOne<Enhancement>(context, caller, {
      entity: 'enhancement',
      entity_id,
      kind: 'update',
      base_version: version,
      patch,
      on_conflict,
      actor: updated_by,
      idempotency_key,
    });
  },
});

const READ_WHOLE = 'Read it whole: list_enhancements with id and max_tokens 20000. Nothing was saved.';

/** An enhancement as a read shows it. */
export type EnhancementView = Enhancement & {
  /** Changes to it that wait for a decision; absent without any. */
  open_conflicts?: number;
  /** Of one that was asked for by id: what it depends on, what waits for it, and its work item. */
  dependencies?: EnhancementMention[];
  waiting?: EnhancementMention[];
  work_item?: Pick<WorkItem, 'id' | 'title' | 'status'>;
};

/**
 * A page, the most important first, older before newer; with `id` that one alone, and what surrounds it.
 * @throws NotFoundError for an id that does not exist
 */
export const listEnhancements = defineUseCase({
  name: 'list_enhancements',
  kind: 'read',
  input: listEnhancementsInput,
  output: () => listShape(enhancementViewShape()),
  run: async (context, _caller, input): Promise<Answer<Page<EnhancementView>>> => {
    const answer = await context.store.read(async (reader) => {
      const { id: hex, ...filter } = input;
      const id = hex === undefined ? undefined : await findEnhancementId(reader, hex);
      const page = await reader.listEnhancements({ ...filter, id });
      const items: EnhancementView[] = await withOpenConflicts(reader, page.items);
      if (id === undefined) return { ...page, items };
      const found = items[0] ?? (await existing(reader, id));
      return { ...page, items: found === undefined ? [] : [await withSurroundings(reader, found)] };
    });
    return warnOfConflicts(answer, ({ items }) => items);
  },
});

/** Nothing when it is there but other filters leave it out. */
async function existing(reader: Reader, id: string): Promise<undefined> {
  if ((await reader.findEnhancement(id)) === undefined) throw notFound('enhancement', { id });
}

async function withSurroundings(reader: Reader, enhancement: EnhancementView): Promise<EnhancementView> {
  const { id, depends_on, work_item_id } = enhancement;
  const mentions = new Map((await reader.findEnhancementMentions(depends_on)).map((one) => [one.id, one]));
  const item = work_item_id === null ? undefined : await reader.findWorkItem(work_item_id);
  return {
    ...enhancement,
    dependencies: depends_on.flatMap((one) => mentions.get(one) ?? []),
    waiting: await reader.findEnhancementsWaitingFor(id),
    ...(item !== undefined && { work_item: { id: item.id, title: item.title, status: item.status } }),
  };
}

/** The enhancement as it is after its promotion, with the item that was made. */
export type Promotion = Enhancement & WriteOutcome & { work_item: WorkItem };

/**
 * Makes a work item of an enhancement, linked both ways, and sets its status to implementing: both or nothing.
 * @throws ValidationError naming the work item when it was promoted before
 */
export const promoteEnhancement = defineUseCase({
  name: 'promote_enhancement',
  kind: 'change',
  input: promoteEnhancementInput,
  output: () => ({
    ...savedEnhancementShape(),
    ...writeShape(),
    work_item: z.object(workItemShape()).optional(),
  }),
  run: async (context, caller, input): Promise<Answer<Promotion>> => {
    const { version, item_type, idempotency_key } = input;
    const asked = { call: 'promote_enhancement', arguments: input };
    const { enhancement, parent } = await lookUp(context, asked, async (reader) => {
      const id = await findEnhancementId(reader, input.id);
      const found = await reader.findEnhancement(id);
      if (found === undefined) throw notFound('enhancement', { id });
      const { parent_id } = input;
      return {
        enhancement: found,
        parent: parent_id === undefined ? null : await findItemId(reader, parent_id, 'parent_id'),
      };
    });
    const item_id = idempotency_key === undefined ? newRecordId() : idFrom(enhancement.id, idempotency_key);
    const promotion: ChangeRequest = {
      entity: 'enhancement',
      entity_id: enhancement.id,
      kind: 'update',
      base_version: version,
      patch: { status: 'implementing', work_item_id: item_id },
      ...(idempotency_key !== undefined && { idempotency_key }),
    };
    const creation: ChangeRequest = {
      entity: 'work_item',
      entity_id: item_id,
      kind: 'create',
      patch: { ...itemOf(enhancement, item_type), item_type, parent_id: parent },
      ...(idempotency_key !== undefined && { idempotency_key: `${idempotency_key}/item` }),
    };
    // A repeated call finds the item that the first one made; the promotion is then answered from the first result.
    const isRepeated = enhancement.work_item_id === item_id;
    const answer = await write(context, caller, isRepeated ? [promotion] : [creation, promotion]);
    const promoted = answer.data.at(-1);
    const made = answer.data.length > 1 ? answer.data[0]?.record : undefined;
    const item = made ?? (await context.store.read((reader) => reader.findWorkItem(item_id))).data;
    return {
      ...answer,
      data: {
        ...(promoted?.record as unknown as Enhancement),
        ...(promoted?.repeated === true && { repeated: true }),
        work_item: item as unknown as WorkItem,
      },
    };
  },
});

/** What the work item takes over, of what is known in whole. A project has fields of its own for the quarter and the principles. */
function itemOf(enhancement: Enhancement, item_type: WorkItem['item_type']): JsonObject {
  const { title, priority, target_quarter, requires_constitutional_principles } = enhancement;
  const isCut = unknownFieldsOf(enhancement).includes('description');
  const description = isCut ? null : enhancement.description;
  const metadata =
    item_type === 'project'
      ? {
          ...(target_quarter !== null && { target_quarter }),
          ...(requires_constitutional_principles.length > 0 && {
            constitutional_principles: requires_constitutional_principles,
          }),
        }
      : {};
  return {
    ...{ title, description, priority, metadata, status: 'planned', labels: [] },
    ...{ assignee: null, branch_name: null, commit_hash: null, pr_number: null },
  };
}

/** The same id for the same key. */
function idFrom(enhancement_id: string, key: string): string {
  return uuidFrom(`${enhancement_id}\0${key}`, 4);
}

/** In the order in which they are kept. */
async function resolveAll(context: Context, asked: Asked, hexes: string[]): Promise<string[]> {
  if (hexes.length === 0) return [];
  const found = await lookUp(context, asked, async (reader) => {
    const ids: string[] = [];
    for (const hex of hexes) ids.push(await findEnhancementId(reader, hex, 'depends_on'));
    return ids;
  });
  return [...new Set(found)].sort();
}

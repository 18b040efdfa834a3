/** Work items: create, update, read with surroundings, list, link. */
import * as z from 'zod';
import { notFound, validationError } from '../../domain/errors.ts';
import {
  type DependencyView,
  type Dependency,
  dependencyRecord,
  linkWorkItemsInput,
} from '../../domain/dependency.ts';
import { newRecordId } from '../../domain/ids.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { NotReady } from '../../domain/readiness.ts';
import {
  idsOnPath,
  type UpdateWorkItemInput,
  type WorkItem,
  createWorkItemInput,
  updateWorkItemInput,
  queryWorkItemInput,
  readWorkItemInput,
  listWorkItemsInput,
} from '../../domain/work-item.ts';
import { DEPENDENCIES_MAX } from '../../storage/queries/dependencies.ts';
import type { EnhancementMention } from '../../storage/queries/enhancements.ts';
import type { Page } from '../../storage/queries/paging.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { patchOf, refuseEmptyPatch, writeOne, type Context, type WriteOutcome } from '../support/context.ts';
import { warnOfConflicts, withOpenConflicts } from '../support/open-conflicts.ts';
import { findItemId } from '../support/find-id.ts';
import { lookUp, type Asked } from '../support/look-up.ts';
import { newPosition } from './new-position.ts';
import { withReasons } from './ready.ts';
import { readLatestNotes, type NoteExcerpt } from './notes.ts';
import { pipelined } from '../../storage/database/pipelined.ts';
import {
  appended,
  findAsRead,
  readTextPart,
  refuseCutOff,
  refuseShownParts,
  type TextPart,
} from './long-texts.ts';
import { readTree, type Tree } from './work-item-tree.ts';

export type { TextPart };
import {
  listShape,
  listedItemShape,
  openConflicts,
  workItemShape,
  workItemViewShape,
  writeShape,
} from '../support/answer-shapes.ts';
import { defineUseCase } from '../support/define-use-case.ts';

/**
 * Makes an item at the root, or below `parent_id` (an id or a prefix of one).
 * @throws NotFoundError for an unknown parent; ValidationError for one that is deleted, archived or too deep
 */
export const createWorkItem = defineUseCase({
  name: 'create_work_item',
  kind: 'add',
  input: createWorkItemInput,
  output: () => ({ ...workItemShape(), ...writeShape() }),
  run: async (context, caller, input): Promise<Answer<WorkItem & WriteOutcome>> => {
    const { created_by, idempotency_key, parent_id, ...fields } = input;
    const asked = { call: 'create_work_item', arguments: input };
    const parent = parent_id == null ? null : await resolve(context, asked, parent_id, 'parent_id');
    return await writeOne<WorkItem>(context, caller, {
      entity: 'work_item',
      entity_id: newRecordId(),
      kind: 'create',
      patch: patchOf({
        ...fields,
        parent_id: parent,
        description: fields.description ?? null,
        assignee: fields.assignee ?? null,
        branch_name: fields.branch_name ?? null,
        commit_hash: fields.commit_hash ?? null,
        pr_number: fields.pr_number ?? null,
      }),
      actor: created_by,
      idempotency_key,
    });
  },
});

/**
 * Sets the given fields; metadata is merged key by key, `parent_id` moves the whole subtree, `deleted_at` deletes or
 * restores.
 * @throws VersionConflictError for a stale version, with `merge` only when others changed the same fields; ClaimError
 * for an old claim token; ValidationError without a field, or for a move or deletion that the hierarchy does not allow
 */
export const updateWorkItem = defineUseCase({
  name: 'update_work_item',
  kind: 'change',
  input: updateWorkItemInput,
  output: () => ({ ...workItemShape(), ...writeShape() }),
  run: async (context, caller, input): Promise<Answer<WorkItem & WriteOutcome>> => {
    const { id, version, parent_id, position, cascade, updated_by, on_conflict } = input;
    const { claim_token, idempotency_key } = input;
    const patch = updatePatch(input);
    const asked = { call: 'update_work_item', arguments: input };
    if (typeof parent_id === 'string') {
      patch['parent_id'] = await resolve(context, asked, parent_id, 'parent_id');
    }
    refuseEmptyPatch(patch, ITEM_FIELDS);
    refuseShownParts(patch);
    const entity_id = await resolve(context, asked, id, 'id');
    if (position !== undefined) {
      const parent = patch['parent_id'] as string | null | undefined;
      patch['position'] = await lookUp(context, asked, (reader) =>
        newPosition(reader, entity_id, position, parent),
      );
    }
    const isKeyed = idempotency_key !== undefined;
    const description = await newDescription(input, () =>
      lookUp(context, asked, (reader) => findAsRead(reader, entity_id, version, isKeyed), {
        oneStatement: !isKeyed,
      }),
    );
    if (description !== undefined) patch['description'] = description;
    return await writeOne<WorkItem>(context, caller, {
      entity: 'work_item',
      entity_id,
      kind: 'update',
      base_version: version,
      patch,
      on_conflict,
      cascade,
      claim_token: claim_token ?? null,
      actor: updated_by,
      idempotency_key,
    });
  },
});

/**
 * The description to set where it depends on the one that is there; undefined where it does not.
 * @throws ValidationError for one that was cut for showing, or to which nothing can be added
 */
export async function newDescription(
  { description, append_description }: UpdateFields,
  find: () => Promise<WorkItem | undefined>,
): Promise<string | undefined> {
  if (append_description === undefined && typeof description !== 'string') return undefined;
  if (append_description !== undefined && description !== undefined) {
    throw validationError({
      field: 'append_description',
      constraint: 'adds to the description that is there, and another one is given',
      value: append_description,
    });
  }
  const item = await find();
  // Whether it is there is told by the write.
  if (item === undefined) return undefined;
  if (append_description !== undefined) return appended(item, append_description);
  refuseCutOff(item, description ?? '');
  return undefined;
}

type UpdateFields = Omit<UpdateWorkItemInput, 'updated_by' | 'idempotency_key'>;

/** The fields that an update sets; `parent_id` as it was given, which may be a prefix. */
export function updatePatch(input: UpdateFields): JsonObject {
  const {
    id: _id,
    version: _version,
    cascade: _cascade,
    on_conflict: _on,
    claim_token: _token,
    append_description,
    position,
    ...rest
  } = input;
  const {
    updated_by: _by,
    idempotency_key: _key,
    ...fields
  } = rest as Omit<
    UpdateWorkItemInput,
    'id' | 'version' | 'cascade' | 'on_conflict' | 'claim_token' | 'append_description' | 'position'
  >;
  return patchOf({
    ...fields,
    // What there is with it is put in its place: see `newDescription`.
    ...(append_description !== undefined && { description: append_description }),
    // The same: see `newPosition`.
    ...(position !== undefined && { position: '' }),
    labels: fields.labels === null ? [] : fields.labels,
  });
}

export const ITEM_FIELDS =
  'title, status, description, priority, position, labels, assignee, parent_id, metadata, branch_name, commit_hash, pr_number, deleted_at';

/** An item with what surrounds it; which parts there are follows from what was asked for. */
export interface WorkItemView extends WorkItem, Partial<Tree> {
  /** Changes to it that wait for a decision; absent without any. */
  open_conflicts?: number;
  /** Root first. */
  ancestors: Pick<WorkItem, 'id' | 'version' | 'item_type' | 'title' | 'status' | 'depth'>[];
  dependencies?: DependencyView[];
  /** The enhancement that it was made of; absent without one. */
  enhancements?: EnhancementMention[];
  /** Present when there are more than are shown. */
  dependencies_cut?: { reason: string; next: string };
  /** The newest, newest first, long ones cut; absent without any. */
  notes?: NoteExcerpt[];
  notes_total?: number;
}

/**
 * Reads an item, archived and deleted ones too, with everything around it of one moment.
 * @throws NotFoundError; ValidationError for a prefix of several ids
 */
export const queryWorkItem = defineUseCase({
  name: 'query_work_item',
  kind: 'read',
  input: queryWorkItemInput,
  output: () => ({ ...workItemViewShape(), ...openConflicts() }),
  run: async (context, _caller, input): Promise<Answer<WorkItemView>> => {
    const answer = await context.store.read(async (reader): Promise<WorkItemView> => {
      const id = await findItemId(reader, input.id);
      const item = await reader.findWorkItem(id);
      if (item === undefined) throw notFound('work item', { id });
      const [[shown = item], enhancements, ancestors, tree, dependencies, notes] = await pipelined(
        withOpenConflicts(reader, [item]),
        reader.findEnhancementsOfItem(id),
        readAncestors(reader, item),
        input.include_children ? readTree(reader, item, input.max_depth) : Promise.resolve({}),
        input.include_dependencies ? reader.findDependencies(id).then(cutDependencies) : Promise.resolve({}),
        readLatestNotes(reader, id),
      );
      const made = enhancements.length === 0 ? {} : { enhancements };
      return { ...shown, ancestors, ...tree, ...dependencies, ...made, ...notes };
    });
    return warnOfConflicts(answer, (view) => [view]);
  },
});

/** The same for readers who pay for what they read: of a long text they may ask for the rest. */
export const readWorkItem = defineUseCase({
  ...queryWorkItem,
  input: readWorkItemInput,
  run: async (context, caller, { field, offset, ...input }): Promise<Answer<WorkItemView | TextPart>> => {
    if (field === undefined) return await queryWorkItem.run(context, caller, input);
    return await context.store.read(async (reader) => {
      const id = await findItemId(reader, input.id);
      const item = await reader.findWorkItem(id);
      if (item === undefined) throw notFound('work item', { id });
      return await readTextPart(reader, item, field, offset);
    });
  },
});

function cutDependencies(found: DependencyView[]): Pick<WorkItemView, 'dependencies' | 'dependencies_cut'> {
  if (found.length <= DEPENDENCIES_MAX) return { dependencies: found };
  return {
    dependencies: found.slice(0, DEPENDENCIES_MAX),
    dependencies_cut: {
      reason: `only the ${DEPENDENCIES_MAX} oldest dependencies are shown`,
      next: 'Query the other items: each shows its dependencies too.',
    },
  };
}

async function readAncestors(reader: Reader, item: WorkItem): Promise<WorkItemView['ancestors']> {
  const ids = idsOnPath(item.path).slice(0, -1);
  if (ids.length === 0) return [];
  const found = new Map((await reader.findWorkItems(ids)).map((ancestor) => [ancestor.id, ancestor]));
  return ids.flatMap((id) => {
    const ancestor = found.get(id);
    if (ancestor === undefined) return [];
    const { version, item_type, title, status, depth } = ancestor;
    return [{ id, version, item_type, title, status, depth }];
  });
}

/** An item of a list. */
export interface ListedItem extends WorkItem {
  open_conflicts?: number;
  /** With `explain`, of an item that work cannot start on now: why. */
  not_ready?: NotReady;
}

/** A page of items: the latest updated first unless `sort` says otherwise, ready ones in the order of the queue. */
export const listWorkItems = defineUseCase({
  name: 'list_work_items',
  kind: 'read',
  input: listWorkItemsInput,
  output: () => ({ ...listShape(listedItemShape()), limit: z.int(), offset: z.int() }),
  run: async (
    context,
    _caller,
    input,
  ): Promise<Answer<Page<ListedItem> & { limit: number; offset: number }>> => {
    const answer = await context.store.read(async (reader) => {
      const { parent_id, sort, explain, ...filter } = input;
      const page = await reader.listWorkItems({
        ...filter,
        parent_id: await parentFilter(reader, parent_id),
        sort: sort ?? (input.ready === true ? 'ready' : 'updated'),
      });
      const shown = explain ? await withReasons(reader, page.items) : page.items;
      const items: ListedItem[] = await withOpenConflicts(reader, shown);
      return { ...page, items, limit: input.limit, offset: input.offset ?? 0 };
    });
    return warnOfConflicts(answer, ({ items }) => items);
  },
});

async function parentFilter(reader: Reader, parent: string | undefined): Promise<string | null | undefined> {
  if (parent === undefined) return undefined;
  return parent === 'root' ? null : await findItemId(reader, parent, 'parent_id');
}

/** Adds a dependency, or removes it with `remove`. */
export const linkWorkItems = defineUseCase({
  name: 'link_work_items',
  kind: 'settle',
  input: linkWorkItemsInput,
  output: () => ({ ...dependencyRecord(), ...writeShape(), removed: z.boolean() }),
  run: async (context, caller, input): Promise<Answer<Dependency & WriteOutcome & { removed: boolean }>> => {
    const asked = { call: 'link_work_items', arguments: input };
    const source_id = await resolve(context, asked, input.source_id, 'source_id');
    const target_id = await resolve(context, asked, input.target_id, 'target_id');
    const answer = await writeOne<Dependency>(context, caller, {
      entity: 'dependency',
      entity_id: source_id,
      kind: input.remove ? 'unlink' : 'link',
      patch: { target_id, dependency_type: input.dependency_type },
      claim_token: input.claim_token ?? null,
      actor: input.created_by,
      idempotency_key: input.idempotency_key,
    });
    return { ...answer, data: { ...answer.data, removed: input.remove } };
  },
});

function resolve(context: Context, asked: Asked, hex: string, field: string): Promise<string> {
  return lookUp(context, asked, (reader) => findItemId(reader, hex, field), { oneStatement: true });
}

import * as z from 'zod';
import {
  createEnhancement,
  listEnhancements,
  promoteEnhancement,
  updateEnhancement,
  type EnhancementView,
} from '../../use-cases/records/enhancements.ts';
import { LIST_TOKENS_DEFAULT } from '../../domain/limits.ts';
import type { Enhancement } from '../../domain/enhancement.ts';
import { oneLine, quoted } from '../../domain/others-text.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { pageOf } from '../definitions/list-fields.ts';
import { itemRow } from '../definitions/rows.ts';
import { changedOf, rowOf, withoutEmpty } from '../definitions/shown.ts';
import { doneText, fieldsText, itemLine, listText, shortId } from '../definitions/text.ts';
import { callForEnhancement } from '../definitions/whole-item.ts';

const OF_ENHANCEMENT = ['id', 'version', 'title', 'status', 'priority'] as const;
const SAID = [...OF_ENHANCEMENT, 'target_quarter', 'depends_on', 'work_item_id', 'cut'];
type Row = Pick<Enhancement, 'id' | 'version' | 'title' | 'status' | 'priority'> &
  Partial<Pick<Enhancement, 'target_quarter' | 'depends_on' | 'work_item_id'>>;

const written = (enhancement: Enhancement, input: object): Row =>
  changedOf(enhancement, input, OF_ENHANCEMENT);
const writtenText = (verb: string, shown: Row): string =>
  `${verb} ${enhancementLine(shown)}${fieldsText(shown, SAID)}`;

export const createEnhancementTool = defineTool(createEnhancement, {
  toolset: 'enhancements',
  title: 'Create an enhancement',
  description: 'Note what may be done one day. Example: {"title":"Sync clients","target_quarter":"2026-Q1"}',
  parameters: {
    title: 'One line, at most 200 characters',
    description: 'Markdown, up to 64 KiB',
    priority: '1 (highest) to 5; default 3',
    status: 'planned (default), approved, implementing or completed',
    target_quarter: 'As 2026-Q1',
    requires_constitutional_principles: 'Principles it must keep',
    depends_on: 'Ids of enhancements it waits for',
  },
  show: written,
  text: (enhancement) => writtenText('Created', enhancement),
});

export const updateEnhancementTool = defineTool(updateEnhancement, {
  toolset: 'enhancements',
  title: 'Update an enhancement',
  description:
    'Change fields, based on the version you read; depends_on replaces all. Example: {"id":"3f2a9c1b","version":1,"status":"approved"}',
  parameters: {
    id: 'An id or its first 6+ characters',
    title: 'One line, at most 200 characters',
    description: 'The whole new text',
    priority: '1 (highest) to 5',
    status: 'planned, approved, implementing or completed',
    target_quarter: 'As 2026-Q1',
    requires_constitutional_principles: 'All of them',
    depends_on: 'Ids of all enhancements it waits for',
    clear: 'Fields to empty',
  },
  show: written,
  parts: [{ at: 'description', isField: true, rest: callForEnhancement }],
  text: (enhancement) => writtenText('Saved', enhancement),
});

const FIELDS = [...OF_ENHANCEMENT, ...(['target_quarter', 'depends_on', 'work_item_id'] as const)] as const;

export const listEnhancementsTool = defineTool(listEnhancements, {
  toolset: 'enhancements',
  title: 'List enhancements',
  description: 'By priority; id reads one with what surrounds it. Example: {"status":"approved"}',
  parameters: {
    id: 'Only this one, with what surrounds it',
    priority: '1 to 5',
    status: 'planned, approved, implementing or completed',
    target_quarter: 'As 2026-Q1',
  },
  budget: LIST_TOKENS_DEFAULT,
  show: (page, input) => {
    const [only] = page.items;
    if (input['id'] === undefined || only === undefined) return pageOf(page, input, row);
    const { description, ...shown } = only;
    return { ...page, items: [withoutEmpty(shown)], ...(description !== null && { description }) };
  },
  parts: [
    {
      at: 'description',
      isField: true,
      rest: ({ items }) => callForEnhancement((items as { id: string }[])[0] ?? {}),
    },
    { at: 'items' },
  ],
  more: () => ({ description: z.string().optional() }),
  text: (page) => {
    const { description } = page as { description?: string };
    const list = listText(page, 'enhancement', enhancementLine);
    const around = (page.items as EnhancementView[]).flatMap(surroundings);
    const text = description === undefined ? [] : ['', ...quoted(description)];
    return [list, ...around, ...text].join('\n');
  },
});

export const promoteEnhancementTool = defineTool(promoteEnhancement, {
  toolset: 'enhancements',
  title: 'Promote an enhancement',
  description: 'Make a work item of an enhancement, once. Example: {"id":"3f2a9c1b","version":2}',
  parameters: {
    id: 'An id or its first 6+ characters',
    item_type: 'Of the new item; default project',
    parent_id: 'The item it lies below',
  },
  show: ({ work_item, ...enhancement }) => ({
    ...row(enhancement),
    id: enhancement.id,
    work_item: { ...itemRow(work_item), id: work_item.id },
    ...(enhancement.repeated === true && { repeated: true }),
  }),
  text: ({ work_item, ...enhancement }) =>
    `${doneText('Promoted', enhancement)} ${enhancementLine(enhancement)}\nto ${itemLine(work_item)}`,
});

function row(enhancement: Enhancement): Row {
  const { depends_on = [] } = enhancement;
  return {
    ...rowOf(enhancement, FIELDS),
    ...(depends_on.length > 0 && { depends_on: depends_on.map(shortId) }),
  };
}

function enhancementLine(enhancement: Row): string {
  const { id, version, status, priority, target_quarter, title, depends_on = [], work_item_id } = enhancement;
  const target = target_quarter ? ` ${target_quarter}` : '';
  const needs = depends_on.length === 0 ? '' : ` (depends on ${depends_on.map(shortId).join(', ')})`;
  const item = work_item_id ? ` → work item ${shortId(work_item_id)}` : '';
  return `${shortId(id)} v${version} ${status} p${priority}${target} ${oneLine(title)}${needs}${item}`;
}

function surroundings(enhancement: EnhancementView): string[] {
  const { dependencies = [], waiting = [], work_item } = enhancement;
  const { requires_constitutional_principles: principles = [] } = enhancement as Partial<EnhancementView>;
  const mention = ({ id, status, title }: { id: string; status: string; title: string }) =>
    `${shortId(id)} ${status} ${oneLine(title)}`;
  return [
    ...dependencies.map((one) => `depends on ${mention(one)}`),
    ...waiting.map((one) => `waited for by ${mention(one)}`),
    ...(work_item === undefined ? [] : [`work item ${mention(work_item)}`]),
    ...(principles.length === 0 ? [] : [`principles: ${principles.join('; ')}`]),
  ].map(oneLine);
}

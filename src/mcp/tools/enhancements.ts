import {
  createEnhancement,
  listEnhancements,
  promoteEnhancement,
  updateEnhancement,
  type EnhancementView,
} from '../../use-cases/records/enhancements.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { oneLine, quoted } from '../../domain/others-text.ts';
import { cut } from '../../domain/text.ts';
import { cutLine, itemLine, listText, shortId } from '../definitions/text.ts';

const TITLE_IN_LIST_CHARACTERS = 60;
const DESCRIPTION_IN_TEXT_CHARACTERS = 2_000;

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
  text: (enhancement) => `Created ${enhancementLine(enhancement)}`,
});

export const updateEnhancementTool = defineTool(updateEnhancement, {
  toolset: 'enhancements',
  title: 'Update an enhancement',
  description:
    'Change fields, based on the version you read; null clears, depends_on replaces all. Example: {"id":"3f2a9c1b","version":1,"status":"approved"}',
  parameters: {
    id: 'An id or its first 6+ characters',
    title: 'One line, at most 200 characters',
    description: 'The whole new text',
    priority: '1 (highest) to 5',
    status: 'planned, approved, implementing or completed',
    target_quarter: 'As 2026-Q1',
    requires_constitutional_principles: 'All of them',
    depends_on: 'Ids of all enhancements it waits for',
  },
  text: (enhancement) => `Saved ${enhancementLine(enhancement)}`,
});

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
  text: (page) => {
    const [only] = page.items;
    const list = listText(page, 'enhancements', enhancementLine);
    return only?.dependencies === undefined ? list : [list, ...surroundings(only)].join('\n');
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
  text: (promoted) => `Promoted ${enhancementLine(promoted)}\nto ${itemLine(promoted.work_item)}`,
});

function enhancementLine(enhancement: EnhancementView): string {
  const { id, version, status, priority, target_quarter, title, depends_on, work_item_id } = enhancement;
  const target = target_quarter === null ? '' : ` ${target_quarter}`;
  const needs = depends_on.length === 0 ? '' : ` (depends on ${depends_on.map(shortId).join(', ')})`;
  const item = work_item_id === null ? '' : ` → work item ${shortId(work_item_id)}`;
  return `${shortId(id)} v${version} ${status} p${priority}${target} ${cutLine(title, TITLE_IN_LIST_CHARACTERS)}${needs}${item}`;
}

function surroundings(enhancement: EnhancementView): string[] {
  const { dependencies = [], waiting = [], work_item, description } = enhancement;
  const principles = enhancement.requires_constitutional_principles;
  const mention = ({ id, status, title }: { id: string; status: string; title: string }) =>
    `${shortId(id)} ${status} ${cutLine(title, TITLE_IN_LIST_CHARACTERS)}`;
  const around = [
    ...dependencies.map((one) => `depends on ${mention(one)}`),
    ...waiting.map((one) => `waited for by ${mention(one)}`),
    ...(work_item === undefined ? [] : [`work item ${mention(work_item)}`]),
    ...(principles.length === 0 ? [] : [`principles: ${principles.join('; ')}`]),
  ];
  return [
    ...around.map(oneLine),
    ...(description === null ? [] : ['', ...quoted(cut(description, DESCRIPTION_IN_TEXT_CHARACTERS))]),
  ];
}

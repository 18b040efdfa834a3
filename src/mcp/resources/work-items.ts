import { queryWorkItemInput } from '../../domain/work-item.ts';
import { parseInput } from '../../domain/validate.ts';
import { suggestItems } from '../../use-cases/records/completion.ts';
import { answerText } from '../../use-cases/support/described-answer.ts';
import { queryWorkItem, type WorkItemView } from '../../use-cases/records/work-items.ts';
import { bounded, defineResource } from '../definitions/define-resource.ts';
import { oneLine, quoted } from '../../domain/others-text.ts';
import { cut, shortId } from '../../domain/text.ts';
import { PROGRAM } from '../../use-cases/support/context.ts';

const METADATA_MAX_CHARACTERS = 6_000;
const LINKS_MAX = 50;

export const workItemResource = defineResource({
  uri: 'worktrail://work-items/{id}',
  name: 'work-item',
  title: 'Work item',
  description:
    'One work item with its fields, description and links; id is a UUID or its first 6 or more hex characters. What lies below it: query_work_item.',
  mimeType: 'text/markdown',
  read: async (context, variable) => {
    const input = parseInput(queryWorkItemInput, { id: variable, include_children: false });
    const answer = await queryWorkItem.run(context, PROGRAM, input);
    return { ...answer, data: bounded(answerText(answer, itemText), 'query_work_item answers all of it.') };
  },
  isTouched: (touched, variable) => touched.item(variable.trim().toLowerCase().replaceAll('-', '')),
  suggest: suggestItems,
});

/** Shows nothing of which a change elsewhere would not be told to subscribers: so no children, no titles of ancestors. */
function itemText(item: WorkItemView): string {
  const field = (name: string, value: string | number | null | undefined) =>
    value === null || value === undefined || value === '' ? [] : [oneLine(`- ${name}: ${value}`)];
  return [
    `# ${oneLine(item.title)}`,
    '',
    `- id: ${item.id}`,
    `- version: ${item.version}`,
    `- ${item.item_type}, ${item.status}, priority ${item.priority}`,
    ...field('labels', item.labels.join(', ')),
    ...field('assignee', item.assignee),
    ...field(
      'claimed by',
      item.claimed_by && `${item.claimed_by} until ${item.claim_expires_at ?? 'released'}`,
    ),
    ...field('parent', item.parent_id),
    ...field('branch', item.branch_name),
    ...field('commit', item.commit_hash),
    ...field('pull request', item.pr_number),
    oneLine(
      `- created ${item.created_at} by ${item.created_by}, updated ${item.updated_at} by ${item.updated_by}`,
    ),
    ...field('completed', item.completed_at),
    ...field('deleted', item.deleted_at),
    ...field('open conflicts', item.open_conflicts),
    ...linkLines(item),
    ...(item.description === null ? [] : ['', '## Description', '', ...quoted(item.description)]),
    ...(Object.keys(item.metadata).length === 0
      ? []
      : ['', '## Metadata', '', ...quoted(cut(JSON.stringify(item.metadata), METADATA_MAX_CHARACTERS))]),
    '',
  ].join('\n');
}

function linkLines({ id, dependencies = [] }: WorkItemView): string[] {
  if (dependencies.length === 0) return [];
  const lines = dependencies.slice(0, LINKS_MAX).map(({ source_id, dependency_type, other }) => {
    const words = source_id === id ? FORWARD[dependency_type] : BACKWARD[dependency_type];
    return `- ${words} ${shortId(other.id)} ${other.status} ${oneLine(other.title)}`;
  });
  const left = dependencies.length - lines.length;
  return ['', '## Links', '', ...lines, ...(left > 0 ? [`- and ${left} more: query_work_item`] : [])];
}

const FORWARD = {
  blocks: 'blocks',
  depends_on: 'depends on',
  relates_to: 'relates to',
  discovered_from: 'was discovered from',
} as const;
const BACKWARD = {
  blocks: 'is blocked by',
  depends_on: 'is needed by',
  relates_to: 'relates to',
  discovered_from: 'led to',
} as const;

import * as z from 'zod';
import { line } from '../../domain/fields.ts';
import { LABEL_MAX_CHARACTERS } from '../../domain/limits.ts';
import { definePrompt, steps } from '../definitions/define-prompt.ts';
import { brokenVendors, itemList } from './sections.ts';

export const triagePrompt = definePrompt({
  name: 'triage',
  title: 'Triage',
  description: 'Go through what is planned and blocked, and put it in order.',
  input: z.object({
    label: line(LABEL_MAX_CHARACTERS).optional().describe('Only items with this label'),
  }),
  text: async ({ context, offers }, { label }) => {
    const of = { ...(label !== undefined && { label }) };
    const lists = [
      await itemList(context, 'Blocked', { status: 'blocked', ...of }),
      await itemList(context, 'Planned, most urgent first', { status: 'planned', sort: 'priority', ...of }),
      await itemList(context, 'Active, last updated first', { status: 'active', ...of }),
      ...(label === undefined ? [await brokenVendors(context)] : []),
    ].filter((list) => list !== '');
    return [
      `Triage the work items${label === undefined ? '' : ` labelled ${label}`} of this project. Ask before you cancel or delete anything.`,
      '',
      ...(lists.length > 0 ? lists : ['There is nothing to triage.\n']),
      steps(
        offers('list_work_items') && 'Page through the rest of each list with list_work_items.',
        offers('search') && 'Look for duplicates with search.',
        offers('query_work_item') &&
          'Read each item before you judge it: query_work_item shows what blocks it.',
        offers('update_work_item') &&
          'Set status, priority (1 is highest) and labels with update_work_item, passing the version you read; a blocked item needs metadata.blocked_reason.',
        offers('link_work_items') && 'Link what blocks what with link_work_items.',
        offers('list_conflicts') && 'Settle what list_conflicts shows.',
        'Report what you changed and what needs a decision.',
      ),
    ].join('\n');
  },
});

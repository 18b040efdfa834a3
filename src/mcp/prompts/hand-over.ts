import * as z from 'zod';
import { idOrPrefix, line } from '../../domain/fields.ts';
import { NAME_MAX_CHARACTERS } from '../../domain/limits.ts';
import { suggestItems } from '../../use-cases/records/completion.ts';
import { definePrompt, steps } from '../definitions/define-prompt.ts';
import { itemWithSurroundings, readItem } from './sections.ts';

export const handOverPrompt = definePrompt({
  name: 'hand_over',
  title: 'Hand over',
  description: 'Leave an item so that somebody else can go on with it.',
  input: z.object({
    item_id: idOrPrefix.describe('The work item: its id or the first 6 or more characters'),
    to: line(NAME_MAX_CHARACTERS).optional().describe('Who goes on with it; anybody by default'),
  }),
  suggest: { item_id: suggestItems },
  text: async ({ context, offers }, { item_id, to }) => {
    const item = await readItem(context, item_id);
    return [
      `Hand this work item over${to === undefined ? '' : ` to ${to}`}:`,
      '',
      itemWithSurroundings(item),
      steps(
        'Write down what is done, what is left, what you tried that failed, and where to begin: short, with file names and commands.',
        offers('add_note') && `Save it with add_note for ${item.id}.`,
        offers('create_work_item') &&
          `Put what is left and can be done on its own into items below it: create_work_item with parent_id "${item.id}".`,
        offers('link_work_items') && 'Link what blocks what with link_work_items.',
        to !== undefined &&
          offers('update_work_item') &&
          `Set its assignee to ${JSON.stringify(to)} with update_work_item, passing its latest version.`,
        offers('claim_work_item') &&
          `If you hold a claim on it, ${to === undefined ? 'release it: claim_work_item with action "release"' : `hand it over: claim_work_item with action "hand_over" and to ${JSON.stringify(to)}`}, with the token of your claim.`,
      ),
    ].join('\n');
  },
});

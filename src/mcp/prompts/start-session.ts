import * as z from 'zod';
import { line } from '../../domain/fields.ts';
import { TITLE_MAX_CHARACTERS } from '../../domain/limits.ts';
import { definePrompt, steps } from '../definitions/define-prompt.ts';
import { brokenVendors, itemList, situation } from './sections.ts';

export const startSessionPrompt = definePrompt({
  name: 'start_session',
  title: 'Start a session',
  description: 'Where the project stands, and how to begin working on it.',
  input: z.object({
    goal: line(TITLE_MAX_CHARACTERS).optional().describe('What this session is for, in one line'),
  }),
  text: async ({ context, offers }, { goal }) =>
    [
      `Start a working session on this project${goal === undefined ? '' : ` with this goal: ${goal}`}. Worktrail keeps its work items.`,
      '',
      await situation(context),
      await itemList(context, 'In progress', { status: 'active' }),
      await itemList(context, 'Ready to start', { ready: true, status: 'planned' }),
      await itemList(context, 'Blocked', { status: 'blocked' }),
      await brokenVendors(context),
      steps(
        offers('get_brief') && 'Call get_brief for what changed since you were last here.',
        offers('create_work_item') &&
          `Unless the current session fits, create one: create_work_item {"item_type":"session","title":"${goal === undefined ? '<goal>' : titleText(goal)}"}.`,
        offers('update_project_configuration') &&
          'Make it current: update_project_configuration with current_session_id.',
        offers('claim_work_item')
          ? 'Take one item with claim_work_item, so that nobody else works on it.'
          : offers('list_work_items') &&
              'Choose one item: list_work_items {"ready":true,"sort":"priority"} tells what can be started.',
        offers('query_work_item') && 'Read it with query_work_item before you begin; note its version.',
        offers('update_work_item') &&
          'Keep its status current with update_work_item, passing the version you read.',
      ),
    ]
      .filter((part) => part !== '')
      .join('\n'),
});

function titleText(goal: string): string {
  return JSON.stringify(goal).slice(1, -1);
}

import * as z from 'zod';
import { idOrPrefix } from '../../domain/fields.ts';
import { suggestItems } from '../../use-cases/records/completion.ts';
import { definePrompt, steps } from '../definitions/define-prompt.ts';
import { currentSession, itemList, itemWithSurroundings, readItem } from './sections.ts';

export const closeSessionPrompt = definePrompt({
  name: 'close_session',
  title: 'Close a session',
  description: 'Bring the tracker up to date and end the session.',
  input: z.object({
    item_id: idOrPrefix
      .optional()
      .describe('The session: its id or the first 6 or more characters; the current one by default'),
  }),
  suggest: { item_id: suggestItems },
  text: async ({ context, offers }, { item_id }) => {
    const id = item_id ?? (await currentSession(context));
    const session = id === null ? undefined : await readItem(context, id);
    return [
      'Close this working session:',
      '',
      session === undefined
        ? 'No session is set as the current one; bring up to date what you worked on.\n'
        : itemWithSurroundings(session),
      await itemList(context, 'Still active', { status: 'active' }),
      steps(
        offers('update_work_item') &&
          'For each item you worked on, set its status, commit_hash and pr_number with update_work_item, passing the version you read.',
        offers('create_work_item') && 'Create items for what you found and did not do.',
        offers('add_note') && 'Leave what the next one must know with add_note.',
        offers('claim_work_item') &&
          'Let go of what you claimed: claim_work_item with action "release" and the token of your claim.',
        offers('record_deployment') && 'If something was deployed, record it with record_deployment.',
        session !== undefined &&
          offers('update_work_item') &&
          `Then complete the session: update_work_item {"id":"${session.id}","version":${session.version},"status":"completed"}.`,
        session !== undefined &&
          offers('update_project_configuration') &&
          'End it as the current one: update_project_configuration with clear ["current_session_id"].',
        'Report in a few lines what was done and what is left.',
      ),
    ].join('\n');
  },
});

import { claimWorkItem, type ClaimedItem, type NothingReady } from '../../use-cases/records/claims.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { oneLine } from '../../domain/others-text.ts';
import { itemLine } from '../definitions/text.ts';

export const claimWorkItemTool = defineTool(claimWorkItem, {
  toolset: 'work',
  title: 'Claim work',
  description:
    'Take an item to work on, so that nobody else does: the one with id, else the next ready one (label, item_type, anywhere below parent_id). The lease ends after lease_minutes (default 30). Keep claim_token: writes that carry it are refused once another has the item; renew, release and hand_over (to a name) need it. Example: {"label":"ui"}',
  parameters: {
    id: 'The item to take; left out: the next ready one',
    action: 'take (default), renew, release or hand_over',
    lease_minutes: '1 to 1440; default 30',
    to: 'With hand_over: who gets it',
    label: 'The next ready one with this label',
    item_type: 'The next ready one of this type',
    parent_id: 'The next ready one below this item',
    claimed_by: 'Who takes it, if not you',
  },
  text: claimText,
});

function claimText(data: ClaimedItem | NothingReady): string {
  if ('nothing_ready' in data) return oneLine(data.nothing_ready);
  const { claim_token, claimed_by, claim_expires_at } = data;
  if (claim_token === null) return `Released ${itemLine(data)}`;
  return `Claimed by ${oneLine(claimed_by ?? '')} until ${claim_expires_at}, claim_token ${claim_token}: ${itemLine(data)}`;
}

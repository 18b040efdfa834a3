import { claimWorkItem, type ClaimedItem, type NothingReady } from '../../use-cases/records/claims.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { oneLine } from '../../domain/others-text.ts';
import { settableOf } from '../definitions/shown.ts';
import { LONG_FIELDS, wholeItemText } from '../definitions/whole-item.ts';

export const claimWorkItemTool = defineTool(claimWorkItem, {
  toolset: 'work',
  title: 'Claim work',
  inCore: true,
  isLoadedFirst: true,
  destroysNothing: true,
  hint: 'claim task, take next ticket, lock, reserve, assign, release, hand over',
  description:
    'Take an item to work on, so that nobody else does: the one with id, else the next ready one. Your session holds it: its writes are refused once another has the item. Example: {"label":"ui"}',
  parameters: {
    id: 'The item to take; left out: the next ready one',
    action: 'Default take',
    lease_minutes: '1 to 1440; default 30',
    to: 'With hand_over: the person or client who gets it',
    label: 'The next ready one with this label',
    item_type: 'The next ready one of this type',
    parent_id: 'The next ready one below this item',
    claimed_by: 'Who takes it, if not you',
  },
  // The whole item: a claim checks no version, and who goes on by the version it answers has to have seen what that holds.
  show: (data: ClaimedItem | NothingReady): ClaimedItem | NothingReady =>
    'nothing_ready' in data ? data : { ...settableOf(data), claim_token: data.claim_token },
  parts: [{ at: 'waiting', rest: () => 'list_work_items {"ready":false,"explain":true}' }, ...LONG_FIELDS],
  text: (shown) => {
    if ('nothing_ready' in shown) return oneLine(shown.nothing_ready);
    const { claim_token, claimed_by, claim_expires_at, ...item } = shown;
    const said =
      claim_token === null
        ? 'Released'
        : `Claimed by ${oneLine(claimed_by ?? '')} until ${claim_expires_at}, claim_token ${claim_token}:`;
    return `${said} ${wholeItemText(item)}`;
  },
});

import { LIST_TOKENS_DEFAULT } from '../../domain/limits.ts';
import { joinLines, oneLine } from '../../domain/others-text.ts';
import { count } from '../../domain/text.ts';
import { archiveWorkItems, type ArchiveOutcome } from '../../use-cases/archive/archive.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { shortId } from '../definitions/text.ts';

export const archiveWorkItemsTool = defineTool(archiveWorkItems, {
  toolset: 'archive',
  title: 'Archive work items',
  hint: 'clean up old closed tasks',
  description:
    'Move closed items, each with all below it, to the archive; without ids all that is due (archive_after_days). Refused while anything in it is open, claimed or the current session. restore brings ids back, with archived ancestors. list_work_items archived shows it. Example: {"ids":["3f2a9c1b"]}',
  parameters: {
    ids: 'Items, each with all below it; left out: all that is due',
    restore: 'Bring them back instead',
    dry_run: 'Show it only',
  },
  budget: LIST_TOKENS_DEFAULT,
  show: ({ subtrees, refused, ...outcome }) => ({
    ...outcome,
    subtrees: subtrees.map(({ id, restored_ancestors, ...one }) => ({
      id: shortId(id),
      ...one,
      ...(restored_ancestors !== undefined && {
        restored_ancestors: restored_ancestors.map((above) => ({ ...above, id: shortId(above.id) })),
      }),
    })),
    ...(refused !== undefined && {
      refused: refused.map(({ id, ...one }) => ({ id: shortId(id), ...one })),
    }),
  }),
  parts: [
    { at: 'subtrees', rest: () => 'list_work_items {"archived":true}' },
    { at: 'refused', rest: () => 'archive_work_items with fewer ids' },
  ],
  text: archiveText,
});

function archiveText(outcome: ArchiveOutcome): string {
  const { action, dry_run, subtrees, subtrees_total, items_total, refused = [], more_due } = outcome;
  const verb = dry_run ? `Would ${action}` : action === 'archive' ? 'Archived' : 'Restored';
  const lines = subtrees.map(({ id, title, items, restored_ancestors: above = [] }) => {
    const with_ =
      above.length === 0 ? '' : `, with what it hangs below: ${above.map(({ id: one }) => one).join(', ')}`;
    return `${id} ${oneLine(title)} (${count(items, 'item')}${with_})`;
  });
  return joinLines([
    `${verb} ${count(items_total, 'item')} in ${count(subtrees_total, 'subtree')}.`,
    ...lines,
    ...refused.map(({ id, title, reason }) => `refused: ${id} ${oneLine(title)}: ${reason}`),
    ...(more_due === true ? ['More is due: call again.'] : []),
  ]);
}

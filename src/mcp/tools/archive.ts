import { joinLines } from '../../domain/others-text.ts';
import { archiveWorkItems, type ArchiveOutcome } from '../../use-cases/archive/archive.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { cutLine, shortId } from '../definitions/text.ts';

const SUBTREES_IN_TEXT = 20;
const TITLE_CHARACTERS = 60;

export const archiveWorkItemsTool = defineTool(archiveWorkItems, {
  toolset: 'archive',
  title: 'Archive work items',
  description:
    'Move closed items, each with all below it, to the archive; without ids all that is due (archive_after_days). Refused while anything in it is open, claimed or the current session. restore brings ids back, with archived ancestors. list_work_items archived shows it. Example: {"ids":["3f2a9c1b"]}',
  parameters: {
    ids: 'Items, each with all below it; left out: all that is due',
    restore: 'Bring them back instead',
    dry_run: 'Show it only',
  },
  text: archiveText,
});

function archiveText(outcome: ArchiveOutcome): string {
  const { action, dry_run, subtrees, subtrees_total, items_total, refused = [], more_due } = outcome;
  const verb = dry_run ? `Would ${action}` : action === 'archive' ? 'Archived' : 'Restored';
  const lines = subtrees
    .slice(0, SUBTREES_IN_TEXT)
    .map(({ id, title, items, restored_ancestors: above = [] }) => {
      const with_ =
        above.length === 0
          ? ''
          : `, with what it hangs below: ${above.map(({ id: one }) => shortId(one)).join(', ')}`;
      return `${shortId(id)} ${cutLine(title, TITLE_CHARACTERS)} (${items} items${with_})`;
    });
  const left = subtrees_total - lines.length;
  return joinLines([
    `${verb} ${items_total} items in ${subtrees_total} subtrees.`,
    ...lines,
    ...(left > 0 ? [`and ${left} more`] : []),
    ...refused.map(
      ({ id, title, reason }) => `refused: ${shortId(id)} ${cutLine(title, TITLE_CHARACTERS)}: ${reason}`,
    ),
    ...(more_due === true ? ['More is due: call again.'] : []),
  ]);
}

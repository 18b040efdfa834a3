/** Where an update puts an item among its siblings. */
import { notFound, validationError } from '../../domain/errors.ts';
import { positionBetween } from '../../domain/position.ts';
import type { UpdateWorkItemInput } from '../../domain/work-item.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import { findItemId } from '../support/find-id.ts';

/**
 * The position of an item before or after a sibling.
 * @param parent_id the parent that the same update gives it; undefined where it stays where it is
 */
export async function newPosition(
  reader: Reader,
  id: string,
  { before, after }: NonNullable<UpdateWorkItemInput['position']>,
  parent_id: string | null | undefined,
): Promise<string> {
  const wrong = (constraint: string) =>
    validationError(
      { field: 'position', constraint, value: { before, after } },
      'Give {"before": ID} or {"after": ID} of a sibling; to move the item below another parent, give parent_id too.',
    );
  const hex = before ?? after;
  if (hex === undefined || (before !== undefined && after !== undefined))
    throw wrong('needs before or after');
  const beside = await findItemId(reader, hex, 'position');
  if (beside === id) throw wrong('names the item itself');
  const found = await reader.findWorkItems([id, beside]);
  const [item, sibling] = [id, beside].map((one) => found.find((row) => row.id === one));
  if (item === undefined || sibling === undefined)
    throw notFound('work item', { id: item === undefined ? id : beside });
  if (sibling.parent_id !== (parent_id === undefined ? item.parent_id : parent_id)) {
    throw wrong(`"${sibling.title}" and "${item.title}" have different parents`);
  }
  const next = await reader.findPositionBeside(sibling, before === undefined ? 'after' : 'before', id);
  return before === undefined
    ? positionBetween(sibling.position, next)
    : positionBetween(next, sibling.position);
}

/** Ids and prefixes of ids, wherever one is taken. */
import { notFound, validationError, isError } from '../../domain/errors.ts';
import { formatUuid, idRange } from '../../domain/ids.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { Entity } from '../../domain/change.ts';

type Look = (range: { from: string; to: string }, limit: number) => Promise<{ id: string; title: string }[]>;

const FULL_HEX_LENGTH = 32;
const CANDIDATES_MAX = 5;

/**
 * The id that `hex` (6 to 32 lowercase hex characters) stands for. A full id is not looked up here.
 * @throws NotFoundError for no match, ValidationError listing the candidates for several
 */
export async function findId(look: Look, entity: string, hex: string, field = 'id'): Promise<string> {
  if (hex.length === FULL_HEX_LENGTH) return formatUuid(hex);
  const found = await look(idRange(hex), CANDIDATES_MAX + 1);
  const [only] = found;
  if (only === undefined) throw notFound(entity, { id: hex });
  if (found.length === 1) return only.id;
  const candidates = found.slice(0, CANDIDATES_MAX);
  const error = validationError(
    {
      field,
      constraint: `is the beginning of ${found.length > CANDIDATES_MAX ? 'many' : found.length} ids: ${candidates.map(({ id, title }) => `${id} (${title})`).join(', ')}${found.length > CANDIDATES_MAX ? ', …' : ''}`,
      value: hex,
    },
    'Call again with more characters of the id you mean.',
  );
  error.details['candidates'] = candidates;
  throw error;
}

/** `findId` among work items. */
export function findItemId(reader: Reader, hex: string, field = 'id'): Promise<string> {
  return findId(reader.findWorkItemsByIdRange, 'work item', hex, field);
}

/** An id may be of any kind of record; a prefix is looked for among work items first. */
export async function findRecordId(reader: Reader, hex: string): Promise<string> {
  for (const [noun, look] of LOOKS) {
    try {
      return await findId(reader[look], noun, hex);
    } catch (error) {
      if (!isError(error, 'NotFoundError')) throw error;
    }
  }
  throw notFound('record', { id: hex });
}

type LookName = { [Name in keyof Reader]: Reader[Name] extends Look ? Name : never }[keyof Reader];

/** In the order in which they are asked; null for what is found by other ways than its own id. */
const LOOKS_OF: { readonly [E in Entity]: LookName | null } = {
  work_item: 'findWorkItemsByIdRange',
  deployment: 'findDeploymentsByIdRange',
  vendor: 'findVendorsByIdRange',
  enhancement: 'findEnhancementsByIdRange',
  dependency: null,
  note: null,
  configuration: null,
  conflict: null,
};
const LOOKS = Object.entries(LOOKS_OF).flatMap(([entity, look]): [string, LookName][] =>
  look === null ? [] : [[entity.replace('_', ' '), look]],
);

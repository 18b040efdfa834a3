/** Values that a half-typed argument may become. */
import { idRange } from '../../domain/ids.ts';
import { vendorNameKey } from '../../domain/vendor.ts';
import { listWorkItemsInput } from '../../domain/work-item.ts';
import { type Context, PROGRAM } from '../support/context.ts';
import { listWorkItems } from './work-items.ts';

export interface Suggestion {
  value: string;
  /** What the value stands for, where it does not say so itself. */
  title?: string;
}

const SUGGESTIONS_MAX = 20;
const VENDORS_MAX = 1_000;
const HEX_DIGITS = 32;
const TITLE_PART_MAX_CHARACTERS = 200;

/** Ids of work items: that begin as typed, else whose title or description has what was typed; the latest for nothing. */
export async function suggestItems(context: Context, typed: string): Promise<Suggestion[]> {
  const hex = typed.trim().toLowerCase().replaceAll('-', '');
  if (hex !== '' && hex.length <= HEX_DIGITS && /^[0-9a-f]+$/.test(hex)) {
    const { data: found } = await context.store.read((reader) =>
      reader.findWorkItemsByIdRange(idRange(hex), SUGGESTIONS_MAX),
    );
    if (found.length > 0) return found.map(({ id, title }) => ({ value: id, title }));
  }
  const part = Array.from(typed.trim()).slice(0, TITLE_PART_MAX_CHARACTERS).join('');
  const filter = listWorkItemsInput.safeParse({
    limit: SUGGESTIONS_MAX,
    ...(part !== '' && { text: part }),
  });
  if (!filter.success) return [];
  const { data } = await listWorkItems.run(context, PROGRAM, filter.data);
  return data.items.map(({ id, title }) => ({ value: id, title }));
}

/** Names of vendors that begin as typed, in any case. */
export async function suggestVendors(context: Context, typed: string): Promise<Suggestion[]> {
  const key = vendorNameKey(typed);
  const { data: names } = await context.store.read((reader) => reader.vendorNames(VENDORS_MAX));
  return names.filter((name) => vendorNameKey(name).startsWith(key)).map((value) => ({ value }));
}

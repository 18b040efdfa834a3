/** Which records a stretch of the feed altered, and which others show something of those. */
import type { Entity } from '../../domain/change.ts';
import { vendorNameKey } from '../../domain/vendor.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { Context } from './context.ts';
import type { FeedNews } from '../../storage/contract/feed-news.ts';

/** Of more changed items it is not asked what they are linked to: every item then counts as touched. */
const LINKS_ASKED_MAX = 50;

export class TouchedRecords {
  /** Ids of the changed records and of those they belong to, as lowercase hex without hyphens. */
  readonly #ids = new Set<string>();
  readonly #entities = new Set<Entity>();
  #linked: Promise<Set<string> | undefined> | undefined;

  constructor(
    private readonly context: Pick<Context, 'store'>,
    private readonly news: FeedNews,
  ) {
    for (const { entity, entity_id, related_id } of news.entries) {
      this.#entities.add(entity);
      this.#ids.add(hexOf(entity_id));
      if (related_id !== null) this.#ids.add(hexOf(related_id));
    }
  }

  /** Whether any record of the kind changed, or may have. */
  any(entity: Entity): boolean {
    return this.news.isPartial || this.#entities.has(entity);
  }

  /**
   * Whether a work item, or what is shown with it, changed or may have: its links and notes, the items it is linked
   * to, conflicts over it.
   * @param hex its id or the beginning of it, lowercase, without hyphens
   */
  async item(hex: string): Promise<boolean> {
    if (this.news.isPartial || startsAny(this.#ids, hex)) return true;
    if (!this.any('work_item') && !this.any('conflict')) return false;
    const linked = await (this.#linked ??= this.#findLinked());
    return linked === undefined || startsAny(linked, hex);
  }

  /** The same for a vendor; false for a name that nobody has. */
  async vendor(name: string): Promise<boolean> {
    if (this.news.isPartial) return true;
    if (!this.any('vendor') && !this.any('conflict')) return false;
    const { data: vendor } = await this.context.store.read((reader) =>
      reader.findVendorByKey(vendorNameKey(name)),
    );
    if (vendor === undefined) return false;
    const id = hexOf(vendor.id);
    const linked = await (this.#linked ??= this.#findLinked());
    return this.#ids.has(id) || linked === undefined || linked.has(id);
  }

  /** Undefined when that is too much to ask. */
  async #findLinked(): Promise<Set<string> | undefined> {
    const of = (kind: Entity) =>
      new Set(this.news.entries.filter(({ entity }) => entity === kind).map(({ entity_id }) => entity_id));
    const [items, conflicts] = [of('work_item'), of('conflict')];
    if (items.size + conflicts.size > LINKS_ASKED_MAX) return undefined;
    const { data } = await this.context.store.read(async (reader) => [
      ...(await linkedItems(reader, items)),
      ...(await contestedRecords(reader, conflicts)),
    ]);
    return new Set(data.map(hexOf));
  }
}

async function linkedItems(reader: Reader, ids: Set<string>): Promise<string[]> {
  const links = await reader.findLinksOf([...ids]);
  return links.flatMap(({ source_id, target_id }) => [source_id, target_id]);
}

async function contestedRecords(reader: Reader, ids: Set<string>): Promise<string[]> {
  const found: string[] = [];
  for (const id of ids) {
    const conflict = await reader.findConflict(id);
    if (conflict !== undefined) found.push(...conflict.changes.map(({ entity_id }) => entity_id));
  }
  return found;
}

function startsAny(ids: ReadonlySet<string>, hex: string): boolean {
  if (ids.has(hex)) return true;
  for (const id of ids) if (id.startsWith(hex)) return true;
  return false;
}

function hexOf(id: string): string {
  return id.replaceAll('-', '');
}

// The seven kinds of writes that have to do with work items, each with how it is looked for in the end.
import type { Tracker } from '../../storage/tracker.ts';

type Item = { id: string; version: number };

/** Whether it is there, once. */
export type IsThere = (there: Tracker) => Promise<boolean>;

/** @param named a title or text that no other write has; the items are this write's own, as they were made */
export type Write = (tracker: Tracker, named: string, item: Item, other: Item) => Promise<IsThere>;

export const KINDS_OF_WRITES: Readonly<Record<string, Write>> = {
  create: async (tracker, title) => {
    const { id } = await tracker.create({ title, labels: ['new'] });
    return async (there) => isNamed(await there.query(id), title, 1);
  },
  update: async (tracker, title, item) => {
    await tracker.update(item, { title, labels: ['changed'] });
    return async (there) => isNamed(await there.query(item.id), title, 2);
  },
  plan: async (tracker, title) => {
    const { ids } = await tracker.plan([
      { key: 'above', item_type: 'task', title },
      { key: 'below', item_type: 'task', title: 'Below', parent: 'above', depends_on: [] },
    ]);
    return async (there) => (await there.query(String(ids['above']))).children?.length === 1;
  },
  link: async (tracker, _title, item, other) => {
    await tracker.link(item, 'blocks', other);
    return async (there) => (await there.query(item.id)).dependencies?.length === 1;
  },
  bulk: async (tracker, title, item, other) => {
    await tracker.updateMany([item, other].map(({ id, version }) => ({ id, version, title })));
    return async (there) => isNamed(await there.query(other.id), title, 2);
  },
  claim: async (tracker, _title, item) => {
    await tracker.claim({ id: item.id });
    return async (there) => (await there.query(item.id)).claimed_by === 'ada';
  },
  note: async (tracker, text, item) => {
    await tracker.note(item, text);
    return async (there) => (await there.notes(item)).items.filter((note) => note.text === text).length === 1;
  },
};

function isNamed(item: { title: string; version: number }, title: string, version: number): boolean {
  return item.title === title && item.version === version;
}

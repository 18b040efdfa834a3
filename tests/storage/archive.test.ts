// The archive: what goes there, what stays, and that everything comes back as it was.
import { eq } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { archiveInput } from '../../src/domain/archive.ts';
import { parseInput } from '../../src/domain/validate.ts';
import type { WorkItem } from '../../src/domain/work-item.ts';
import { archiveDue, archiveWorkItems, type DueOptions } from '../../src/use-cases/archive/archive.ts';
import { openPrimary } from '../../src/storage/opening/open-primary.ts';
import type { Connection, Session } from '../../src/storage/database/connection.ts';
import { describeEachBackend, openTracker } from './backends.ts';
import type { Arguments, Tracker } from './tracker.ts';
import { chainOf } from './trees.ts';

const DAY_SECONDS = 86_400;

const archiveAnswer = (tracker: Tracker, args: Arguments) =>
  archiveWorkItems.run(tracker.context, tracker.caller, parseInput(archiveInput, args));
const archive = async (tracker: Tracker, ...items: { id: string }[]) =>
  (await archiveAnswer(tracker, { ids: items.map(({ id }) => id) })).data;
const restore = async (tracker: Tracker, ...items: { id: string }[]) =>
  (await archiveAnswer(tracker, { ids: items.map(({ id }) => id), restore: true })).data;
const due = async (tracker: Tracker, options?: DueOptions) =>
  (await archiveDue(tracker.context, tracker.caller, options)).data;
const close = (tracker: Tracker, item: WorkItem) => tracker.update(item, { status: 'completed' });
const titles = (outcome: { subtrees: { title: string }[] }) =>
  outcome.subtrees.map(({ title }) => title).sort();

/** What an item says, without what every change raises. */
const content = ({ version: _v, updated_at: _at, updated_by: _by, ...rest }: Record<string, unknown>) => rest;

/** A completed project with two tasks, one of them with a task of its own. */
async function closedProject(tracker: Tracker, title = 'Old project') {
  const project = await tracker.create({ item_type: 'project', title, status: 'completed' });
  const first = await tracker.create({
    title: `${title}: first`,
    parent_id: project.id,
    status: 'completed',
  });
  const second = await tracker.create({
    title: `${title}: second`,
    parent_id: first.id,
    status: 'cancelled',
  });
  return { project, first, second };
}

describeEachBackend('the archive', (backend) => {
  it('takes a closed subtree whole, out of every default view, and shows it on request', async () => {
    const tracker = await openTracker(backend);
    const { project, first, second } = await closedProject(tracker);
    const live = await tracker.create({ title: 'Live' });
    await tracker.link(first, 'relates_to', live);
    tracker.clock.advance(60);

    expect(await archive(tracker, project)).toEqual({
      action: 'archive',
      dry_run: false,
      subtrees: [{ id: project.id, title: 'Old project', items: 3 }],
      subtrees_total: 1,
      items_total: 3,
    });
    expect(await tracker.titles()).toEqual(['Live']);
    expect((await tracker.list({ status: 'completed' })).total_count).toBe(0);
    expect((await tracker.list({ archived: true })).total_count).toBe(3);
    const shown = await tracker.query(project.id);
    expect(shown).toMatchObject({ archived_at: tracker.clock.iso, version: 2 });
    expect(shown.children?.[0]).toMatchObject({ id: first.id, children: [{ id: second.id }] });
    const { dependencies, ancestors } = await tracker.query(first.id);
    expect(dependencies).toHaveLength(1);
    expect(ancestors.map(({ id }) => id)).toEqual([project.id]);
    for (const { id } of [project, first, second]) {
      const { items } = await tracker.history({ id });
      expect(items[0]).toMatchObject({
        kind: 'archive',
        version: 2,
        fields: [{ field: 'archived_at', from: null, to: tracker.clock.iso }],
      });
    }
  });

  it.each(['planned', 'active', 'blocked'])('refuses a subtree with something %s in it', async (status) => {
    const tracker = await openTracker(backend);
    const { project, second } = await closedProject(tracker);
    const open = await tracker.create({ title: 'Not done', parent_id: second.id, status });
    await expect(archive(tracker, project)).rejects.toMatchObject({
      name: 'ValidationError',
      message: expect.stringContaining(`"Not done" is ${status}`) as string,
      details: { in_the_way: [{ id: open.id }] },
    });
    expect((await tracker.list({ archived: true })).total_count).toBe(0);
    expect((await tracker.query(project.id)).version).toBe(1);
  });

  it('refuses the current session and what is above it, and a session there cannot become current', async () => {
    const tracker = await openTracker(backend);
    const project = await tracker.create({ item_type: 'project', status: 'completed' });
    const session = await tracker.create({
      item_type: 'session',
      title: 'Now',
      parent_id: project.id,
      status: 'completed',
    });
    await tracker.configure(1, { current_session_id: session.id });
    tracker.clock.advance(400 * DAY_SECONDS);
    await expect(archive(tracker, project)).rejects.toThrow('"Now" is the current session');
    expect((await due(tracker)).items_total).toBe(0);
    await tracker.configure(2, { current_session_id: null });
    expect((await due(tracker)).items_total).toBe(2);
    await expect(tracker.configure(3, { current_session_id: session.id })).rejects.toThrow(
      'is in the archive',
    );
  });

  it('lets nothing that is claimed go, and ends a claim that is over', async () => {
    const tracker = await openTracker(backend);
    const { project, first } = await closedProject(tracker);
    await claim(tracker, first.id, 'bob', 1);
    await expect(archive(tracker, project)).rejects.toThrow('is claimed by bob until');
    tracker.clock.advance(2 * DAY_SECONDS);
    expect((await archive(tracker, project)).items_total).toBe(3);
    expect(await tracker.query(first.id)).toMatchObject({ claimed_by: null, claim_expires_at: null });
    expect(await claimOf(tracker, first.id)).toMatchObject({ token: 7, holder: null, expires_at: null });
  });

  it('archives what is due by the age of every item, whole where it can be, and leaves the rest', async () => {
    const tracker = await openTracker(backend);
    const { first } = await closedProject(tracker, 'All old');
    const mixed = await closedProject(tracker, 'One open');
    await tracker.create({ title: 'Open', parent_id: mixed.project.id });
    const young = await closedProject(tracker, 'One young');
    const live = await tracker.create({ title: 'Live project', item_type: 'project' });
    await tracker.create({ title: 'Done below live', parent_id: live.id, status: 'completed' });
    const gone = await tracker.create({ title: 'Deleted' });
    await tracker.update(gone, { deleted_at: tracker.clock.iso });
    tracker.clock.advance(364 * DAY_SECONDS);
    await tracker.create({ title: 'New', parent_id: young.project.id, status: 'completed' });
    expect((await due(tracker)).items_total).toBe(0);

    tracker.clock.advance(2 * DAY_SECONDS);
    const preview = await due(tracker, { dryRun: true });
    expect(titles(preview)).toEqual([
      'All old',
      'Deleted',
      'Done below live',
      'One open: first',
      'One young: first',
    ]);
    expect((await tracker.list({ archived: true, include_deleted: true })).total_count).toBe(0);
    expect(await due(tracker)).toEqual({ ...preview, dry_run: false });
    expect((await tracker.list({ archived: true, include_deleted: true })).total_count).toBe(9);
    expect((await tracker.titles({ sort: 'title' })).sort()).toEqual([
      'Live project',
      'New',
      'One open',
      'One young',
      'Open',
    ]);
    expect((await due(tracker)).items_total).toBe(0);
    expect((await restore(tracker, first)).subtrees[0]?.restored_ancestors).toHaveLength(1);
    // On request it goes again; a run that nobody asked for leaves it alone.
    expect((await due(tracker, { sparesRestored: true })).items_total).toBe(0);
    expect((await due(tracker)).items_total).toBe(3);
  });

  it('works in transactions of about a hundred items, no subtree over two of them', async () => {
    const tracker = await openTracker(backend);
    const roots: WorkItem[] = [];
    for (let index = 0; index < 90; index += 1) {
      const root = await tracker.create({ title: `root ${index}`, status: 'completed' });
      await tracker.create({ title: `below ${index}`, parent_id: root.id, status: 'cancelled' });
      roots.push(root);
    }
    tracker.clock.advance(400 * DAY_SECONDS);
    const sizes: number[] = [];
    const store = tracker.context.store;
    const counting = {
      ...tracker.context,
      store: {
        read: store.read.bind(store),
        write: (changes: Parameters<typeof store.write>[0]) => {
          sizes.push(changes.length);
          return store.write(changes);
        },
      } as typeof store,
    };
    const { data } = await archiveDue(counting, tracker.caller);
    expect(data).toMatchObject({ subtrees_total: 90, items_total: 180 });
    expect(data.subtrees).toHaveLength(50);
    expect(sizes).toEqual([50, 40]);
  });

  it('goes on where a limit or a stop ended it', async () => {
    const tracker = await openTracker(backend);
    for (let index = 0; index < 7; index += 1) await closedProject(tracker, `P${index}`);
    tracker.clock.advance(400 * DAY_SECONDS);
    expect(await due(tracker, { itemsMax: 6 })).toMatchObject({ items_total: 6, more_due: true });
    expect(await due(tracker, { shouldStop: () => true })).toMatchObject({ items_total: 0, more_due: true });
    const rest = await due(tracker);
    expect(rest.items_total).toBe(15);
    expect(rest).not.toHaveProperty('more_due');
  });

  it('keeps what it holds from being altered, and says how to get it back', async () => {
    const tracker = await openTracker(backend);
    const { project, first } = await closedProject(tracker);
    const other = await tracker.create({ title: 'Other' });
    await archive(tracker, project);
    const how = { next: expect.stringContaining('"restore":true') as string };
    const now = await tracker.query(first.id);
    await expect(tracker.update(now, { status: 'active' })).rejects.toMatchObject(how);
    await expect(tracker.update(first, { title: 'Stale too' })).rejects.toMatchObject(how);
    await expect(tracker.update(now, { deleted_at: tracker.clock.iso })).rejects.toMatchObject(how);
    await expect(tracker.create({ parent_id: project.id })).rejects.toMatchObject(how);
    await expect(tracker.update(other, { parent_id: first.id })).rejects.toMatchObject(how);
    await expect(tracker.link(first, 'blocks', other)).rejects.toMatchObject(how);
    await tracker.link(other, 'discovered_from', first);
    expect((await tracker.query(other.id)).dependencies).toHaveLength(1);
  });

  it('brings an item back with what it hangs below and what hangs below it', async () => {
    const tracker = await openTracker(backend);
    const { project, first, second } = await closedProject(tracker);
    const sibling = await tracker.create({ title: 'Sibling', parent_id: project.id, status: 'completed' });
    const before = await Promise.all([project, first, second].map(({ id }) => tracker.query(id)));
    await archive(tracker, project);
    expect(await restore(tracker, first)).toMatchObject({
      items_total: 3,
      subtrees: [{ id: first.id, restored_ancestors: [{ id: project.id, title: 'Old project' }] }],
    });
    expect((await tracker.query(sibling.id)).archived_at).not.toBeNull();
    await restore(tracker, sibling);
    const after = await Promise.all([project, first, second].map(({ id }) => tracker.query(id)));
    for (const [index, item] of after.entries()) {
      const { ancestors: _a, children: _c, dependencies: _d, ...record } = item;
      const { ancestors: _1, children: _2, dependencies: _3, ...was } = before[index] ?? item;
      expect(content(record)).toEqual(content(was));
      expect(record.version).toBe(3);
    }
    expect((await tracker.list({ archived: true })).total_count).toBe(0);
  });

  it('does nothing twice, and all that is named or nothing', async () => {
    const tracker = await openTracker(backend);
    const { project } = await closedProject(tracker);
    const open = await tracker.create({ title: 'Open' });
    await expect(archive(tracker, project, open)).rejects.toThrow('"Open" is active');
    expect((await tracker.query(project.id)).archived_at).toBeNull();
    expect((await restore(tracker, project)).items_total).toBe(0);
    const key = { ids: [project.id], idempotency_key: 'once' };
    const first = await archiveAnswer(tracker, key);
    const { seq } = (await tracker.store.read((reader) => reader.findFeedPosition())).data;
    expect((await archiveAnswer(tracker, key)).data).toEqual(first.data);
    const again = await archiveAnswer(tracker, { ids: [project.id] });
    expect(again.data.items_total).toBe(0);
    expect(again.warnings).toMatchObject([{ code: 'already_archived' }]);
    expect((await tracker.store.read((reader) => reader.findFeedPosition())).data.seq).toBe(seq);
    await expect(archiveAnswer(tracker, { restore: true })).rejects.toMatchObject({
      details: { field: 'ids' },
    });
  });

  it('tells beforehand what would move and what would be refused', async () => {
    const tracker = await openTracker(backend);
    const { project, first } = await closedProject(tracker);
    const open = await tracker.create({ title: 'Open' });
    const ids = [project.id, open.id];
    const { data } = await archiveAnswer(tracker, { ids, dry_run: true });
    expect(data).toMatchObject({
      dry_run: true,
      items_total: 3,
      refused: [{ id: open.id, title: 'Open', reason: '"Open" is active' }],
    });
    await archive(tracker, project);
    const back = await archiveAnswer(tracker, { ids: [first.id], restore: true, dry_run: true });
    expect(back.data).toMatchObject({
      items_total: 3,
      subtrees: [{ restored_ancestors: [{ id: project.id }] }],
    });
    expect((await tracker.query(first.id)).archived_at).not.toBeNull();
  });

  it('goes with a live parent that is moved, and is not left behind by one that is deleted', async () => {
    const tracker = await openTracker(backend);
    const [top, middle] = await chainOf(tracker, 2);
    const done = await tracker.create({ title: 'Done', parent_id: middle.id, status: 'completed' });
    await archive(tracker, done);
    await expect(tracker.update(middle, { deleted_at: tracker.clock.iso })).rejects.toThrow('in the archive');
    const moved = await tracker.update(middle, { parent_id: null });
    expect((await tracker.query(done.id)).path).toBe(`/${middle.id}/${done.id}`);
    const deleted = await tracker.update(moved, { deleted_at: tracker.clock.iso, cascade: true });
    expect(await tracker.query(done.id)).toMatchObject({ deleted_at: tracker.clock.iso });
    await tracker.update(deleted, { deleted_at: null, cascade: true });
    expect(await tracker.query(done.id)).toMatchObject({ deleted_at: null, status: 'completed' });
    expect((await tracker.query(done.id)).archived_at).not.toBeNull();
    await restore(tracker, done);
    expect((await tracker.query(top.id)).children).toEqual([]);
    expect((await tracker.query(middle.id)).children).toMatchObject([{ id: done.id }]);
  });

  it('lets go of what is open again when a deletion is taken back', async () => {
    const tracker = await openTracker(backend);
    const [top, middle, leaf] = await chainOf(tracker, 3);
    const deleted = await tracker.update(top, { deleted_at: tracker.clock.iso, cascade: true });
    await archive(tracker, middle);
    await tracker.update(deleted, { deleted_at: null, cascade: true });
    for (const { id } of [middle, leaf]) {
      expect(await tracker.query(id)).toMatchObject({
        archived_at: null,
        deleted_at: null,
        status: 'active',
      });
    }
  });

  it('never archives what is reopened at the same moment', async () => {
    const tracker = await openTracker(backend);
    for (let round = 0; round < 10; round += 1) {
      const item = await close(tracker, await tracker.create({ title: `Race ${round}` }));
      const [archived, reopened] = await Promise.allSettled([
        archive(tracker, item),
        tracker.update(item, { status: 'active' }),
      ]);
      expect([archived.status, reopened.status].sort()).toEqual(['fulfilled', 'rejected']);
      const now = await tracker.query(item.id);
      expect(now.archived_at === null ? now.status : 'archived').toBe(
        reopened.status === 'fulfilled' ? 'active' : 'archived',
      );
    }
  });
});

/** A claim as the tables hold it. */
async function claim(tracker: Tracker, item_id: string, holder: string, days: number): Promise<void> {
  const expires_at = new Date(tracker.clock.now().getTime() + days * DAY_SECONDS * 1000).toISOString();
  await inTransaction(tracker, async (c) => {
    const { workItems, claims } = c.tables;
    await c.db
      .update(workItems)
      .set({ claimed_by: holder, claim_expires_at: expires_at })
      .where(eq(workItems.id, item_id));
    await c.db.insert(claims).values({
      ...{ item_id, token: 7, holder, client: 'test', expires_at, lease_seconds: 60, handed_over: 0 },
      granted_by: item_id,
    });
  });
}

async function claimOf(tracker: Tracker, item_id: string) {
  return await inTransaction(tracker, async (c) => {
    const [row] = await c.db.select().from(c.tables.claims).where(eq(c.tables.claims.item_id, item_id));
    return row;
  });
}

async function inTransaction<T>(tracker: Tracker, work: (c: Connection) => Promise<T>): Promise<T> {
  const primary = await openPrimary(tracker.place);
  try {
    // Nothing but a test writes rows past the rules.
    return await (primary as unknown as { session: Session }).session.write(work);
  } finally {
    await primary.close();
  }
}

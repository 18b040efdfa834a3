// What a session is told, call by call: nothing is lost between calls that overlap, and nothing is told twice.
import { beforeEach, expect, it } from 'vitest';
import { SessionNews, type FoundNews } from '../../src/use-cases/support/session-news.ts';
import { describeEachBackend, openTracker } from '../storage/backends.ts';
import type { Tracker } from '../storage/tracker.ts';

const bens = { actor: 'ben', person: 'ben', client: 'test-client/1.0', session: 'bens' };
const short = (id: string) => id.slice(0, 8);

describeEachBackend('news of a session', (backend) => {
  let tracker: Tracker;
  let news: SessionNews;
  let item: { id: string; version: number };
  const look = () => news.look(tracker.context, tracker.caller);
  const tell = (found: FoundNews | undefined) => news.tell(found, (since) => `since ${since}`);
  const told = async () => tell(await look());
  const learn = (data: object, found?: FoundNews) => news.learn({}, data as never, found);

  beforeEach(async () => {
    tracker = await openTracker(backend);
    news = new SessionNews();
    item = await tracker.create({ title: 'Build' });
    expect(await told()).toBeUndefined();
  });

  it('are complete and told once where calls overlap', async () => {
    const slow = await look();
    // The item was read; before that is answered, another call tells of all that happened.
    item = await tracker.update(item, { priority: 1 }, bens);
    const other = await tracker.create({ title: 'Other' }, bens);
    const quick = await look();
    expect(tell(quick)).toBeUndefined();
    learn(other, quick);
    expect(tell(slow)).toBeUndefined();
    learn(item, slow);
    const [again, twice] = [await look(), await look()];
    expect(tell(again)).toBe(`ben changed priority of "Build" (${short(item.id)})`);
    expect([tell(twice), tell(slow), await told()]).toEqual([undefined, undefined, undefined]);

    await tracker.update(item, { priority: 2 }, bens);
    const before = await look();
    await tracker.note(other, 'Seen', {}, bens);
    const after = await look();
    expect(tell(after)).toMatch(
      /^ben (changed priority|added a note).*; ben (changed priority|added a note)/,
    );
    expect([tell(before), await told()]).toEqual([undefined, undefined]);
  });

  it('tell of a lost claim and of a closed blocker, however much else happened', async () => {
    const claimed = await tracker.claim({ id: item.id });
    learn(claimed, await look());
    const busy = await tracker.create({ title: 'Busy' });
    learn(busy, await look());
    const blocker = await tracker.create({ title: 'Blocker' });
    await tracker.link(blocker, 'blocks', busy);
    let version = 1;
    const drown = async () => {
      for (let n = 0; n < 101; n += 1)
        ({ version } = await tracker.update({ ...busy, version }, { description: `draft ${version}` }, bens));
    };
    await tracker.claim({ id: item.id, action: 'release', claim_token: claimed.claim_token }, bens);
    await drown();
    expect(await told()).toMatch(/^ben ended the claim on "Build" \(.*; ben changed description of "Busy"/);
    await tracker.update(blocker, { status: 'completed' }, bens);
    await drown();
    expect(await told()).toMatch(/^"Blocker" \(.{8}\) is completed: "Busy" \(.{8}\) waited for it; /);
  });

  it('reach a session that goes on in another process, which holds what it claimed', async () => {
    await tracker.claim({ id: item.id });
    news = new SessionNews();
    expect(await told()).toBeUndefined();
    await tracker.update(item, { priority: 1 }, bens);
    expect(await told()).toBe(`ben changed priority of "Build" (${short(item.id)})`);
  });
});

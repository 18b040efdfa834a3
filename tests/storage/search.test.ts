// Full-text search on both databases: what is found, in which order, and by what words.
import { beforeAll, describe, expect, it } from 'vitest';
import { describeEachBackend, openTracker } from './backends.ts';
import { HOSTILE } from './search-corpus.ts';
import type { Tracker } from './tracker.ts';

describeEachBackend('full-text search', (backend) => {
  let tracker: Tracker;
  const titles = async (query: string, args = {}): Promise<string[]> =>
    (await tracker.search(query, args)).items.map(({ title }) => title);
  const kinds = async (query: string, args = {}): Promise<string[]> =>
    (await tracker.search(query, args)).items.map(({ entity, title }) => `${entity} ${title}`);

  describe('over a small tracker', () => {
    beforeAll(async () => {
      tracker = await openTracker(backend);
      const create = async (args: Record<string, unknown>) => {
        tracker.clock.advance(60);
        return await tracker.create(args);
      };
      await create({ title: 'Fix the login form', description: 'Passwords with a time zone fail.' });
      await create({ title: 'Time zone of reports', labels: ['parser', 'Überfällig'] });
      const slow = await create({ title: 'Login is slow', metadata: { blocked_reason: 'needs flamegraph' } });
      await create({ title: 'Call foo_bar() in src/http/server.ts', branch_name: 'feature/retry-queue' });
      await create({
        title: 'Port to C++ and .NET',
        commit_hash: 'abcdef0123456789abcdef0123456789abcdef01',
      });
      await create({ title: '新規登録画面を作る', description: '業者の一覧を直す' });
      await create({ title: 'Grüße aus ZÜRICH', description: 'Ärger, ΑΘΗΝΑ, МОСКВА, Łódź' });
      tracker.clock.advance(60);
      await tracker.note(slow, 'The profiler blames serialisation');
      await tracker.register({ name: 'Acme Login GmbH', extractor_version: '2.1.0' });
      tracker.clock.advance(60);
      await tracker.deploy({
        commit_hash: 'feed'.repeat(10),
        metadata: { pr_title: 'Ship the login form', pr_number: 4711 },
      });
    });

    it('finds by words of title, description, labels, metadata and branch, in any case', async () => {
      expect(await titles('PASSWORDS')).toEqual(['Fix the login form']);
      expect(await titles('parser')).toEqual(['Time zone of reports']);
      expect(await titles('flamegraph')).toEqual(['Login is slow']);
      expect(await titles('retry-queue')).toEqual(['Call foo_bar() in src/http/server.ts']);
      expect(await titles('no such word')).toEqual([]);
    });

    it('finds notes with their item, vendors and deployments', async () => {
      const [note] = (await tracker.search('profiler')).items;
      expect(note).toMatchObject({
        entity: 'note',
        title: 'Login is slow',
        status: 'active',
        snippet: 'The profiler blames serialisation',
      });
      expect(note?.item_id).toBe((await tracker.search('slow')).items[0]?.id);
      expect(await kinds('acme')).toEqual(['vendor Acme Login GmbH']);
      expect(await kinds('4711')).toEqual(['deployment Ship the login form']);
    });

    it('ranks titles first, then what is new, and can be narrowed to kinds', async () => {
      expect(await titles('time zone')).toEqual(['Time zone of reports', 'Fix the login form']);
      expect(await kinds('login')).toEqual([
        'deployment Ship the login form',
        'vendor Acme Login GmbH',
        'work_item Login is slow',
        'work_item Fix the login form',
      ]);
      expect(await kinds('login', { entities: ['vendor', 'note'] })).toEqual(['vendor Acme Login GmbH']);
      expect(await kinds('login', { limit: 1 })).toEqual(['deployment Ship the login form']);
      const [first] = (await tracker.search('login is slow')).items;
      expect(first?.score).toBe(1);
    });

    it('needs all words, in any order and any of its texts; a phrase as it stands', async () => {
      expect(await titles('fail login')).toEqual(['Fix the login form']);
      expect(await titles('login parser')).toEqual([]);
      expect(await titles('"time zone fail"')).toEqual(['Fix the login form']);
      expect(await titles('"zone time"')).toEqual([]);
      expect(await titles('"form passwords"')).toEqual([]);
    });

    it('takes the last word as the beginning of one where whole words are too few', async () => {
      expect(await titles('passw')).toEqual(['Fix the login form']);
      expect(await titles('passw fail')).toEqual([]);
      expect(await titles('"passw"')).toEqual([]);
      expect(await titles('lo')).toEqual([]);
    });

    it('finds identifiers, paths, commits and ids', async () => {
      const code = ['Call foo_bar() in src/http/server.ts'];
      for (const query of ['foo_bar', 'src/http', 'server.ts', 'http/server.ts', 'foo_bar()']) {
        expect(await titles(query), query).toEqual(code);
      }
      expect(await titles('bar_foo')).toEqual([]);
      expect(await titles('C++')).toEqual(['Port to C++ and .NET']);
      expect(await titles('abcdef01')).toEqual(['Port to C++ and .NET']);
      expect(await titles('feedfeed')).toEqual(['Ship the login form']);
      const [{ id } = { id: '' }] = (await tracker.search('slow')).items;
      for (const query of [id, id.slice(0, 8), id.slice(0, 13).toUpperCase()]) {
        expect((await tracker.search(query)).items[0], query).toMatchObject({ id, score: 1 });
      }
    });

    it('finds parts of texts in scripts without spaces', async () => {
      for (const query of ['登録', '新規登録', '画面', '登', '業者', '一覧を直す']) {
        expect(await titles(query), query).toEqual(['新規登録画面を作る']);
      }
      expect(await titles('録登')).toEqual([]);
    });

    it('has no regard to case and diacritics, in Latin, Greek and Cyrillic', async () => {
      for (const query of [
        'grusse grüße',
        'GRÜSSE',
        'grüße',
        'zurich',
        'Zürich',
        'arger',
        'αθηνα',
        'москва',
        'łódź',
      ]) {
        const found = await titles(query);
        expect(found, query).toEqual(/GRÜSSE|grusse/.test(query) ? [] : ['Grüße aus ZÜRICH']);
      }
      expect(await titles('uberfallig')).toEqual(['Time zone of reports']);
    });

    it.each(HOSTILE)('answers %j', async (query) => {
      const { items, total_count } = await tracker.search(query);
      expect(total_count).toBeGreaterThanOrEqual(items.length);
      for (const item of items) expect(item.snippet.isWellFormed()).toBe(true);
    });
  });

  it('never finds what is deleted, and the archive only on request, notes included', async () => {
    tracker = await openTracker(backend);
    const item = await tracker.create({ title: 'Walnut' });
    await tracker.note(item, 'walnut too');
    expect(await kinds('walnut')).toEqual(['work_item Walnut', 'note Walnut']);
    const deleted = await tracker.update(item, { deleted_at: tracker.clock.iso });
    expect(await kinds('walnut')).toEqual([]);
    expect(await kinds(item.id)).toEqual([]);
    await tracker.note(item, 'walnut after its end');
    expect(await kinds('walnut')).toEqual([]);
    expect(await kinds('walnut', { archived: true })).toEqual([]);
    await tracker.update(deleted, { deleted_at: null });
    expect(await kinds('walnut')).toHaveLength(3);
    await tracker.update({ ...deleted, version: deleted.version + 1 }, { title: 'Hazelnut' });
    expect(await kinds('walnut')).toEqual(['note Hazelnut', 'note Hazelnut']);
    expect(await kinds('hazelnut')).toEqual(['work_item Hazelnut']);
  });

  it('ranks the newest where a word is everywhere, and says so', async () => {
    tracker = await openTracker(backend);
    let made = 0;
    const next = () => ({
      item_type: 'task',
      title: made === 1 ? 'Common first' : `Common ${made}`,
      ...(made < 3 && { description: 'seldom' }),
    });
    for (; made < 3; made += 1) {
      await tracker.create(next());
      tracker.clock.advance(1);
    }
    // More than two blocks of the index in PostgreSQL.
    for (; made < 1_200;) {
      await tracker.plan(Array.from({ length: 200 }, () => ({ key: `k${(made += 1)}`, ...next() })));
      tracker.clock.advance(1);
    }
    await tracker.create({ title: 'Common last' });
    const found = await tracker.search('common');
    expect(found.total_count).toBe(64);
    expect(found.cut?.reason).toMatch(/than the 64 newest/);
    expect(found.items[0]?.title).toBe('Common last');
    expect(await titles('common seldom')).toEqual(['Common 2', 'Common first', 'Common 0']);
    expect((await tracker.search('seldom')).cut).toBeUndefined();
  }, 120_000);
});

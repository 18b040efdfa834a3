// Answers that are cut: nothing is skipped, whatever is dear in them; texts are read on to their end; and what was cut is
// told in both forms.
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, it } from 'vitest';
import { WRITE_TOKENS_MAX } from '../../src/domain/limits.ts';
import type { JournalEntry } from '../../src/storage/contract/journal.ts';
import { openPrimary } from '../../src/storage/opening/open-primary.ts';
import { inFolder } from '../storage/backends.ts';
import { makeEntry } from '../storage/tiers/journal-entries.ts';
import { rows, short, text, type Row } from './calls.ts';
import { describeBothDatabases } from './surfaces.ts';

const SYLLABLES = 'Grö\u00adßen\u00adän\u00adde\u00adrungs\u00adan\u00adtrag ';
const ACCENTS = 'e\u0301 👩‍👩‍👧‍👦 \r\n\tcode\r\n  𝒳 部品\u00ad\u200b  x\n\n\n';

describeBothDatabases((surface) => {
  const told = async (tool: string, input: Row) => {
    const { text: said, structured = {}, isError } = await surface.client().callTool(tool, input);
    expect(isError, said).toBe(false);
    return {
      said,
      shown: structured,
      costs: [said, JSON.stringify(structured)].map((one) => encode(one).length),
    };
  };

  describe('a page', () => {
    it('of which no row fits says so, and leads nobody past it', async () => {
      const { id } = await surface.item();
      for (let n = 0; n < 3; n += 1) await surface.call('add_note', { id, text: '😀'.repeat(490) });
      const { said, shown } = await told('list_notes', { id, limit: 2 });
      expect(shown).toMatchObject({ items: [], next_cursor: null, cut: [{ field: 'items', left: 2 }] });
      expect(said).toContain('items: 2 more: the same call with a larger max_tokens');
      const more = await surface.call('list_notes', { id, limit: 2, max_tokens: 10_000 });
      expect(rows(more['items'])).toHaveLength(2);
    });

    it('of the feed that is cut is followed by the very next change', async () => {
      const start = await surface.feedPosition();
      for (let n = 0; n < 40; n += 1)
        await surface.call('create_work_item', named(`Feed ${n} ${'word '.repeat(20)}`));
      const seen: unknown[] = [];
      for (let since = start; ;) {
        const { said, shown } = await told('query_history', { since });
        const items = rows(shown['items']);
        if (items.length === 0) break;
        seen.push(...items.map(({ seq }) => seq));
        since = Number(shown['next_since']);
        expect(said).toContain(`next_since ${since}`);
      }
      expect(seen).toEqual(Array.from({ length: 40 }, (_, n) => start + n + 1));
    });

    it('goes on after its last row where the first call skipped some', async () => {
      const label = surface.unique('skipping');
      for (let n = 0; n < 12; n += 1) await surface.item({ labels: [label], title: `Skip ${n}` });
      const list = { label, sort: 'title', limit: 4 };
      const all = rows((await surface.call('list_work_items', { ...list, limit: 12 }))['items']);
      const first = await surface.call('list_work_items', { ...list, offset: 3 });
      const cursor = first['next_cursor'];
      const second = await surface.call('list_work_items', { ...list, offset: 3, cursor });
      expect([...rows(first['items']), ...rows(second['items'])]).toEqual(all.slice(3, 11));
    });

    it('with fields of the caller’s choice says in its text how to go on too', async () => {
      const { said, shown } = await told('query_history', { since: 0, limit: 1, fields: ['actor'] });
      expect(said).toContain(`next_since ${String(shown['next_since'])}`);
    });

    it('shows a short value of dear characters whole', async () => {
      const label = surface.unique('dear');
      await surface.item({ labels: [label], description: '😀'.repeat(300) });
      const page = await surface.call('list_work_items', {
        label,
        fields: ['description'],
        max_tokens: 5_000,
      });
      expect(rows(page['items'])[0]).toMatchObject({ description: '😀'.repeat(300) });
    });
  });

  it.each([
    ['hidden characters', SYLLABLES.repeat(200)],
    ['emoji', '😀'.repeat(1_000)],
    ['marks and line ends', `A${ACCENTS.repeat(60)}Z`],
  ])('reads a text of %s in parts to its end', async (_name, description) => {
    const { id } = await surface.item({ description });
    const whole = (await surface.whole(id))['description'];
    for (const max_tokens of [300, 500, 3_000]) {
      let got = '';
      for (let next: Row | undefined = { id, field: 'description' }; next !== undefined;) {
        const { shown, costs } = await told('query_work_item', { ...next, max_tokens });
        expect(Math.max(...costs)).toBeLessThanOrEqual(max_tokens);
        expect(shown['text']).not.toBe('');
        got += text(shown['text']);
        const [cut] = (shown['cut'] ?? []) as { next: string }[];
        next = cut && (JSON.parse(cut.next.replace('query_work_item ', '')) as Row);
      }
      expect(got).toBe(whole);
    }
  });

  it('shows what is short of an object in which one value is long', async () => {
    const { id } = await surface.item({
      metadata: { transcript: 'x y '.repeat(10_000), estimated_hours: 3 },
    });
    const { shown } = await told('query_work_item', { id });
    expect(shown).toMatchObject({ metadata: { estimated_hours: 3 }, cut: [{ field: 'metadata', left: 1 }] });
    const as_of = await told('query_history', { id, as_of: '2099-01-01T00:00:00Z' });
    expect(as_of.shown['state']).toMatchObject({ status: 'active', version: 1 });
  });

  it('shows white space at the ends of a part', async () => {
    const { id } = await surface.item({ description: `${'a'.repeat(99)} `.repeat(60) });
    const { said } = await told('query_work_item', { id, field: 'description', max_tokens: 300 });
    expect(said).toMatch(/a \ntext: \d+ more/);
  });

  it('refuses a description back of which a small budget showed a hundred characters', async () => {
    const { id, version } = await surface.item({ description: '部品 と 語。 '.repeat(100) });
    let description: unknown;
    for (let max_tokens = 300; description === undefined; max_tokens += 20)
      description = (await told('query_work_item', { id, max_tokens })).shown['description'];
    expect(description).toHaveLength(100);
    const constraint = await surface.refuseField('description', 'update_work_item', {
      id,
      version,
      description,
    });
    expect(constraint).toContain('an answer showed you a part of it');
  });

  it('answers a retry with the first result, whatever the description is by then', async () => {
    const { id } = await surface.item({ description: 'One.' });
    const append = { id, version: 1, append_description: 'Two.', idempotency_key: surface.unique('append') };
    await surface.call('update_work_item', append);
    const set = { id, version: 2, description: 'y'.repeat(300), idempotency_key: surface.unique('set') };
    await surface.call('update_work_item', set);
    await surface.call('update_work_item', { id, version: 3, append_description: 'w'.repeat(500) });
    expect(await surface.call('update_work_item', append)).toMatchObject({ version: 2, repeated: true });
    expect(await surface.call('update_work_item', set)).toMatchObject({ version: 3, repeated: true });
    const batch = {
      updates: [{ id, version: 4, append_description: 'Three.' }],
      idempotency_key: surface.unique('batch'),
    };
    await surface.call('update_work_items', batch);
    expect(await surface.call('update_work_items', batch)).toMatchObject({ repeated: true });
    expect(await surface.call('query_work_item', { id })).toMatchObject({ version: 5 });
  });

  it('says how many items a call saved, not how many are shown', async () => {
    const items = Array.from({ length: 100 }, (_, n) => ({
      key: `k${n}`,
      ...named(`${n} ${'of a title '.repeat(17)}`),
    }));
    const { ids } = await surface.call('apply_plan', { items });
    const updates = Object.values(ids as Row).map((id) => ({ id, version: 1, priority: 2 }));
    const { said, shown } = await told('update_work_items', { updates });
    expect(rows(shown['items']).length).toBeLessThan(100);
    expect(said).toMatch(/^Saved 100 items\n/);
    const preview = await told('undo', { actor: 'tester', since: '2000-01-01T00:00:00Z' });
    const { undone, cut } = preview.shown as { undone: Row[]; cut: { field: string; left: number }[] };
    const left = cut.find(({ field }) => field === 'undone')?.left ?? 0;
    expect(preview.said).toContain(`Would take back ${undone.length + left} changes`);
  });

  it('tells all labels after each write: whoever sets labels sets all of them', async () => {
    const labels = Array.from({ length: 32 }, (_, n) => `${n} ${'a label of some words '.repeat(2).trim()}`);
    const made = await told('create_work_item', { ...named('Many labels'), labels });
    const { id } = made.shown;
    const claimed = await told('claim_work_item', { id });
    const saved = await told('update_work_item', { id, version: 1, labels: labels.slice(1) });
    for (const [{ shown }, all] of [
      [made, labels],
      [claimed, labels],
      [saved, labels.slice(1)],
    ] as const) {
      expect(shown['labels']).toEqual(all);
      expect(shown).not.toHaveProperty('cut');
    }
  });

  it('tells what others wrote wherever an answer moves the version past it', async () => {
    const { id } = await surface.item({ title: 'Shared', metadata: { of_all: 1 } });
    await told('update_work_item', { id, version: 1, description: 'Of another', assignee: 'ada' });
    const merged = await told('update_work_item', { id, version: 1, priority: 1, on_conflict: 'merge' });
    const claimed = await told('claim_work_item', { id });
    for (const { shown, said } of [merged, claimed]) {
      expect(shown).toMatchObject({ description: 'Of another', assignee: 'ada', metadata: { of_all: 1 } });
      expect(said).toContain('for ada');
      expect(said).toContain('\n> Of another');
      expect(said).toContain('metadata {"of_all":1}');
    }
  });

  it('says of a long description that a claim shows in part how to read the rest', async () => {
    const { id } = await surface.item({ title: 'Long', description: 'Long. '.repeat(2_000) });
    const { costs, shown, said } = await told('claim_work_item', { id });
    expect(Math.max(...costs)).toBeLessThanOrEqual(WRITE_TOKENS_MAX);
    const offset = Array.from(String(shown['description'])).length;
    const next = `query_work_item {"id":"${short(id)}","field":"description","offset":${offset}}`;
    expect(shown['cut']).toEqual([{ field: 'description', left: 12_000 - offset, next }]);
    expect(said).toContain(`description: ${12_000 - offset} more: ${next}`);
    expect(offset).toBeGreaterThan(100);
  });

  it('says of each node of a tree that is cut how many are below it', async () => {
    const top = await surface.item({ title: 'Top' });
    for (let n = 0; n < 2; n += 1) {
      const { id } = await surface.item({ title: `Middle ${n}`, parent_id: top['id'] });
      for (let leaf = 0; leaf < 12; leaf += 1) await surface.item({ title: `Leaf ${leaf}`, parent_id: id });
    }
    const { said, shown } = await told('query_work_item', { id: top['id'], max_tokens: 500 });
    expect(rows(shown['children'])[0]).toMatchObject({ title: 'Middle 0', children_total: 12 });
    expect(said).toContain('Middle 0 (12 below it)');
  });

  it('leaves out a field of which nothing fits, instead of showing it as empty', async () => {
    const { id } = await surface.item({
      title: '部品'.repeat(60),
      description: 'Long. '.repeat(2_000),
      labels: Array.from({ length: 32 }, (_, n) => `${'部品'.repeat(20)}${n}`),
      metadata: { note: 'Long. '.repeat(200) },
    });
    const { said, shown } = await told('query_work_item', { id, max_tokens: 300 });
    const cut = rows(shown['cut']).map(({ field }) => field);
    for (const field of ['description', 'labels', 'metadata']) {
      expect(cut).toContain(field);
      expect(shown).not.toHaveProperty(field);
    }
    expect(said).not.toMatch(/^>/m);
    expect(said).toContain('description: 12000 more: query_work_item');
  });

  const replayed = async (entry: JournalEntry) => {
    const [, url] = surface.databaseArguments();
    const primary = await openPrimary(inFolder(surface.project(), url === 'embedded' ? undefined : url));
    try {
      return await primary.replay(entry);
    } finally {
      await primary.close();
    }
  };

  it('tells what was asked of a change that broke a rule, too', async () => {
    const { id } = await surface.item({ title: 'Held by another' });
    await surface.call('claim_work_item', { id });
    const patch = { description: 'Mine', metadata: { estimated_hours: 8 } };
    const change = { kind: 'update', entity_id: text(id), base_version: 1, patch } as const;
    expect(await replayed(makeEntry({ ...change, claim_token: 7 }))).toMatchObject({ outcome: 'rejected' });
    const { said, shown } = await told('list_conflicts', { id });
    expect(rows(shown['items'])).toMatchObject([
      {
        yours: [
          { field: 'description', to: 'Mine' },
          { field: 'metadata.estimated_hours', to: 8 },
        ],
      },
    ]);
    expect(said).toContain('; yours: description → Mine, metadata.estimated_hours → 8');
  });

  it('names the call that gives what a row of a conflict leaves out', async () => {
    const { id } = await surface.item({ title: 'As it was' });
    await surface.call('update_work_item', { id, version: 1, description: 'Theirs' });
    const description = `${'Mine. '.repeat(500)}The end.`;
    const patch = {
      description,
      title: 'x',
      priority: 1,
      assignee: 'Ada',
      labels: ['ui'],
      branch_name: 'last',
    };
    const entry = makeEntry({ kind: 'update', entity_id: text(id), base_version: 1, patch, actor: 'Ada' });
    expect(await replayed(entry)).toMatchObject({ outcome: 'conflict' });
    const { said, shown } = await told('list_conflicts', { id });
    const more = text(rows(shown['items'])[0]?.['more']);
    expect(more).toMatch(/^2 more fields: list_conflicts \{/);
    expect(said).toContain(more);
    const whole = await told('list_conflicts', JSON.parse(more.slice(more.indexOf('{'))) as Row);
    for (const form of [whole.said, JSON.stringify(whole.shown)]) {
      expect(form).toContain('The end.');
      expect(form).toContain('branch_name');
    }
    const conflict = await told('resolve_conflict', { id: entry.id, resolution: 'keep_theirs' });
    expect(conflict.said).toContain(text(conflict.shown['more']));
    expect(conflict.shown['more']).toContain('"resolved":true');
  });
});

const named = (title: string): Row => ({ item_type: 'task', title: title.trim() });

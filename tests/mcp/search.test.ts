// The search tool over a real client on both databases: any text is a query, and the answer is compact.
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { expect, it } from 'vitest';
import { HOSTILE } from '../storage/search-corpus.ts';
import { rows, short } from './calls.ts';
import { describeBothDatabases } from './surfaces.ts';

describeBothDatabases((surface) => {
  it.each(HOSTILE)('takes %j for a query', async (query) => {
    const answer = await surface.call('search', { query });
    expect(answer['total_count']).toBeGreaterThanOrEqual(rows(answer['items']).length);
  });

  it('answers items and their notes, the title first, with where the words stand', async () => {
    const word = surface.unique('Word').replaceAll(/[^A-Za-z0-9]/g, '');
    const item = await surface.item({ title: `A ${word} of advice`, status: 'planned' });
    const other = await surface.item({ description: `${'before '.repeat(60)}${word}${' after'.repeat(60)}` });
    await surface.call('add_note', { id: other['id'], text: `${word} noted` });
    const answer = await surface.call('search', { query: word.toLowerCase() });
    expect(rows(answer['items'])).toMatchObject([
      { entity: 'work_item', id: short(item['id']), status: 'planned' },
      { entity: 'note', item_id: short(other['id']), title: other['title'], snippet: `${word} noted` },
      { entity: 'work_item', id: short(other['id']) },
    ]);
    const { snippet } = rows(answer['items'])[2] ?? {};
    expect(snippet).toMatch(new RegExp(`^….*${word}.*…$`));
    expect(String(snippet).length).toBeLessThanOrEqual(162);
    expect(await surface.call('search', { query: word, entities: ['note'] })).toMatchObject({
      total_count: 1,
    });
    expect(await surface.call('search', { query: word, archived: true })).toMatchObject({ total_count: 0 });
    const { text } = await surface.client().callTool('search', { query: word });
    expect(encode(text).length).toBeLessThan(400);
  });

  it('refuses a limit and a kind that it does not know', async () => {
    for (const limit of [0, 51, 1.5]) await surface.refuseField('limit', 'search', { query: 'x', limit });
    await surface.refuse('ValidationError', 'search', { query: 'x', entities: ['ticket'] });
    await surface.refuse('ValidationError', 'search', {});
    await surface.refuse('ValidationError', 'add_note', { id: 'abcdef', text: ' ' });
  });
});

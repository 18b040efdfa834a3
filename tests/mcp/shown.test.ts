import { describe, expect, it } from 'vitest';
import { changedOf, settableOf } from '../../src/mcp/definitions/shown.ts';

const RECORD = {
  id: '3f2a9c1b-0000-4000-8000-000000000000',
  version: 4,
  title: 'Shared',
  description: null as string | null,
  labels: ['ui'],
  metadata: { mine: 1 } as object,
  path: '/3f2a9c1b',
  updated_by: 'ada',
};
const ALWAYS = ['id', 'version', 'title'] as const;

describe('what a write is shown to have changed', () => {
  it('is what was given, beside what is always told', () => {
    const shown = changedOf(RECORD, { metadata: { mine: 1 } }, ALWAYS);
    expect(shown).toEqual({ id: RECORD.id, version: 4, title: 'Shared', metadata: { mine: 1 } });
  });

  it('says which of that the layer does not know whole', () => {
    const partial = { ...RECORD, unknown_fields: ['description', 'metadata'] };
    const shown = changedOf(partial, { metadata: { mine: 1 } }, ALWAYS);
    expect(shown).toMatchObject({ unknown_fields: ['metadata'] });
    expect(changedOf(partial, { labels: ['ui'] }, ALWAYS)).not.toHaveProperty('unknown_fields');
  });

  it('is told by its length where it is a long text that was just sent', () => {
    const description = 'x'.repeat(300);
    const shown = changedOf({ ...RECORD, description }, { description }, ALWAYS);
    expect(shown).toMatchObject({ saved: { description: 300 } });
    expect(shown).not.toHaveProperty('description');
  });

  it('is the whole record where it was merged with what others wrote', () => {
    const merged = { ...RECORD, description: 'x'.repeat(300), merged_with: [3] };
    const { path: _path, updated_by: _by, ...whole } = merged;
    expect(changedOf(merged, { metadata: { mine: 1 } }, ALWAYS)).toEqual(whole);
    const partial = { ...merged, unknown_fields: ['description', 'metadata'] };
    expect(changedOf(partial, { labels: [] }, ALWAYS)).toMatchObject({
      unknown_fields: ['description', 'metadata'],
    });
  });
});

describe('a whole record', () => {
  it('has no empty fields, nor those that no call sets', () => {
    const { path: _path, updated_by: _by, description: _none, ...rest } = RECORD;
    expect(settableOf(RECORD)).toEqual(rest);
  });
});

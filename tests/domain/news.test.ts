// The line of news: true, in our words, and within its tokens whatever others are called and write.
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, it } from 'vitest';
import type { RecordedChange } from '../../src/domain/change.ts';
import { newsLine, type News } from '../../src/domain/news.ts';
import { visible } from '../../src/domain/others-text.ts';

const idOf = (n: number) => `0194000${n}-1111-7000-8000-000000000000`;
const [ITEM, OTHER] = [idOf(1), idOf(2)];
const REST = 'get_brief {"since":123456789}';

let seq = 0;
const change = (fields: Record<string, unknown> = {}, of: Partial<RecordedChange> = {}): RecordedChange => ({
  seq: ++seq,
  change_id: 'c',
  at: '2026-01-05T09:00:00.000Z',
  ...{ actor: 'claude-code', client: 'claude-code/2.1', person: 'Ben', device: null, session: 'bens' },
  ...{ entity: 'work_item', entity_id: ITEM, related_id: null, kind: 'update', base_version: 1, version: 2 },
  fields: Object.entries(fields).map(([field, to]) => ({ field, from: null, to: to as string })),
  merged_with: [],
  ...of,
});

interface Told extends Partial<News> {
  held?: string[];
  known?: string[];
}

/** @param changes the oldest first */
function told(changes: RecordedChange[], { held = [], known = [ITEM], ...news }: Told = {}) {
  const all: News = {
    changes: [...changes].reverse(),
    waiting: new Map(),
    handedOver: new Set(),
    conflicts: new Map(),
    titles: new Map([
      [ITEM, 'Build'],
      [OTHER, 'Deploy'],
    ]),
    ...news,
  };
  const reader = {
    person: 'Ana',
    session: 'anas',
    held: new Set(held),
    has: (id: string) => known.includes(id),
  };
  return newsLine(all, reader, REST);
}

const claim = (holder: string | null, of: Partial<RecordedChange> = {}) =>
  change({ claimed_by: holder, claim_expires_at: null }, { kind: 'claim', ...of });
const waiting = new Map([[OTHER, [{ blocked: ITEM }]]]);
const ofOther = { entity_id: OTHER };

describe('news', () => {
  it('tell what became of a record, not only that it was claimed on the way', () => {
    const close = change({ status: 'completed', claimed_by: null, claim_expires_at: null });
    expect(told([claim('Ben'), close])).toBe('Ben claimed "Build" (01940001) and set it to completed');
    expect(told([claim('Ben'), change({ title: 'x' }), claim(null)], { held: [ITEM] })).toBe(
      'Ben ended the claim on "Build" (01940001) and changed title of it',
    );
    expect(told([close], { held: [ITEM] })).toBe('Ben set "Build" (01940001) to completed');
  });

  it('say that a blocker is out of the way, whoever claimed it before, and nothing else of it', () => {
    const line = (how: string) => `"Deploy" (01940002) is ${how}: "Build" (01940001) waited for it`;
    const close = change({ status: 'completed', claimed_by: null }, ofOther);
    expect(told([claim('Ben', ofOther), close], { waiting })).toBe(line('completed'));
    expect(told([change({ deleted_at: 'now' }, ofOther)], { waiting })).toBe(line('deleted'));
    expect(told([claim('Ben', ofOther)], { waiting })).toBeUndefined();
  });

  it('name the last who changed a record, and say that others did', () => {
    const changes = [change({ status: 'planned' }, { person: 'Cem' }), change({ priority: 1 })];
    expect(told(changes)).toBe('Ben and others set "Build" (01940001) to planned and changed priority');
  });

  it('put into quotes what only looks like a name', () => {
    for (const person of ['Another session of yours', 'Ana handed all over to you; Ben', 'News:'])
      expect(told([change({ title: 'x' }, { person })])).toMatch(/^"/);
    expect(told([change({ title: 'x' }, { person: 'Ana' })])).toMatch(
      /^Another session of yours changed title/,
    );
  });

  const range = (from: number, to: number) => () =>
    String.fromCodePoint(from + Math.floor(Math.random() * (to - from + 1)));
  const of = (letters: string) => (): string => letters.charAt(Math.floor(Math.random() * letters.length));
  it.each(
    Object.entries({
      letters: of('qxzjvkwbghpfy'),
      capitals: of('QXZJVKWBGHPFYqxzj'),
      digits: of('abcxyzqj0123456789'),
      signs: of('!@#$%^&*()_+-=|;:<>?/.,~`'),
      quotes: of('"\\'),
      breaks: of('\n\r\t\u2028\u0085 N'),
      Latin: range(0xc0, 0x24f),
      combining: range(0x300, 0x36f),
      Cyrillic: range(0x400, 0x52f),
      Armenian: range(0x531, 0x58f),
      Hebrew: range(0x5d0, 0x5ea),
      Syriac: range(0x710, 0x74a),
      'N’Ko': range(0x7c0, 0x7ff),
      Thai: range(0xe01, 0xe3a),
      Tibetan: range(0xf40, 0xfbc),
      Cherokee: range(0x13a0, 0x13f4),
      symbols: range(0x2190, 0x2bff),
      kana: range(0x3041, 0x30fe),
      Han: range(0x4e00, 0x9fff),
      Yi: range(0xa000, 0xa48c),
      Hangul: range(0xac00, 0xd7a3),
      private: range(0xe000, 0xf8ff),
      hidden: of('\u202e\u2066\u200b\ufeff'),
      noncharacters: range(0xfdd0, 0xfdef),
      cuneiform: range(0x12000, 0x12399),
      emoji: range(0x1f300, 0x1f64f),
      tags: range(0xe0041, 0xe007f),
      flags: (): string => '\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
    }),
  )('are one line of at most 60 tokens, and the same in both forms: %s', (_name, sign) => {
    const text = () => Array.from({ length: 200 }, sign).join('');
    for (let round = 0; round < 20; round += 1) {
      const [person, actor] = [text(), text()];
      const titles = new Map([ITEM, OTHER].map((id) => [id, text()]));
      const many = Object.fromEntries(
        ['status', 'completion_notes', 'token_budget', 'description', 'x'].map((k) => [k, 'in_progress']),
      );
      const lines = [
        told([change(many, { person, actor })], { titles }),
        told([change({ status: 'completed' }, { person, ...ofOther })], { titles, waiting }),
        told([claim('Ana', { person, actor })], { titles, handedOver: new Set([ITEM]) }),
        told([claim('Ben', { person }), change(many, { person, actor })], { titles, held: [ITEM] }),
        told(
          [1, 2, 3].map((n) => change({ title: 'x' }, { entity_id: idOf(n), person, actor })),
          {
            titles,
            known: [1, 2, 3].map(idOf),
          },
        ),
      ];
      for (const line of lines) {
        const shown = `News: ${line}`;
        expect(encode(shown).length, shown).toBeLessThanOrEqual(60);
        expect(shown).not.toMatch(/[\n\r\v\f\u0085\u2028\u2029]/);
        expect(visible(shown)).toBe(shown);
      }
    }
  });
});

// What others wrote, in our texts: seen as what it is, and never as a line of ours.
import { describe, expect, it } from 'vitest';
import { joinLines, nameFirst, oneLine, quoted, visible, visibleJson } from '../../src/domain/others-text.ts';

describe('what is not seen', () => {
  it.each([
    ['an escape sequence', 'a\u001b[31mb', 'a\\u{1b}[31mb'],
    ['an override of the direction', 'a\u202eb', 'a\\u{202e}b'],
    ['isolates and marks', '\u2066a\u2069\u200f\u061c', '\\u{2066}a\\u{2069}\\u{200f}\\u{61c}'],
    ['nothing of no width', 'pay\u200bpal\ufeff\u2060', 'pay\\u{200b}pal\\u{feff}\\u{2060}'],
    ['joiners where there is nothing to join', 'a\u200db\u200c', 'a\\u{200d}b\\u{200c}'],
    ['text in tags', 'hi\u{e0041}\u{e0042}', 'hi\\u{e0041}\\u{e0042}'],
    ['text in variation selectors', '😀\u{e0101}\u{e0102}', '😀\\u{e0101}\\u{e0102}'],
    ['more of the older ones', 'x\ufe01\ufe02', 'x\\u{fe01}\\u{fe02}'],
    ['half a character', 'a\ud83db', 'a\\u{d83d}b'],
    ['an annotation', '\ufff9a\ufffab\ufffb', '\\u{fff9}a\\u{fffa}b\\u{fffb}'],
    ['a soft hyphen', 'a\u00adb', 'a\\u{ad}b'],
    ['a filler', 'a\u3164b', 'a\\u{3164}b'],
    ['line breaks that are none here', 'a\rb\u0085c\u2028d', 'a\\u{d}b\\u{85}c\\u{2028}d'],
  ])('is shown: %s', (_what, text, shown) => {
    expect(visible(text)).toBe(shown);
    expect(visible(shown)).toBe(shown);
    const json = visibleJson(JSON.stringify({ text }));
    expect(json).toMatch(/^[ -~😀]*$/u);
    expect(JSON.parse(json)).toEqual({ text });
  });

  it.each([
    '👩‍👩‍👧 👍🏽 ❤️ 1️⃣ #️⃣ 🏳️‍🌈 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇩🇪',
    'שלום עולם, مرحبا بالعالم, می‌خواهم',
    'ශ්‍රී क्‍ष 葛󠄀飾区 日本語 한국어',
    'Straße, naïve e\u0301, Ω, “quotes” – … → ∅ ✓',
    'tab\tand\nline',
  ])('does not touch %s', (text) => {
    expect(visible(text)).toBe(text);
    expect(visibleJson(text)).toBe(text);
  });
});

describe('a value on one line', () => {
  it('has no line breaks of any kind', () => {
    expect(oneLine(' a\nb\rc\u0085d\u2028e\u2029f\vg\fh\t i ')).toBe('a b c d e f g h i');
    expect(oneLine('\ufdd3not a style\ufddf')).toBe('\\u{fdd3}not a style\\u{fddf}');
  });

  it('at the beginning of a line is in quotes, unless it is plainly a name', () => {
    for (const name of ['vendor_abc', 'Acme-2', 'Zürich', 'שלום', 'a/b@1.2'])
      expect(nameFirst(name)).toBe(name);
    for (const name of ['! database_away', 'next: do it', '#99 cto', '# Head', '```', '- x', ''])
      expect(nameFirst(name)).toMatch(/^".*"$/);
  });
});

it('quotes every line of a text', () => {
  const text = 'ok\n! database_away: run\r\nnext: x\r#99 y\u2028# Head\u2029```\v> z\u0085- w\f    code';
  expect(quoted(text)).toEqual([
    '> ok',
    '> ! database_away: run',
    '> next: x',
    '> #99 y',
    '> # Head',
    '> ```',
    '> > z',
    '> - w',
    '>     code',
  ]);
  expect(joinLines(['ours', `  title: ${text}`]).split('\n')).toHaveLength(2);
});

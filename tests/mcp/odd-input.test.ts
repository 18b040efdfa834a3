// Odd but valid input through a real client: at the limits, and text that other programs would take for code.
// All of it is stored and given back exactly as it came.
import { describe, expect, it } from 'vitest';
import { type Row, rows, titles } from './calls.ts';
import { describeBothDatabases } from './surfaces.ts';

const EMOJI = '🚀';
const KILOBYTE = 1024;

const LITERAL_TITLES = [
  "'; DROP TABLE work_items; --",
  '--force',
  '-rf /',
  '%',
  '_',
  '\\',
  '\\u0000',
  '$1 ? :name @p1',
  '%s %d {0} {{title}} ${process.exit(1)} <%= 1 %>',
  '$(reboot) `reboot` | cat; true && false',
  '<script>alert(1)</script>',
  "=cmd|' /C calc'!A0",
  '../../etc/passwd',
  'null',
  'undefined',
  'NaN',
  'true',
  '0x10',
  '1e400',
  '{"a": 1}',
  '[1, 2]',
  'constructor',
  '__proto__',
  'root',
  '\u202eright to left',
  'e\u0301 is not \u00e9',
  'Zalgơ̷̢̩ text',
  '👩‍👩‍👧‍👦',
];

const AT_THE_LIMIT: [what: string, fields: Row][] = [
  ['a title of 199 characters', { title: 'x'.repeat(199) }],
  ['a title of 200 characters', { title: 'x'.repeat(200) }],
  ['a title of 200 emoji', { title: EMOJI.repeat(200) }],
  ['a title of 200 characters of white space and letters', { title: ` ${'x'.repeat(198)} ` }],
  ['a description of 65,535 bytes', { description: 'x'.repeat(64 * KILOBYTE - 1) }],
  ['a description of 65,536 bytes', { description: 'x'.repeat(64 * KILOBYTE) }],
  ['a description of 65,536 bytes of Japanese', { description: `${'あ'.repeat(21_845)}x` }],
  ['a description of 65,536 bytes of emoji', { description: EMOJI.repeat(16_384) }],
  [
    'a description of line breaks and control characters',
    { description: '\n\r\n\t\u0001\u001b[0m\u007f\u0085\u2028 \n' },
  ],
  ['an empty description', { description: '' }],
  ['metadata of 102,399 bytes', { metadata: { notes: 'x'.repeat(100 * KILOBYTE - 13) } }],
  ['metadata of 102,400 bytes', { metadata: { notes: 'x'.repeat(100 * KILOBYTE - 12) } }],
  [
    'metadata of 102,400 bytes of two-byte letters',
    { metadata: { notes: 'é'.repeat((100 * KILOBYTE - 12) / 2) } },
  ],
  ['metadata 32 levels deep', { metadata: JSON.parse(`${'{"a":'.repeat(31)}{}${'}'.repeat(31)}`) as Row }],
  [
    'metadata 32 levels deep with arrays',
    { metadata: { a: JSON.parse(`${'['.repeat(31)}${']'.repeat(31)}`) as unknown } },
  ],
  [
    '32 labels of 50 characters',
    { labels: Array.from({ length: 32 }, (_, n) => String(n).padStart(50, 'é')) },
  ],
  ['a blocked_reason of 500 characters', { metadata: { blocked_reason: 'x'.repeat(500) } }],
  ['a blocked_reason of 500 emoji', { metadata: { blocked_reason: EMOJI.repeat(500) } }],
  ['hours at both ends', { metadata: { estimated_hours: 0, actual_hours: 1000 } }],
  ['an assignee and a branch of 100 emoji', { assignee: EMOJI.repeat(100), branch_name: EMOJI.repeat(100) }],
  ['the largest pr_number', { pr_number: 2 ** 31 - 1 }],
  [
    'metadata keys that mean something elsewhere',
    {
      metadata: {
        constructor: 1,
        toString: null,
        hasOwnProperty: [],
        '': '',
        'a.b': 1,
        $ne: 1,
        "'": 1,
        length: 0,
        then: true,
      },
    },
  ],
  [
    'numbers of every kind',
    {
      metadata: {
        big: 1e308,
        tiny: 5e-324,
        safe: 2 ** 53 - 1,
        unsafe: 2 ** 60,
        fraction: 0.1,
        negative: -1.5e-7,
      },
    },
  ],
];

describeBothDatabases((surface) => {
  describe('create_work_item keeps exactly', () => {
    it.each(AT_THE_LIMIT)('%s', async (_what, fields) => {
      const item = await surface.item(fields);
      expect(item).toMatchObject(stored(fields));
      const changed = await surface.write('update_work_item', { id: item['id'], version: 1, ...fields });
      expect(changed).toMatchObject(stored({ ...fields, version: 2 }));
    });

    it.each(LITERAL_TITLES)('the title %j', async (title) => {
      const label = surface.unique('literal');
      const item = await surface.item({
        title,
        labels: [label],
        assignee: title,
        metadata: { [`x ${title}`]: title },
      });
      expect(item).toMatchObject({ title, assignee: title, metadata: { [`x ${title}`]: title } });
      await surface.item({ title: 'Another', labels: [label] });
      expect(titles(await surface.call('list_work_items', { label, text: title }))).toContain(title);
      expect(titles(await surface.call('list_work_items', { label, assignee: title }))).toEqual([title]);
    });
  });

  it('searches for text, not for patterns', async () => {
    const label = surface.unique('patterns');
    await surface.item({ title: 'Plain', labels: [label] });
    const patterns = [
      '%',
      '_lain',
      'P%n',
      '.*',
      '^Plain$',
      '(a+)+$',
      '[',
      '\\',
      '"',
      "'",
      'Plain\\',
      'a'.repeat(200),
      'NOT x',
      '*:*',
    ];
    for (const pattern of patterns) {
      expect(titles(await surface.call('list_work_items', { label, text: pattern })), pattern).toEqual([]);
    }
    expect(titles(await surface.call('list_work_items', { label, text: 'lai' }))).toEqual(['Plain']);
    for (const filter of ['%', '_', '*', `${label}%`, label.toUpperCase()]) {
      expect(await surface.call('list_work_items', { label: filter })).toMatchObject({ total_count: 0 });
    }
  });

  it('keeps vendor names that look like code or options', async () => {
    for (const name of [
      "Robert'); DROP TABLE vendors;--",
      '--version',
      '%',
      '\\',
      'constructor',
      '__proto__',
      EMOJI.repeat(100),
    ]) {
      const vendor = await surface.vendor({ name });
      expect(vendor).toMatchObject({ name });
      expect(await surface.call('query_vendor_status', { name })).toMatchObject({ id: vendor['id'] });
      const constraint = await surface.refuseField('name', 'register_vendor', { name: name.toUpperCase() });
      expect(constraint).toContain('is taken');
    }
    expect(
      rows((await surface.call('list_vendors', { text: '%' }))['items']).map(({ name }) => name),
    ).toEqual(['%']);
  });

  it('answers a hundred overlapping calls each with its own result', async () => {
    const label = surface.unique('overlapping');
    const items = await Promise.all(
      Array.from({ length: 100 }, (_, n) => surface.item({ title: `Number ${n}`, labels: [label] })),
    );
    expect(items.map(({ title }) => title)).toEqual(items.map((_, n) => `Number ${n}`));
    expect(new Set(items.map(({ id }) => id)).size).toBe(100);
    expect(await surface.call('list_work_items', { label, limit: 1 })).toMatchObject({ total_count: 100 });
  });
});

/** What is expected back: a null in metadata is no value when it is merged. */
function stored(given: Row): Row {
  // Nothing and no text are the same to who reads.
  const fields: Row = { ...given, ...(given['description'] === '' && { description: null }) };
  if (!('version' in fields)) return fields;
  const metadata = Object.entries((fields['metadata'] ?? {}) as Row).filter(([, value]) => value !== null);
  return { ...fields, metadata: Object.fromEntries(metadata) };
}

// Hostile and wrong arguments through a real client: each is answered with an error that names the argument,
// changes nothing, and leaves the server answering.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Row } from './calls.ts';
import { DEPLOYMENT } from './contract-tools.ts';
import { type Surface, describeBothDatabases } from './surfaces.ts';

const EMOJI = '🚀';
const KILOBYTE = 1024;
const EXPONENTIAL = `${'a'.repeat(50_000)}!`;

type Case = [what: string, arguments_: Row, field: string];

const titles: Case[] = [
  ...[7, true, null, ['x'], { a: 1 }].map((title): Case => [
    `the title ${JSON.stringify(title)}`,
    { title },
    'title',
  ]),
  ['an empty title', { title: '' }, 'title'],
  ['a title of white space', { title: ' \u00a0\u3000' }, 'title'],
  ['a title of 201 characters', { title: 'x'.repeat(201) }, 'title'],
  ['a title of 201 emoji', { title: EMOJI.repeat(201) }, 'title'],
  ['a title of two lines', { title: 'one\ntwo' }, 'title'],
  ['a title with NUL', { title: 'a\0b' }, 'title'],
  ['a title with an escape sequence', { title: '\u001b[2Jgone' }, 'title'],
  ['a title with a C1 control character', { title: '\u009b2J' }, 'title'],
  ['half of a surrogate pair', { title: 'a\ud83d' }, 'title'],
  ['the other half of a surrogate pair', { title: '\ude80a' }, 'title'],
];

const descriptions: Case[] = [
  ['a description of 65,537 bytes', { description: 'x'.repeat(64 * KILOBYTE + 1) }, 'description'],
  [
    'a description of 65,537 bytes in 21,846 characters',
    { description: `${'あ'.repeat(21_845)}é` },
    'description',
  ],
  ['a description of 65,540 bytes in 16,385 emoji', { description: EMOJI.repeat(16_385) }, 'description'],
  ['a description with NUL', { description: '\0' }, 'description'],
  ['a description with half of a surrogate pair', { description: '\udfff' }, 'description'],
];

const metadata: Case[] = [
  ['metadata of 102,401 bytes', { metadata: jsonOf(100 * KILOBYTE + 1) }, 'metadata'],
  [
    'metadata of 102,401 bytes in fewer characters',
    { metadata: jsonOf(100 * KILOBYTE + 1, 'é') },
    'metadata',
  ],
  ['metadata 33 levels deep', { metadata: nested(33) }, `metadata${'.a'.repeat(32)}`],
  ['metadata 1,000 levels deep', { metadata: nested(1_000) }, `metadata${'.a'.repeat(63)}`],
  [
    '100,000 levels of JSON text',
    { metadata: '['.repeat(100_000) + ']'.repeat(100_000) },
    `metadata${'[0]'.repeat(64)}`,
  ],
  ['unclosed JSON text', { metadata: '{"a":'.repeat(20_000) }, 'metadata'],
  ['metadata that is an array', { metadata: [] }, 'metadata'],
  ['metadata that is a number', { metadata: 1 }, 'metadata'],
  ['the key __proto__ as JSON text', { metadata: '{"__proto__": {"polluted": true}}' }, 'metadata.__proto__'],
  [
    'a nested key __proto__ as JSON text',
    { metadata: '{"a": [{"__proto__": 1}]}' },
    'metadata.a[0].__proto__',
  ],
  ['NUL in a metadata key', { metadata: { 'a\0b': 1 } }, 'metadata.a\0b'],
  ['NUL in a metadata value', { metadata: { a: ['\0'] } }, 'metadata.a[0]'],
  ['half of a surrogate pair in JSON text', { metadata: '{"a": "\\ud800"}' }, 'metadata.a'],
  [
    'a blocked_reason of 501 characters',
    { metadata: { blocked_reason: 'x'.repeat(501) } },
    'metadata.blocked_reason',
  ],
  [
    'a blocked_reason of 501 emoji',
    { metadata: { blocked_reason: EMOJI.repeat(501) } },
    'metadata.blocked_reason',
  ],
  [
    '51 acceptance criteria',
    { metadata: { acceptance_criteria: Array(51).fill({ text: 'x', done: true }) } },
    'metadata.acceptance_criteria',
  ],
];

const otherFields: Case[] = [
  ['33 labels', { labels: numbered(33) }, 'labels'],
  ['33 labels as JSON text', { labels: JSON.stringify(numbered(33)) }, 'labels'],
  ['a label of 51 characters', { labels: ['ok', 'x'.repeat(51)] }, 'labels[1]'],
  ['a label that is an object', { labels: [{}] }, 'labels[0]'],
  ['labels in one comma-separated text', { labels: 'a,b' }, 'labels'],
  ...[0, 6, -1, 2.5, '9', 'NaN', '3 ', 1e308].map((priority): Case => [
    `priority ${priority}`,
    { priority },
    'priority',
  ]),
  ...[0, 2 ** 31, 2 ** 53, -1, 1e21, '0x1'].map((n): Case => [
    `pr_number ${n}`,
    { pr_number: n },
    'pr_number',
  ]),
  ...['%'.repeat(40), 'A'.repeat(40), 'a'.repeat(39), EXPONENTIAL].map((commit_hash): Case => [
    `commit_hash ${commit_hash.slice(0, 9)}`,
    { commit_hash },
    'commit_hash',
  ]),
  ...['%', '______', '*', '', 'root', '../../etc/passwd', "' OR '1'='1", '--help', EXPONENTIAL].map(
    (parent_id): Case => [`parent_id ${parent_id.slice(0, 20)}`, { parent_id }, 'parent_id'],
  ),
  ['an author of 101 characters', { created_by: 'x'.repeat(101) }, 'created_by'],
  ['an author with a line break', { created_by: 'a\r\nSet-Cookie: b' }, 'created_by'],
  ['a branch name with an escape', { branch_name: '\u001b]0;title\u0007' }, 'branch_name'],
  ['an idempotency key of 201 characters', { idempotency_key: 'x'.repeat(201) }, 'idempotency_key'],
  ...['constructor', 'toString', 'hasOwnProperty', '', ' title', 'Title'].map((name): Case => [
    `the argument ${JSON.stringify(name)}`,
    { [name]: 1 },
    name,
  ]),
];

const listing: Case[] = [
  ...[-1, 0, 101, 1.5, 1e21, '101', 'all'].map((limit): Case => [`limit ${limit}`, { limit }, 'limit']),
  ...[-1, 2 ** 53, 1e21, 0.5].map((offset): Case => [`offset ${offset}`, { offset }, 'offset']),
  ...[
    'x',
    '%',
    "'; DROP TABLE work_items; --",
    ...[
      [],
      {},
      ['updated'],
      ['updated', 1, 2],
      ['updated', "' OR 1=1", 'x'],
      ['nothing', 'x', 'y'],
      null,
    ].map(cursorOf),
    cursorOf(['updated', '2026-01-01T00:00:00.000Z', `00000000-0000-4000-8000-00000000000'`]),
    cursorOf(['updated', '0000-01-01T00:00:00.000Z', '00000000-0000-4000-8000-000000000000']),
    'x'.repeat(1_501),
  ].map((cursor): Case => [`the cursor ${cursor.slice(0, 40)}`, { cursor }, 'cursor']),
  ['a text of 201 characters', { text: 'x'.repeat(201) }, 'text'],
];

const updates: Case[] = [
  ...[0, -1, 1.5, '1.5', 2 ** 53, null].map((version): Case => [
    `version ${version}`,
    { version },
    'version',
  ]),
  ...[
    '2026-13-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-01-01',
    '2026-01-01T00:00:00',
    '1769852000',
    'now',
    '+275760-09-13T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:59-23:59',
    `2026-01-01T00:00:00.${'0'.repeat(50_000)}!`,
  ].map((deleted_at): Case => [`deleted_at ${deleted_at.slice(0, 30)}`, { deleted_at }, 'deleted_at']),
];

describeBothDatabases((surface) => {
  describe('create_work_item refuses', () => {
    unchanged(surface);
    it.each([...titles, ...descriptions, ...metadata, ...otherFields])('%s', async (_what, wrong, field) => {
      const arguments_ = { item_type: 'task', title: 'Fine', ...wrong };
      const { details, message } = await surface.refuse('ValidationError', 'create_work_item', arguments_);
      expect(details.problems?.map((problem) => problem.field)).toContain(field);
      // The error is short, whatever was sent.
      expect(message.length).toBeLessThan(2_000);
    });
  });

  describe('list_work_items refuses', () => {
    unchanged(surface);
    it.each(listing)('%s', async (_what, wrong, field) => {
      await surface.refuseField(field, 'list_work_items', wrong);
    });
  });

  describe('update_work_item refuses', () => {
    unchanged(surface);
    it.each(updates)('%s', async (_what, wrong, field) => {
      const based = { id: '00000000-0000-4000-8000-000000000000', version: 1, title: 'x' };
      await surface.refuseField(field, 'update_work_item', { ...based, ...wrong });
    });
  });

  describe('vendors and deployments refuse', () => {
    unchanged(surface);
    it.each<[what: string, tool: string, wrong: Row, field: string]>([
      ['a vendor name of two lines', 'query_vendor_status', { name: 'a\nb' }, 'name'],
      ['a vendor name of 101 characters', 'register_vendor', { name: EMOJI.repeat(101) }, 'name'],
      ['a vendor name that is an array', 'query_vendor_status', { name: ['a'] }, 'name'],
      [
        '501 vendors',
        'record_deployment',
        { ...DEPLOYMENT, affected_vendors: numbered(501) },
        'affected_vendors',
      ],
      [
        'a PR title of 201 characters',
        'record_deployment',
        { ...DEPLOYMENT, metadata: { ...DEPLOYMENT.metadata, pr_title: 'x'.repeat(201) } },
        'metadata.pr_title',
      ],
      [
        'a count that is no whole number',
        'record_deployment',
        { ...DEPLOYMENT, metadata: { ...DEPLOYMENT.metadata, test_summary: { unit: 0.5 } } },
        'metadata.test_summary.unit',
      ],
      [
        'an option for a commit',
        'record_deployment',
        { ...DEPLOYMENT, commit_hash: '--output=/tmp/x' },
        'commit_hash',
      ],
      [
        'a revision for a commit',
        'record_deployment',
        { ...DEPLOYMENT, commit_hash: 'HEAD~1' },
        'commit_hash',
      ],
      ['a feed position below zero', 'query_history', { since: -1 }, 'since'],
      [
        'a budget past a million',
        'update_project_configuration',
        { version: 1, default_token_budget: 1_000_001 },
        'default_token_budget',
      ],
    ])('%s', async (_what, tool, wrong, field) => {
      await surface.refuseField(field, tool, wrong);
    });
  });
});

/** After each test the store is as it was before, and the server tells so. */
function unchanged(surface: Surface): void {
  const state = async (): Promise<unknown> => ({
    position: await surface.feedPosition(),
    items: (await surface.call('list_work_items', { include_deleted: true, limit: 1 }))['total_count'],
    vendors: (await surface.call('list_vendors', { limit: 1 }))['total_count'],
  });
  let before: unknown;
  beforeEach(async () => {
    before = await state();
  });
  afterEach(async () => {
    expect(await state()).toEqual(before);
  });
}

/** An object of exactly that many bytes as JSON. */
function jsonOf(bytes: number, filler = 'x'): Row {
  const room = bytes - JSON.stringify({ notes: '' }).length;
  const width = Buffer.byteLength(filler);
  return { notes: filler.repeat(Math.floor(room / width)) + 'x'.repeat(room % width) };
}

function nested(levels: number): Row {
  let value: Row = {};
  for (let level = 1; level < levels; level += 1) value = { a: value };
  return value;
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `number ${index}`);
}

function cursorOf(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

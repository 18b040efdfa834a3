// Metadata of work items, per type.
import { beforeAll, describe, expect, it } from 'vitest';
import { describeEachBackend, openTracker } from './backends.ts';
import { problemsOf, refusedFields } from './refusal.ts';
import type { Tracker } from './tracker.ts';

describeEachBackend('work item metadata', (backend) => {
  let tracker: Tracker;
  beforeAll(async () => {
    tracker = await openTracker(backend);
  });

  const full = {
    project: {
      description: 'What it is about',
      target_quarter: '2026-Q1',
      constitutional_principles: ['Simplicity', 'Tests first'],
    },
    session: {
      token_budget: 50_000,
      prompts_count: 3,
      yaml_frontmatter: { schema_version: '1.0', title: 'A session', nested: { kept: true } },
    },
    task: {
      estimated_hours: 0,
      actual_hours: 1000,
      blocked_reason: 'Waiting for access',
      acceptance_criteria: [
        { text: 'It runs', done: true },
        { text: 'It is told', done: false, note: 'kept' },
      ],
    },
    research: {
      research_questions: ['Which one?', 'How fast?'],
      findings_summary: 'The second one.',
      references: ['https://example.com/paper?a=1&b=2'],
    },
  };

  it.each(Object.entries(full))(
    'keeps all known keys of a %s without a warning',
    async (item_type, metadata) => {
      const answer = await tracker.createAnswer({ item_type, metadata });
      expect(answer.warnings).toEqual([]);
      expect(answer.data.metadata).toEqual(metadata);
      expect((await tracker.query(answer.data.id)).metadata).toEqual(metadata);
    },
  );

  it('gives a session the configured budget and no prompts, unless told', async () => {
    expect((await tracker.create({ item_type: 'session' })).metadata).toEqual({
      token_budget: 200_000,
      prompts_count: 0,
    });
    await tracker.configure(1, { default_token_budget: 123_456 });
    expect((await tracker.create({ item_type: 'session' })).metadata).toMatchObject({
      token_budget: 123_456,
    });
    const told = await tracker.create({ item_type: 'session', metadata: { token_budget: 1_000 } });
    expect(told.metadata).toEqual({ token_budget: 1_000, prompts_count: 0 });
  });

  it.each(['Q3 2027', 'q3 2027', 'Q3-2027', ' 2027-Q3 ', '2027-Q3'])(
    'writes the quarter %j as 2027-Q3',
    async (text) => {
      const item = await tracker.create({ item_type: 'project', metadata: { target_quarter: text } });
      expect(item.metadata).toEqual({ target_quarter: '2027-Q3' });
      expect((await tracker.query(item.id)).metadata).toEqual({ target_quarter: '2027-Q3' });
    },
  );

  describe('wrong values of known keys', () => {
    it.each([
      ['project', 'description', 'x'.repeat(1001)],
      ['project', 'target_quarter', '2026-Q5'],
      ['project', 'target_quarter', '2026'],
      ['project', 'constitutional_principles', 'one'],
      ['session', 'token_budget', 999],
      ['session', 'token_budget', 1_000_001],
      ['session', 'token_budget', 1000.5],
      ['session', 'prompts_count', -1],
      [
        'session',
        'yaml_frontmatter',
        { title: 'without a version' },
        'metadata.yaml_frontmatter.schema_version',
      ],
      ['session', 'yaml_frontmatter', { schema_version: 1 }, 'metadata.yaml_frontmatter.schema_version'],
      ['task', 'estimated_hours', -0.1],
      ['task', 'actual_hours', 1000.1],
      ['task', 'actual_hours', '8'],
      ['task', 'blocked_reason', 'x'.repeat(501)],
      ['task', 'acceptance_criteria', [{ text: 'no done' }], 'metadata.acceptance_criteria[0].done'],
      ['task', 'acceptance_criteria', Array.from({ length: 51 }, () => ({ text: 'x', done: false }))],
      ['research', 'findings_summary', 'x'.repeat(2001)],
      ['research', 'references', [1], 'metadata.references[0]'],
      ['research', 'research_questions', [null], 'metadata.research_questions[0]'],
    ])('refuses for a %s the %s %j', async (item_type, key, value, field = `metadata.${key}`) => {
      expect(await refusedFields(tracker.create({ item_type, metadata: { [key]: value } }))).toEqual([field]);
    });

    it('checks an update as strictly as a creation, and saves nothing of it', async () => {
      const item = await tracker.create({ metadata: { estimated_hours: 3 } });
      const wrong = { metadata: { estimated_hours: 5000, blocked_reason: 7 }, title: 'Not saved' };
      expect(await refusedFields(tracker.update(item, wrong))).toEqual([
        'metadata.estimated_hours',
        'metadata.blocked_reason',
      ]);
      expect(await tracker.query(item.id)).toMatchObject({
        version: 1,
        title: 'Task',
        metadata: { estimated_hours: 3 },
      });
    });
  });

  it('keeps an unknown key and warns with the nearest known one', async () => {
    const metadata = { estimate_hours: 4, zebra: { stripes: 9 } };
    const answer = await tracker.createAnswer({ metadata });
    expect(answer.data.metadata).toEqual(metadata);
    expect(answer.warnings.map(({ code }) => code)).toEqual(['unknown_metadata_key', 'unknown_metadata_key']);
    expect(answer.warnings[0]?.message).toContain('"estimate_hours"');
    expect(answer.warnings[0]?.message).toContain('"estimated_hours"');
    expect(answer.warnings[1]?.message).toContain('"zebra"');
  });

  it('merges an update key by key, and null removes a key', async () => {
    const item = await tracker.create({
      metadata: { estimated_hours: 1, blocked_reason: 'why', custom: { a: 1, b: 2 } },
    });
    const updated = await tracker.update(item, {
      metadata: { estimated_hours: 2, blocked_reason: null, custom: { c: 3 } },
    });
    expect(updated.metadata).toEqual({ estimated_hours: 2, custom: { c: 3 } });
    expect((await tracker.query(item.id)).metadata).toEqual({ estimated_hours: 2, custom: { c: 3 } });
    expect((await tracker.update(updated, { metadata: { never_there: null } })).metadata).toEqual(
      updated.metadata,
    );
  });

  it('warns about unknown keys only when an update brings metadata', async () => {
    const item = await tracker.create({ metadata: { zebra: 1 } });
    const renamed = await tracker.updateAnswer(item, { title: 'Renamed' });
    expect(renamed.warnings).toEqual([]);
    expect((await tracker.updateAnswer(renamed.data, { metadata: { zebra: 2 } })).warnings).toHaveLength(1);
  });

  it('takes metadata as JSON text too', async () => {
    const item = await tracker.create({ metadata: '{"estimated_hours": 2}', labels: '["a", "b"]' });
    expect(item).toMatchObject({ metadata: { estimated_hours: 2 }, labels: ['a', 'b'] });
  });

  it('keeps keys that are also names of JavaScript, and their history', async () => {
    const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf'];
    const item = await tracker.create({ metadata: Object.fromEntries(names.map((name) => [name, 1])) });
    const updated = await tracker.update(item, {
      metadata: Object.fromEntries(names.map((name) => [name, null])),
    });
    expect(Object.keys(updated.metadata)).toEqual([]);
    const { items } = await tracker.history({ id: item.id });
    const expected = names.map((name) => ({ field: `metadata.${name}`, from: 1, to: null }));
    expect(
      items[0]?.fields.sort((a, b) => names.indexOf(a.field.slice(9)) - names.indexOf(b.field.slice(9))),
    ).toEqual(expected);
    for (const name of names) {
      expect(items[1]?.fields).toContainEqual({ field: `metadata.${name}`, from: null, to: 1 });
    }
  });

  it('refuses what no store can keep, naming where it is', async () => {
    const nul = await problemsOf(() => tracker.create({ metadata: { notes: ['fine', 'a\0b'] } }));
    expect(nul).toMatchObject([{ field: 'metadata.notes[1]' }]);
    expect(nul[0]?.constraint).toContain('NUL');
    const half = await problemsOf(() => tracker.create({ metadata: { notes: '\ud83d' } }));
    expect(half).toMatchObject([{ field: 'metadata.notes' }]);
    expect(half[0]?.constraint).toContain('surrogate');
    const polluted = JSON.parse('{"__proto__": {"polluted": true}}') as Record<string, unknown>;
    expect(await refusedFields(() => tracker.create({ metadata: polluted }))).toEqual(['metadata.__proto__']);
  });
});

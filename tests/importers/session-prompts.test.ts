/** Session prompts as session items: data only, known again by their path, each deviation told. */
import { existsSync } from 'node:fs';
import { cp, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMapping } from '../../src/formats/yaml-mapping.ts';
import { readPromptFile } from '../../src/importers/session-prompts/prompt-file.ts';
import { readSessionPrompts } from '../../src/importers/session-prompts/read-session-prompts.ts';
import { describeWithSharedData } from '../support/shared-data.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { expectStorable, folderOf, importedOf, itemOf, noteCodes } from './plan-checks.ts';
import { episodes } from '../torture/scale.ts';

const COMPLETE = `---
schema_version: 1.0
title: Everything
date: 2025-10-04
session_time: 13:20:16
priority: P0
status: blocked
branch: 004-x
tags: [a, b]
token_budget: 50000
prompts_count: 7
mine: {deep: [1, null, 2.50]}
---
# Not this

## Prompt 1: one
`;

const planOf = async (files: Record<string, string | Uint8Array>) =>
  readSessionPrompts(await folderOf(files));

describe('a session prompt', () => {
  it('becomes a session with what its frontmatter says, all of which is kept', async () => {
    const plan = await planOf({ 'deep/down/x.md': COMPLETE });
    expectStorable(plan);
    const item = itemOf(plan, 'deep/down/x.md');
    expect(item).toMatchObject({
      item_type: 'session',
      title: 'Everything',
      status: 'blocked',
      priority: 1,
      labels: ['a', 'b'],
      branch_name: '004-x',
      description: '# Not this\n\n## Prompt 1: one',
      created_at: '2025-10-04T13:20:16.000Z',
      metadata: {
        token_budget: 50_000,
        prompts_count: 7,
        yaml_frontmatter: {
          schema_version: '1.0',
          session_time: '13:20:16',
          mine: { deep: [1, null, '2.50'] },
        },
      },
    });
    expect(plan.notes).toEqual([]);
    expect(plan.skipped).toEqual([]);
  });

  it('without schema_version is accepted with a note, and none is made up', async () => {
    const plan = await planOf({
      'x.md': '---\ntitle: X\nstatus: Go on\npriority: 9\ntoken_budget: 5\n---\n',
    });
    const item = itemOf(plan, 'x.md');
    expect(item).toMatchObject({ title: 'X', status: 'active', description: null });
    expect(Object.keys(item.metadata).sort()).toEqual(['imported', 'prompts_count']);
    expect(importedOf(item)['frontmatter']).toMatchObject({ title: 'X', status: 'Go on', token_budget: 5 });
    expect(noteCodes(plan)).toEqual(
      expect.arrayContaining(['schema_version_missing', 'token_budget_unusable', 'priority_unknown']),
    );
  });

  it('without frontmatter is accepted by its headings', async () => {
    const plan = await planOf({
      'x.md': 'Text\n# Survey\n\n**Date:** 2025-09-30\n## Prompt 1\n## Prompt 2\n',
    });
    expect(itemOf(plan, 'x.md')).toMatchObject({
      title: 'Survey',
      created_at: '2025-09-30T00:00:00.000Z',
      metadata: { prompts_count: 2 },
    });
    expect(noteCodes(plan)).toEqual(['frontmatter_missing']);
  });

  it.each([
    ['---\ntitle: "Open\na: 1\n---\n', 2],
    ['---\ntitle: a\ntitle: b\n---\n', 3],
    ['---\n- a\n---\n', 2],
    ['---\ntitle: a\n', 1],
    ['---js\n{}\n---\n', 1],
    ['---json\n{"title":"x"}\n---\n', 1],
    ['no heading at all', 1],
    ['---\na: &a [x]\nb: *a\n---\n', 3],
    ['', 1],
  ])('that is malformed is skipped with its line: %j', async (text, line) => {
    const plan = await planOf({ 'good.md': COMPLETE, 'bad.md': text });
    expect(plan.items.map(({ foreign_id }) => foreign_id)).toEqual(['good.md']);
    expect(plan.skipped).toMatchObject([{ file: 'bad.md', line }]);
  });

  it('cannot blow up by aliases', () => {
    const bomb = [
      'a: &a [x,x]',
      ...'bcdefghij'
        .split('')
        .map((name, at) => `${name}: &${name} [*${'abcdefghi'[at]},*${'abcdefghi'[at]}]`),
    ];
    expect(readMapping(bomb.join('\n'))).toHaveProperty('reason');
  });

  it('that is too large, no regular file or leads out of the folder is refused with a message', async () => {
    const outside = await folderOf({ 'secret.md': COMPLETE });
    const folder = await folderOf({ 'good.md': COMPLETE, 'huge.md': `# x\n${'x'.repeat(200_000)}` });
    await symlink(path.join(outside, 'secret.md'), path.join(folder, 'leak.md'));
    await symlink(outside, path.join(folder, 'all'));
    await symlink(folder, path.join(folder, 'circle'));
    await writeFile(path.join(folder, '.hidden.md'), COMPLETE);
    const plan = await readSessionPrompts(folder);
    expect(plan.items.map(({ foreign_id }) => foreign_id)).toEqual(['good.md']);
    expect(plan.skipped.map(({ file }) => file)).toEqual(['all', 'huge.md', 'leak.md']);
    expect(plan.skipped.every(({ reason }) => /leads out|limit/.test(reason))).toBe(true);
  });

  it('is known again by its path in the project, from wherever it is named', async () => {
    const projectDir = await folderOf({ 'docs/session-prompts/x.md': COMPLETE });
    const all = await readSessionPrompts(path.join(projectDir, 'docs'), { projectDir });
    const one = await readSessionPrompts(path.join(projectDir, 'docs/session-prompts/x.md'), { projectDir });
    expect(all.items).toEqual(one.items);
    expect(one.items[0]?.foreign_id).toBe('docs/session-prompts/x.md');
  });

  it.each([
    ['**/*.md', ['a.md', 'b/c.md', 'b/d/e.md']],
    ['*.md', ['a.md']],
    ['b/**', ['b/c.md', 'b/d/e.md']],
    ['**/?.md', ['a.md', 'b/c.md', 'b/d/e.md']],
    ['b/**/e.*', ['b/d/e.md']],
  ])('is chosen by a pattern: %s', async (glob, names) => {
    const folder = await folderOf({ 'a.md': COMPLETE, 'b/c.md': COMPLETE, 'b/d/e.md': COMPLETE });
    const { items } = await readSessionPrompts(folder, { glob });
    expect(items.map(({ foreign_id }) => foreign_id)).toEqual(names);
  });

  it.each(['nowhere', 'empty'])('folder that holds none is refused: %s', async (name) => {
    const folder = await folderOf({ 'empty/readme.txt': '' });
    await expect(readSessionPrompts(path.join(folder, name))).rejects.toMatchObject({
      details: { field: 'path' },
    });
  });

  it('of any text is read or refused, and never throws', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc
        .array(
          fc.constantFrom(
            '---',
            '---js',
            'a: 1',
            'a: "',
            '- x',
            '# H',
            '```',
            '&a',
            '*a',
            '? x',
            '!!js/function x',
            '%YAML 1.1',
            '\u0000',
          ),
          { maxLength: 12 },
        )
        .map((lines) => lines.join('\n')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const read = readPromptFile(text);
        if ('reason' in read) expect(read.line).toBeGreaterThanOrEqual(1);
        else expect(read.frontmatter !== null || read.heading !== null).toBe(true);
      }),
      { numRuns: episodes(500, 2_000) },
    );
  });
});

describeWithSharedData('the real session prompts', (folder) => {
  it('are imported, but for the malformed one and the one with code, which is not run', async () => {
    const project = await temporaryProject();
    await cp(path.join(folder, 'session-prompts'), path.join(project, 'docs/session-prompts'), {
      recursive: true,
    });
    const plan = await readSessionPrompts(path.join(project, 'docs/session-prompts'), {
      projectDir: project,
    });
    expectStorable(plan);
    expect(plan.items.map(({ title, created_at, priority }) => [title, created_at, priority])).toEqual([
      ['Session: survey of formats', '2025-09-30T00:00:00.000Z', 3],
      ['TPD Extraction Manifest Migration', '2025-10-04T00:00:00.000Z', 2],
      ['Handoff', '2026-02-07T13:20:16.000Z', 3],
    ]);
    expect(plan.skipped).toMatchObject([
      { file: 'docs/session-prompts/2025-10-08-malformed.md', line: 3 },
      {
        file: 'docs/session-prompts/2025-10-09-code.md',
        line: 1,
        reason: expect.stringContaining('never run') as string,
      },
    ]);
    for (const at of [project, process.cwd()]) expect(existsSync(path.join(at, 'PWNED'))).toBe(false);
  });
});

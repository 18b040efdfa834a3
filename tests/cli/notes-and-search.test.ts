import { describe, expect, it } from 'vitest';
import type { WorkItem } from '../../src/domain/work-item.ts';
import type { SearchResults } from '../../src/use-cases/records/search.ts';
import { runCli } from '../support/program.ts';
import { commandLine } from './command-line.ts';

const ESCAPE = '\u001b';

describe('note', () => {
  it('adds what the line or standard input says, and shows it beside the item', async () => {
    const worktrail = await commandLine();
    const { id } = await worktrail.json<WorkItem>('create', 'Noted');
    expect(await worktrail.text('note', id.slice(0, 8), 'The', 'vendor', 'answers')).toBe(
      `Added a note to ${id.slice(0, 8)}.\n`,
    );
    const piped = await runCli(['note', id, '-'], { project: worktrail.project, stdin: 'From a\npipe\n' });
    expect(piped.code, piped.stderr).toBe(0);
    expect(await worktrail.json('note', id, '--list')).toMatchObject({
      total_count: 2,
      items: [{ text: 'From a\npipe' }, { text: 'The vendor answers' }],
    });
    const shown = await worktrail.text('show', id);
    expect(shown).toMatch(/Notes\n {2}\d{4}-.* UTC by .*\n {2}> From a\n {2}> pipe\n/);
    expect(await worktrail.text('note', id, '--list')).toContain('2 of 2 notes');
    expect(await worktrail.text('note', id, '--list', '--limit', '1')).toContain('the next page: --cursor');
  });

  it('reads no more of standard input than could be a message', async () => {
    const worktrail = await commandLine();
    const { id } = await worktrail.json<WorkItem>('create', 'Noted');
    const stdin = 'x'.repeat(1024 * 1024 + 1);
    const refused = await runCli(['note', id, '-'], { project: worktrail.project, stdin });
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('text: must have at most 65536 bytes');
  });

  it('sends no escape sequence of a note to the terminal', async () => {
    const worktrail = await commandLine();
    const { id } = await worktrail.json<WorkItem>('create', 'Noted');
    await worktrail.text('note', id, `red ${ESCAPE}[31m text`);
    for (const args of [
      ['show', id],
      ['note', id, '--list'],
      ['search', 'red'],
    ]) {
      expect(await worktrail.text(...args)).not.toContain(ESCAPE);
    }
  });

  it('refuses nothing, and what is not there', async () => {
    const worktrail = await commandLine();
    const { id } = await worktrail.json<WorkItem>('create', 'Noted');
    expect(await worktrail.failure(2, 'note', id)).toMatchObject({ details: { field: 'text' } });
    expect(await worktrail.failure(2, 'note', id, '  ')).toMatchObject({ details: { field: 'text' } });
    expect((await worktrail.failure(1, 'note', 'abcdef', 'x')).error).toBe('NotFoundError');
  });
});

describe('search', () => {
  it('finds items and notes, the best first, as text and as JSON', async () => {
    const worktrail = await commandLine();
    const { id } = await worktrail.json<WorkItem>('create', 'Login is slow', '--label', 'parser');
    await worktrail.json<WorkItem>('create', 'Other', '--description', 'about the login');
    await worktrail.text('note', id, 'Profile the login with a flamegraph');
    const found = await worktrail.json<SearchResults>('search', 'login');
    expect(found.items.map(({ entity, title }) => `${entity} ${title}`)).toEqual([
      'work_item Login is slow',
      'note Login is slow',
      'work_item Other',
    ]);
    expect(found).toMatchObject({ total_count: 3, data_source: 'sqlite' });
    const text = await worktrail.text('search', 'login');
    expect(text).toContain(`${id.slice(0, 8)}  work_item  active  Login is slow\n    > parser\n`);
    expect(text).toContain(`note on ${id.slice(0, 8)}`);
    expect(text).toMatch(/\n3 of 3 matches\n$/);
    expect(await worktrail.text('search', 'login', 'flamegraph')).toMatch(/\n1 of 1 match\n$/);
    expect(await worktrail.text('search', 'login', '--entity', 'note', '--limit', '1')).toMatch(
      /1 of 1 match\n$/,
    );
    expect(await worktrail.text('search', '--archived', 'login')).toBe('Nothing matches.\n');
  });

  it.each(['"', 'C++', 'foo AND', 'NEAR(', '*', ':', '🚀', '((('])('takes %s', async (query) => {
    const worktrail = await commandLine();
    expect(await worktrail.text('search', query)).toBe('Nothing matches.\n');
  });

  it('names what it does not know', async () => {
    const worktrail = await commandLine();
    expect(await worktrail.failure(2, 'search', 'x', '--entity', 'ticket')).toMatchObject({
      error: 'ValidationError',
    });
    expect(await worktrail.failure(2, 'search', 'x', '--limit', '0')).toMatchObject({
      details: { field: 'limit' },
    });
    expect((await worktrail.failure(2, 'search')).message).toContain("missing required argument 'words'");
  });
});

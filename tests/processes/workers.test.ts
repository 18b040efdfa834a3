// Two people with two windows of one client each, as four real servers: told apart, also offline and after replay.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason, startPostgres } from '../support/postgres.ts';
import { runCli } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { describeEachDatabase } from './place.ts';
import type { Server, Answer } from './server.ts';
import { WINDOWS, joined, openWindows, type Four } from './windows.ts';

const LONG_MS = 240_000;
const PATIENCE_MS = 60_000;
const itemsOf = (section: unknown) => ((section ?? { items: [] }) as { items: Answer[] }).items;
const short = (id: string) => id.slice(0, 8);

/** Each has claimed an item of its own, and each is told what is its own and what is not. */
async function expectFourWorkers(windows: Four<Server>, ids: Four<string>): Promise<void> {
  for (const [at, window] of windows.entries()) {
    const other = at ^ 1;
    const brief = await window.answer('get_brief', { since: 0, max_tokens: 5_000 });
    expect(itemsOf(brief['claimed'])).toMatchObject([{ id: short(ids[at] ?? '') }]);
    expect(itemsOf(brief['claimed'])[0]?.['claim_token']).toEqual(expect.any(Number));
    expect(itemsOf(brief['claimed_elsewhere'])).toMatchObject([
      { id: short(ids[other] ?? ''), session: short(WINDOWS[other]?.[1] ?? '') },
    ]);
    const wrote = new Map(itemsOf(brief['changed']).map((one) => [one['id'], one]));
    for (const [index, id] of ids.entries()) {
      const [person, session] = WINDOWS[index] ?? ['', ''];
      expect(wrote.get(short(id))).toMatchObject({ actor: 'claude-code', person, session: short(session) });
    }
  }
  const [first] = windows;
  for (const [index, [person, session]] of WINDOWS.entries()) {
    const { items } = await first.answer('query_history', { actor: session, max_tokens: 5_000 });
    const made = itemsOf({ items });
    const altered = ids.filter((id) => made.some(({ entity_id }) => entity_id === short(id)));
    expect(altered).toEqual([ids[index]]);
    expect(made[0]).toMatchObject({ person, client: 'claude-code/1.0.0' });
  }
}

async function claimEach(windows: Four<Server>): Promise<Four<string>> {
  const ids: string[] = [];
  for (const [at, window] of windows.entries()) {
    const id = await window.create({ title: `item ${at}` });
    await window.answer('claim_work_item', { id });
    ids.push(id);
  }
  return ids as Four<string>;
}

describeEachDatabase('four windows', (newPlace, source) => {
  it('are four workers', { timeout: LONG_MS }, async () => {
    const place = await newPlace({ git: true });
    // On the embedded database one folder is shared; on PostgreSQL each person has one.
    const folders = new Map<string, string>([
      ['Ana', place.project],
      ['Ben', source === 'postgres' ? await joined(place) : place.project],
    ]);
    const windows = await openWindows((person) => ({ ...place, project: folders.get(person) ?? '' }));
    const ids = await claimEach(windows);
    await expectFourWorkers(windows, ids);

    const [ana, , ben] = windows;
    const { message } = await ben.failure('claim_work_item', { id: ids[0] });
    expect(message).toContain('claimed by Ana (claude-code/1.0.0, session aaaaaaaa) until');
    expect(await ana.answer('claim_work_item', { id: ids[0], action: 'release' })).toMatchObject({
      claim_token: null,
    });
    const devices = await place.rows('select distinct device from changes where device is not null');
    expect(devices).toHaveLength(source === 'postgres' ? 2 : 1);

    // A command that a client runs belongs to the client's session; another one to the person in the folder.
    const command = async (env: Record<string, string>) => {
      const { code, stderr } = await runCli(['create', 'By command', ...databaseOf(place.args)], {
        project: place.project,
        env: { WORKTRAIL_ACTOR: 'Ana', ...env },
      });
      expect(code, stderr).toBe(0);
    };
    await command({ CLAUDE_CODE_SESSION_ID: WINDOWS[0][1] });
    await command({});
    const made = await place.rows(
      "select person, session, client from changes where client = 'cli' order by seq",
    );
    expect(made).toEqual([
      { person: 'Ana', session: WINDOWS[0][1], client: 'cli' },
      { person: 'Ana', session: expect.stringMatching(/^cli-[0-9a-f]{8}$/) as string, client: 'cli' },
    ]);
  });
});

const databaseOf = (args: readonly string[]) => args.slice(args.indexOf('--database'));

describeUnless(postgresSkipReason(), 'four windows whose database goes away', () => {
  it('are four workers offline and after replay', { timeout: LONG_MS }, async () => {
    const postgres = await startPostgres({ own: true });
    cleanUpLater(() => postgres.stop());
    const url = await postgres.createDatabase();
    const project = await temporaryProject({ git: true });
    const args = ['--toolsets', 'all', '--database', url];
    const windows = await openWindows(() => ({ project, args }));
    const [first] = windows;
    await first.create({ title: 'known' });
    const eventually = async (check: () => Promise<boolean>) => {
      for (const until = Date.now() + PATIENCE_MS; !(await check()); await sleep(200))
        expect(Date.now()).toBeLessThan(until);
    };
    await sleep(3_000);
    await postgres.halt('immediate');
    const ids = await claimEach(windows);
    await expectFourWorkers(windows, ids);

    await postgres.resume();
    await eventually(async () => (await first.answer('list_conflicts'))['pending_count'] === 0);
    await eventually(async () => (await first.answer('get_brief'))['data_source'] === 'postgres');
    await expectFourWorkers(windows, ids);
    for (const [at, window] of windows.entries())
      await window.answer('claim_work_item', { id: ids[at], action: 'release' });
  });
});

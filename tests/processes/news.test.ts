// What a session is told of what others did meanwhile: once, with its first answer after it, across real servers.
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { cleanUpLater } from '../support/cleanup.ts';
import { describeUnless } from '../support/describe-with.ts';
import { postgresSkipReason, startPostgres } from '../support/postgres.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { describeEachDatabase } from './place.ts';
import { Server, type Answer } from './server.ts';
import { joined, nameProject, openWindows } from './windows.ts';

const LONG_MS = 240_000;
const PATIENCE_MS = 60_000;
const PATIENT_CALLS = 20;
const short = (id: string) => id.slice(0, 8);

/** The news of any call; both forms of the answer carry it, or neither. */
async function newsOf(server: Server, tool = 'get_project_configuration', args: Answer = {}) {
  const { result } = await server.rpc.request('tools/call', { name: tool, arguments: args });
  const { structuredContent, content } = result as {
    structuredContent: Answer;
    content: { text: string }[];
  };
  const told = structuredContent['news'] as string | undefined;
  const lines = (content[0]?.text ?? '').split('\n').filter((line) => line.startsWith('News: '));
  expect(lines).toEqual(told === undefined ? [] : [`News: ${told}`]);
  for (const line of lines) expect(encode(line).length).toBeLessThanOrEqual(60);
  return told;
}

/** With the next answer, or with one after it: an answer that is there does not wait long for news. */
async function soonTold(...asked: Parameters<typeof newsOf>): Promise<string | undefined> {
  let told: string | undefined;
  for (let calls = 0; told === undefined && calls < PATIENT_CALLS; calls += 1) told = await newsOf(...asked);
  return told;
}

/** Told once: the next answer has none. */
async function toldOnce(server: Server): Promise<string | undefined> {
  const told = await soonTold(server);
  expect(await newsOf(server)).toBeUndefined();
  return told;
}

describeEachDatabase('news', (newPlace, source) => {
  it('reach each window that is concerned, once, and no other', { timeout: LONG_MS }, async () => {
    const place = await newPlace({ git: true });
    const bens = source === 'postgres' ? await joined(place) : place.project;
    const windows = await openWindows((person) => ({
      ...place,
      project: person === 'Ben' ? bens : place.project,
    }));
    const [ana, anas, ben, bens2] = windows;
    for (const window of windows) expect(await newsOf(window)).toBeUndefined();
    const id = await ana.create({ title: 'Set up "CI"' });
    const other = await ana.create({ title: 'Nobody reads this' });
    await ben.answer('query_work_item', { id });
    for (const window of windows) expect(await newsOf(window)).toBeUndefined();

    // What it wrote is of interest to Ana's first window, what he read to Ben's; the others go by nothing.
    const { version } = await anas.answer('update_work_item', {
      id,
      version: 1,
      status: 'planned',
      priority: 1,
    });
    expect(await toldOnce(ana)).toBe(
      `Another session of yours set "Set up \\"CI\\"" (${short(id)}) to planned and changed priority`,
    );
    expect(await toldOnce(ben)).toBe(
      `Ana set "Set up \\"CI\\"" (${short(id)}) to planned and changed priority`,
    );
    for (const window of [anas, bens2]) expect(await newsOf(window)).toBeUndefined();
    await bens2.answer('update_work_item', { id: other, version: 1, description: 'Something' });
    await bens2.answer('add_note', { id, text: 'Seen' });
    expect(await toldOnce(ben)).toBe(
      `Another session of yours added a note to "Set up \\"CI\\"" (${short(id)})`,
    );

    // Several records, the more important ones first; the rest is counted, with the call that tells it.
    expect(await toldOnce(ana)).toMatch(
      /^Ben (added a note to|changed description of) ".*; Ben (changed|added)/,
    );

    // Claims: handed over, ended by whoever has the token, and taken.
    const { claim_token } = await ana.answer('claim_work_item', { id });
    expect(await toldOnce(ben)).toBe(`Ana claimed "Set up \\"CI\\"" (${short(id)})`);
    await ana.answer('claim_work_item', { id: other });
    await ana.answer('claim_work_item', { id: other, action: 'hand_over', to: 'Ben' });
    const handed = `Ana handed "Nobody reads this" (${short(other)}) over to you`;
    expect(await toldOnce(ben)).toBe(handed);
    expect(await toldOnce(bens2)).toBe(`${handed}; Ana claimed "Set up \\"CI\\"" (${short(id)})`);
    await ben.answer('claim_work_item', { id, action: 'release', claim_token });
    const lost = await ana.failure('update_work_item', { id, version: 99, status: 'planned' });
    expect(lost).toMatchObject({ news: `Ben ended the claim on "Set up \\"CI\\"" (${short(id)})` });
    expect(await newsOf(ana)).toBeUndefined();

    // What an item waits for.
    const waits = await ben.create({ title: 'Deploy' });
    await ben.answer('link_work_items', { source_id: id, target_id: waits, dependency_type: 'blocks' });
    await bens2.answer('query_work_item', { id: waits });
    for (const window of windows) await newsOf(window);
    await ana.answer('update_work_item', { id, version, status: 'completed' });
    const goesOn = `"Set up \\"CI\\"" (${short(id)}) is completed: "Deploy" (${short(waits)}) waited for it`;
    expect(await toldOnce(bens2)).toBe(goesOn);
    expect(await toldOnce(ben)).toBe(goesOn);
  });

  it(
    'fit into one line, whatever happened, and into the budget of the answer',
    { timeout: LONG_MS },
    async () => {
      const place = await newPlace({});
      const [one, two] = await Server.startMany(place, 2);
      if (one === undefined || two === undefined) throw new Error('two servers');
      const ids: string[] = [];
      for (let n = 0; n < 12; n += 1)
        ids.push(await one.create({ title: `${n} ${'Ünïcödé ✓ 部品 '.repeat(13)}` }));
      for (const id of ids)
        await two.answer('update_work_item', {
          id,
          version: 1,
          description: 'x',
          priority: 1,
          labels: ['a'],
        });
      const told = await soonTold(one, 'list_work_items', { max_tokens: 300 });
      expect(told).toMatch(/^.* changed .* of "\d+ .*; 1[01] more: get_brief \{"since":\d+\}$/);
      expect(await newsOf(one)).toBeUndefined();
      // Calls at the same time share it.
      await two.answer('add_note', { id: ids[0], text: 'More' });
      const many = await Promise.all(Array.from({ length: 8 }, () => newsOf(one)));
      expect(many.filter((line) => line !== undefined)).toHaveLength(1);
    },
  );
});

describeUnless(postgresSkipReason(), 'news after an outage', () => {
  it('tell whose offline write became a conflict', { timeout: LONG_MS }, async () => {
    const postgres = await startPostgres({ own: true });
    cleanUpLater(() => postgres.stop());
    const url = await postgres.createDatabase();
    const project = await temporaryProject({ git: true });
    await nameProject(project);
    const args = ['--toolsets', 'all', '--database', url];
    const [ana] = await openWindows(() => ({ project, args }));
    const id = await ana.create({ title: 'Contested' });
    const clone = await joined({ project });
    const [, , , ben] = await openWindows(() => ({ project: clone, args }));
    await ben.answer('query_work_item', { id });
    await sleep(3_000);
    await postgres.halt('immediate');
    await ana.answer('update_work_item', { id, version: 1, title: 'As Ana says' });
    await ben.answer('update_work_item', { id, version: 1, title: 'As Ben says' });
    await postgres.resume();
    const told: string[] = [];
    for (
      const until = Date.now() + PATIENCE_MS;
      !told.some((line) => line.startsWith('your offline write'));
      await sleep(200)
    ) {
      expect(Date.now(), JSON.stringify(told)).toBeLessThan(until);
      for (const window of [ana, ben])
        told.push(...[await newsOf(window)].filter((line) => line !== undefined));
    }
    const conflicts = told.filter((line) => line.includes('conflict'));
    expect(conflicts).toContainEqual(expect.stringMatching(/^your offline write to "As (Ana|Ben) says" \(/));
    const [conflict] = (await ana.answer('list_conflicts'))['items'] as Answer[];
    await sleep(1_000);
    for (const window of [ana, ben]) await newsOf(window);
    // How it ended is told to whom it concerns.
    await ana.answer('resolve_conflict', { id: conflict?.['id'], resolution: 'keep_theirs' });
    expect(await soonTold(ben)).toMatch(/^Ana settled a conflict on "As (Ana|Ben) says"/);
    for (const window of [ana, ben]) expect(await newsOf(window)).toBeUndefined();
  });
});

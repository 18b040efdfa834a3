// Backups while many processes write, and what other processes meet when a tracker is restored under them.
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { loadExport } from '../../src/storage/export/load.ts';
import { checkExport } from '../../src/storage/export/read-export.ts';
import { inFolder } from '../storage/backends.ts';
import { rowsOf } from '../storage/export/kept.ts';
import { startProgram } from '../support/child-program.ts';
import { runCli } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { episodes } from '../torture/scale.ts';
import { describeEachDatabase, type Place } from './place.ts';
import { Server } from './server.ts';

const LONG_MS = 300_000;
const WRITERS = episodes(4, 16);
/** Writes of each before the first backup and after the last one. */
const WRITES_APART = 4;
const BACKUPS = episodes(2, 3);
const BACKUPS_KILLED = episodes(3, 12);
/** Restores that are killed, each later than the one before, until one is over first. */
const RESTORES_KILLED_MAX = 12;
const LATER_MS = episodes(300, 120);

/** A write as its writer saw it; times in ms, `answered` infinite while nothing was heard. */
interface Write {
  ids: string[];
  /** The version that the items have by it. */
  version: number;
  begun: number;
  answered: number;
}

/** Creates single items, whole plans and new versions, and takes down when each was asked for and acknowledged. */
class Writer {
  readonly writes: Write[] = [];
  #item: { id: string; version: number } | undefined;

  constructor(readonly server: Server) {}

  async write(): Promise<void> {
    const kind = this.writes.length % 3;
    const begun = performance.now();
    if (kind === 0 || this.#item === undefined) {
      const id = await this.server.create({ title: `by ${this.server.name}` });
      this.#item = { id, version: 1 };
      this.#note([id], 1, begun);
    } else if (kind === 1) {
      const { ids } = await this.server.answer('apply_plan', {
        items: [
          { key: 'a', item_type: 'project', title: 'whole' },
          { key: 'b', item_type: 'task', title: 'or', parent: 'a' },
          { key: 'c', item_type: 'task', title: 'nothing', parent: 'a', depends_on: ['b'] },
        ],
      });
      this.#note(Object.values(ids as Record<string, string>), 1, begun);
    } else {
      const { id, version } = this.#item;
      const updated = await this.server.answer('update_work_item', {
        id,
        version,
        priority: 1 + (this.writes.length % 5),
        title: `version ${version + 1}`,
      });
      expect(updated['version']).toBe(version + 1);
      this.#item = { id, version: version + 1 };
      this.#note([id], version + 1, begun);
    }
  }

  #note(ids: string[], version: number, begun: number): void {
    this.writes.push({ ids, version, begun, answered: performance.now() });
  }
}

describeEachDatabase('a backup', (newPlace, source) => {
  it(
    `under the load of ${WRITERS} writers is of one moment and has all that was acknowledged`,
    { timeout: LONG_MS },
    async () => {
      const place = await newPlace();
      const writers = (await Server.startMany(place, WRITERS)).map((server) => new Writer(server));
      const folder = path.join(await temporaryProject(), 'kept');
      let isOver = false;
      const working = Promise.all(
        writers.map(async (writer) => {
          while (!isOver) await writer.write();
          for (let more = 0; more < WRITES_APART; more += 1) await writer.write();
        }),
      );
      while (writers.some(({ writes }) => writes.length < WRITES_APART)) await sleep(20);
      const backups: { from: number; to: number; file: string; seq: number }[] = [];
      for (let number = 0; number < BACKUPS; number += 1) {
        const from = performance.now();
        const { code, stdout, stderr } = await worktrail(place, ['backup', '--to', folder, '--json']);
        expect(code, stderr).toBe(0);
        backups.push({
          from,
          to: performance.now(),
          ...(JSON.parse(stdout) as { file: string; seq: number }),
        });
      }
      isOver = true;
      await working;
      const ledger = writers.flatMap(({ writes }) => writes);
      for (const backup of backups) {
        const during = ledger.filter(({ answered, begun }) => answered > backup.from && begun < backup.to);
        console.info(
          `${source}: ${during.length} writes during a backup of ${Math.round(backup.to - backup.from)} ms`,
        );
        expect(during.length).toBeGreaterThan(0);
        await expectOneMoment(backup, ledger);
      }
    },
  );

  it('that is killed leaves nothing half under the name of a backup', { timeout: LONG_MS }, async () => {
    const place = await newPlace();
    const server = await Server.start(place);
    for (let plan = 0; plan < 12; plan += 1) {
      const items = Array.from({ length: 50 }, (_, at) => ({
        key: `k${at}`,
        item_type: 'task',
        title: `item ${at} of plan ${plan}`,
        description: 'x'.repeat(2_000),
      }));
      await server.answer('apply_plan', { items });
    }
    const folder = path.join(await temporaryProject(), 'kept');
    await mkdir(folder);
    const { bytes } = JSON.parse((await worktrail(place, ['backup', '--to', folder, '--json'])).stdout) as {
      bytes: number;
    };
    expect(bytes).toBeGreaterThan(1_000_000);
    let killed = 0;
    for (let attempt = 0; attempt < BACKUPS_KILLED; attempt += 1) {
      const running = startProgram(['backup', '--to', folder, ...databaseOf(place)], { cwd: place.project });
      running.child.stdout.resume();
      // From the first byte of the file on, wherever that is.
      const started = (await readdir(folder)).length;
      while ((await readdir(folder)).length === started && !(await hasEnded(running.exited))) await sleep(2);
      await sleep(Math.random() * 120);
      running.kill();
      if ((await running.exited).signal === 'SIGKILL') killed += 1;
      for (const name of (await readdir(folder)).filter((one) => !one.startsWith('.'))) {
        expect(await checkExport(path.join(folder, name))).toMatchObject({ header: { kind: 'backup' } });
      }
    }
    console.info(`${source}: ${killed} of ${BACKUPS_KILLED} killed`);
    expect(killed).toBeGreaterThan(0);
  });
});

describeEachDatabase('a restore', (newPlace, source) => {
  it(
    'under running servers is seen as a whole, or refused, and writes go on',
    { timeout: LONG_MS },
    async () => {
      const place = await newPlace();
      const servers = await Server.startMany(place, 2);
      const [first, second] = servers as [Server, Server];
      const old = await first.create({ title: 'old', idempotency_key: 'old' });
      const { file } = JSON.parse((await worktrail(place, ['backup', '--json'])).stdout) as { file: string };
      const later = await second.create({ title: 'later' });
      await second.answer('update_work_item', { id: old, version: 1, title: 'changed' });
      expect((await worktrail(place, ['restore', file, '--json'])).code).toBe(2);
      const restored = await worktrail(place, ['restore', file, '--replace', '--json']);
      expect(restored.code, restored.stderr).toBe(0);
      for (const server of servers) {
        const { items, data_source } = await server.list();
        const titles = items.map(({ title }) => title).sort();
        // A server on PostgreSQL that has seen the later state stops using the database, and says where else it looks.
        if (data_source === source) expect(titles).toEqual(['old']);
        else expect([['changed', 'later'], ['old']]).toContainEqual(titles);
      }
      // Whoever comes new sees the restored state, and a repeated call is still the first one.
      const fresh = await Server.start(place);
      expect(await fresh.create({ title: 'old', idempotency_key: 'old' })).toBe(old);
      expect(await fresh.answer('query_work_item', { id: old })).toMatchObject({
        version: 1,
        title: 'old',
        data_source: source,
      });
      expect((await fresh.failure('query_work_item', { id: later })).error).toBe('NotFoundError');
      // The state before is not lost.
      const { replaced } = JSON.parse(restored.stdout) as { replaced: { kept_in: string } };
      const copy = inFolder(await temporaryProject(), undefined);
      await loadExport({ ...copy, file: replaced.kept_in });
      expect((await rowsOf(copy)).workItems?.map(({ title }) => title).sort()).toEqual(['changed', 'later']);
    },
  );

  it('that is killed leaves the state before it or the one after it', { timeout: LONG_MS }, async () => {
    const place = await newPlace();
    const server = await Server.start(place);
    const plan = async (title: string) =>
      await server.answer('apply_plan', {
        items: Array.from({ length: 50 }, (_, at) => ({
          key: `k${at}`,
          item_type: 'task',
          title: `${title} ${at}`,
        })),
      });
    for (let number = 0; number < 8; number += 1) await plan('early');
    const { file } = JSON.parse((await worktrail(place, ['backup', '--json'])).stdout) as { file: string };
    for (let number = 0; number < 2; number += 1) await plan('late');
    let [before, after, killed] = [0, 0, 0];
    for (let attempt = 0; attempt < RESTORES_KILLED_MAX && after === 0; attempt += 1) {
      const running = startProgram(['restore', file, '--replace', ...databaseOf(place)], {
        cwd: place.project,
      });
      running.child.stdout.resume();
      await Promise.race([sleep(250 + attempt * LATER_MS + Math.random() * LATER_MS), running.exited]);
      running.kill();
      if ((await running.exited).signal === 'SIGKILL') killed += 1;
      const rows = await place.rows('select count(*) as items from work_items');
      const items = Number(rows[0]?.['items']);
      expect([400, 500]).toContain(items);
      const counted = await place.rows('select sum(items) as items from work_item_counts');
      expect(Number(counted[0]?.['items'])).toBe(items);
      if (items === 500) before += 1;
      else after += 1;
    }
    console.info(`${source}: ${killed} killed, ${before} before and ${after} after the change-over`);
    const { code, stderr } = await worktrail(place, ['restore', file, '--replace', '--json']);
    expect(code, stderr).toBe(0);
    const [{ items } = {}] = await place.rows('select count(*) as items from work_items');
    expect(Number(items)).toBe(400);
    for (const name of await readdir(path.join(place.project, '.worktrail', 'backups'))) {
      if (!name.startsWith('.')) await checkExport(path.join(place.project, '.worktrail', 'backups', name));
    }
  });
});

const databaseOf = (place: Place): string[] => [
  '--project',
  place.project,
  '--database',
  place.store.databaseUrl ?? 'embedded',
];

function worktrail(place: Place, args: string[]) {
  return runCli([...args, ...databaseOf(place)], { project: place.project });
}

const short = (id: string): string => id.slice(0, 8);

async function hasEnded(exited: Promise<unknown>): Promise<boolean> {
  return await Promise.race([exited.then(() => true), sleep(0).then(() => false)]);
}

/** Restored elsewhere, on the other kind of database or not, the file is a state that there was. */
async function expectOneMoment(
  { file, from, to, seq }: { file: string; from: number; to: number; seq: number },
  ledger: readonly Write[],
): Promise<void> {
  const place = inFolder(await temporaryProject(), undefined);
  await loadExport({ ...place, file });
  const { workItems = [], changes = [], appliedChanges = [], dependencies = [], feed } = await rowsOf(place);
  const versions = new Map(workItems.map(({ id, version }) => [String(id), Number(version)]));
  // A plan answers with short ids.
  const byShortId = new Map([...versions].map(([id, version]) => [short(id), version]));
  for (const { ids, version, begun, answered } of ledger) {
    const there = ids.filter((id) => (byShortId.get(short(id)) ?? 0) >= version);
    if (answered < from) expect(there, 'acknowledged before it began').toEqual(ids);
    if (begun > to) expect(there, 'begun after it ended').toEqual([]);
    expect([0, ids.length], 'half a write').toContain(there.length);
  }
  // History and rows tell the same.
  expect(feed).toMatchObject([{ seq }]);
  expect(changes.map((change) => change['seq'])).toEqual(Array.from({ length: seq }, (_, at) => at + 1));
  const told = new Map<string, number>();
  for (const { entity, entity_id, version } of changes) {
    if (entity === 'work_item') told.set(String(entity_id), Number(version));
  }
  expect(versions).toEqual(told);
  const applied = new Set(appliedChanges.map(({ change_id }) => change_id));
  expect(applied).toEqual(new Set(changes.map(({ change_id }) => change_id)));
  const plans = workItems.filter(({ title }) => title === 'whole').length;
  expect(dependencies).toHaveLength(plans);
}

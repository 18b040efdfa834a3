// Starts each hostile repository as a command, as a server and under the doctor, in a copy of its own: nothing of it runs,
// nothing is written outside of it, no secret leaves, no record of it is taken for one of the person, and honest work
// goes on beside it.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakePostgres, type FakePostgres } from '../../support/fake-postgres.ts';
import { runInProcess } from '../../support/in-process.ts';
import { spawnServe, type CommandResult } from '../../support/program.ts';
import type { HostileCase } from './case.ts';
import { FORGED, makeScene, SECRET, surroundings, type Scene } from './scene.ts';

/** Of a crash: ended by a signal, or by a failure that nobody foresaw. */
const UNFORESEEN =
  /unexpected (error|failure)|fault of Worktrail|\bat \S+ \(|TypeError|RangeError|FATAL ERROR/i;

let server: FakePostgres;

export function describeRepositories(what: string, cases: readonly HostileCase[]): void {
  describe(`a repository that brings ${what}`, () => {
    beforeAll(async () => {
      server = await fakePostgres();
    });
    afterAll(() => {
      expect(server.received()).not.toContain(SECRET);
      expect(server.connections).toBe(0);
    });
    for (const hostile of cases) {
      it(hostile.name, async () => {
        await asCommand(hostile);
        await asServer(hostile);
      });
    }
  });
}

async function asCommand(hostile: HostileCase): Promise<void> {
  await watched(hostile, async (scene) => {
    const { project, env } = scene;
    const listed = await runInProcess(['list', '--json'], { project, env });
    expectSound(listed);
    expect(listed.stdout).not.toContain(FORGED);
    const written = await runInProcess(['create', 'Honest work'], { project, env });
    expectSound(written);
    if (hostile.honestWrite === 'saved') expect(written, written.stderr).toMatchObject({ code: 0 });
    else if (written.code !== 0) expect(written.stderr).toMatch(hostile.honestWrite);
    else expect(`saved ${written.stderr}`).toMatch(hostile.honestWrite);
    await writeBeside(scene);
    if (written.code !== 0) return;
    const again = await runInProcess(['list', '--json'], { project, env });
    expect(again.stdout).toContain('Honest work');
    expect(again.stdout).not.toContain(FORGED);
  });
}

/** Another project of the same person goes on. */
async function writeBeside({ area, env }: Scene): Promise<void> {
  const honest = path.join(area, 'honest');
  mkdirSync(honest);
  expect(await runInProcess(['create', 'Beside it'], { project: honest, env })).toMatchObject({ code: 0 });
  rmSync(honest, { recursive: true });
}

/** The doctor first: it alters nothing. */
async function asServer(hostile: HostileCase): Promise<void> {
  await watched(hostile, async ({ project, env }) => {
    expectSound(await runInProcess(['doctor'], { project, env }));
    const client = spawnServe({ project, env });
    const greeted = await client.initialize().catch(() => undefined);
    if (greeted === undefined) {
      // Settings that cannot be read: it says so and ends.
      expect(hostile.honestWrite).not.toBe('saved');
      const { code } = await client.program.exited;
      expectSound({ code, stdout: client.lines.join(''), stderr: client.program.stderr() });
      expect(client.program.stderr()).toMatch(hostile.honestWrite as RegExp);
      return;
    }
    expect(greeted.result).toBeDefined();
    const { result } = await client.request('tools/call', { name: 'list_work_items', arguments: {} });
    expect(JSON.stringify(result?.['structuredContent'] ?? {})).not.toContain(FORGED);
    expect(client.strayLines()).toEqual([]);
    client.closeStdin();
    const { code, signal } = await client.program.exited;
    expect({ code, signal }, client.program.stderr()).toEqual({ code: 0, signal: null });
    expect(client.program.stderr()).not.toMatch(UNFORESEEN);
  });
}

/** Builds the repository, lets `work` at it, and looks at everything around it. */
async function watched(hostile: HostileCase, work: (scene: Scene) => Promise<void>): Promise<void> {
  const scene = await makeScene(server.port);
  await hostile.build(scene);
  const before = surroundings(scene);
  await work(scene);
  expect(existsSync(scene.canaryMark) ? readFileSync(scene.canaryMark, 'utf8') : 'nothing ran').toBe(
    'nothing ran',
  );
  expect(surroundings(scene)).toEqual(before);
}

function expectSound(result: CommandResult): void {
  expect(result.code, result.stderr).not.toBeNull();
  expect(result.code, result.stderr).toBeLessThanOrEqual(3);
  expect(result.stderr + result.stdout).not.toMatch(UNFORESEEN);
  expect(result.stderr + result.stdout).not.toContain(SECRET);
}

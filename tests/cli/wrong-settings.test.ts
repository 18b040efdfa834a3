// What a person is told by each command when the setting of PostgreSQL is wrong: cause and remedy, exit code 3, and
// nothing is written anywhere.
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { ErrorBody } from '../../src/domain/errors.ts';
import { openPrimary } from '../../src/storage/opening/open-primary.ts';
import { UNHURRIED } from '../storage/backends.ts';
import { describeUnless } from '../support/describe-with.ts';
import { isLong } from '../torture/scale.ts';
import { postgresSkipReason } from '../support/postgres.ts';
import { runCli } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { PASSWORD, SLUG, startWrongSettings, type WrongSettings } from '../support/wrong-settings.ts';

async function makeTracker(databaseUrl: string): Promise<void> {
  const projectDir = await temporaryProject();
  const dataDir = path.join(projectDir, '.worktrail');
  const slug = { value: SLUG, explicit: true };
  await (await openPrimary({ projectDir, dataDir, databaseUrl, slug, timeouts: UNHURRIED })).close();
}

async function folder(): Promise<string> {
  const project = await temporaryProject();
  await writeFile(path.join(project, 'worktrail.config.json'), JSON.stringify({ project: { slug: SLUG } }));
  return project;
}

interface Diagnosis {
  checks: { name: string; ok: boolean; message: string; next?: string }[];
  layers: { state: string };
}

const TIMEOUT_MS = 600_000;

/** Beside reading and the doctor, which meet every wrong setting. */
const FURTHER = { create: ['create', 'x'], migrate: ['migrate'], move: [] };
type Further = keyof typeof FURTHER;

/** In the short form each setting is met by one of them, in turn. */
function playedAt(at: number): Further[] {
  const all = Object.keys(FURTHER) as Further[];
  return isLong ? all : all.filter((_, index) => index === at % all.length);
}

describeUnless(postgresSkipReason(), 'a wrong setting', () => {
  let scene: WrongSettings;
  beforeAll(async () => {
    scene = await startWrongSettings(makeTracker);
  }, TIMEOUT_MS);

  it(
    'is named by reading, writing, doctor and migrate, with what to change',
    { timeout: TIMEOUT_MS },
    async () => {
      expect(scene.cases.length).toBeGreaterThanOrEqual(20);
      const embedded = await folder();
      expect((await runCli(['create', 'Kept here'], { project: embedded })).code).toBe(0);
      for (const [at, wrong] of scene.cases.entries()) {
        const project = await folder();
        const run = (args: string[], where = project) =>
          runCli([...args, '--json'], {
            project: where,
            env: { WORKTRAIL_PROJECT_SLUG: 'test-project', ...wrong.env },
          });
        const database = ['--database', wrong.url];
        const [list, further, doctor] = await Promise.all([
          run(['list', ...database]),
          Promise.all(
            playedAt(at).map((name) =>
              name === 'move'
                ? run(['migrate', '--to-postgres', wrong.url], embedded)
                : run([...FURTHER[name], ...database]),
            ),
          ),
          run(['doctor', ...database]),
        ]);
        const said = [list, ...further].map((result) => ({
          ...result,
          body: JSON.parse(result.stdout) as ErrorBody,
        }));
        // A tracker that is there is opened by `migrate` too, and says what it is to move another one there.
        const isThere = /^a tracker/.test(wrong.name);
        for (const [index, { code, body }] of said.entries()) {
          if (isThere && index > 0 && playedAt(at)[index - 1] !== 'create') continue;
          expect(code, wrong.name).toBe(3);
          expect(body, wrong.name).toMatchObject({ error: 'DatabaseError', details: { layer: 'postgres' } });
          expect(body.details['reason'], wrong.name).toMatch(wrong.reason);
          expect(body.next, wrong.name).toMatch(wrong.next);
        }
        const { checks, layers } = JSON.parse(doctor.stdout) as Diagnosis;
        const found = checks.find(({ name, ok }) => !ok && /^(store|rights)$/.test(name));
        expect(found?.message, wrong.name).toMatch(wrong.reason);
        expect(found?.next, wrong.name).toMatch(wrong.next);
        // The rest of such a tracker can be read.
        const isPartly = found?.name === 'rights';
        expect(doctor.code, wrong.name).toBe(isPartly ? 1 : 3);
        expect(layers.state, wrong.name).toBe(isPartly ? 'online' : 'misconfigured');
        for (const result of [...said, doctor]) expect(JSON.stringify(result)).not.toContain(PASSWORD);
        const written = await readdir(path.join(project, '.worktrail'), { recursive: true });
        // What can be opened leaves the copy of what could be read, and never a write.
        const kept = isPartly ? /pending/ : /pending|cache|project\.json|worktrail\.db/;
        expect(written.filter((name) => kept.test(name))).toEqual([]);
      }
      const left = await runCli(['list', '--json'], { project: embedded });
      expect(JSON.parse(left.stdout)).toMatchObject({ data_source: 'sqlite', total_count: 1 });
    },
  );

  it('is a usage error where it is no address at all', async () => {
    const project = await folder();
    for (const url of [
      'postgres://ada@127.0.0.1:port/team',
      'postgres://ada@127.0.0.1:70000/team',
      'mysql://x/y',
    ]) {
      const { code, stdout } = await runCli(['list', '--json', '--database', url], { project });
      expect(code).toBe(2);
      expect(JSON.parse(stdout)).toMatchObject({ error: 'ValidationError' });
    }
  });

  it('is tried at once when it was corrected', async () => {
    const project = await folder();
    const url = scene.rightUrl.replace(PASSWORD, 'wrong');
    expect((await runCli(['list', '--database', url], { project })).code).toBe(3);
    const { code, stdout } = await runCli(['list', '--json', '--database', scene.rightUrl], { project });
    expect({ code, source: (JSON.parse(stdout) as { data_source: string }).data_source }).toEqual({
      code: 0,
      source: 'postgres',
    });
  });
});

/** What a hook adds to a client's session: the whole command beside a bare start of Node.js, in turns. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { HOOK_EVENTS } from '../src/cli/hooks/hook-events.ts';
import { packageRoot } from '../src/platform/package-root.ts';
import { ms, timeInTurns, type Report } from './figures.ts';

const RUNS = 25;
/** Milliseconds that a hook may take beside the bare start. */
const LIMIT_MS = 100;

const program = path.join(packageRoot(), 'dist', 'cli.js');

export const HOOK_COLUMNS = ['store', 'hook', 'p50 / p95', 'floor: bare node', 'beside it', 'bar'];

/** @param store a tracker with items, whose folder becomes a git repository */
export async function benchHooks(
  report: Report,
  where: string,
  projectDir: string,
  databaseUrl?: string,
): Promise<void> {
  spawnSync('git', ['init', '--quiet'], { cwd: projectDir });
  writeFileSync(path.join(projectDir, '.gitignore'), '.worktrail/\n');
  const env = { ...process.env, WORKTRAIL_DATABASE_URL: databaseUrl ?? 'embedded' };
  let sessions = 0;
  const ended = async (args: string[], input: string): Promise<number> => {
    const start = performance.now();
    const child = spawn(process.execPath, args, { cwd: projectDir, env, stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdout.resume();
    child.stdin.end(input);
    await once(child, 'close');
    return performance.now() - start;
  };
  // Of a session of its own each: one that was told something is not told it again.
  const hook = (event: string) => () => {
    const input = { session_id: `bench-${(sessions += 1)}`, source: 'startup', cwd: projectDir };
    return ended([program, 'hook', event], JSON.stringify(input));
  };
  const figures = await timeInTurns(RUNS, {
    bare: () => ended(['-e', '0'], ''),
    ...Object.fromEntries(HOOK_EVENTS.map((event) => [event, hook(event)])),
  });
  const { bare, ...hooks } = figures as typeof figures & Record<string, (typeof figures)['bare']>;
  for (const [event, { p50, p95 }] of Object.entries(hooks)) {
    const beside = p50 - bare.p50;
    report.row(
      where,
      event,
      `${ms(p50)} / ${ms(p95)}`,
      `${ms(bare.p50)} / ${ms(bare.p95)}`,
      ms(beside),
      report.bar(`hook ${event}, ${where}: beside bare node`, beside, LIMIT_MS, ms),
    );
  }
}

// The worst inputs of each reader of files through the real program: it lives, it says what is wrong, it comes to an end.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { startProgram } from '../support/child-program.ts';
import { runCli, temporaryProject } from '../support/program.ts';

const NESTED = {
  'flow sequences': `a: ${'['.repeat(10_000)}`,
  'many flow sequences': `a: ${'['.repeat(100_000)}`,
  'flow mappings': `a: ${'{'.repeat(70_000)}`,
  'explicit keys': `a: ${'? '.repeat(1_600)}`,
  sequences: `a:\n  ${'- '.repeat(20_000)}`,
  indentation: Array.from({ length: 400 }, (_, level) => `${' '.repeat(level)}a:`).join('\n'),
  'all of them': `? - ${'[{? '.repeat(3_000)}`,
  aliases: [
    'a0: &a0 [x]',
    ...Array.from({ length: 40 }, (_, at) => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}]`),
  ].join('\n'),
};

async function projectWith(files: Record<string, string>): Promise<string> {
  const project = await temporaryProject();
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(project, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return project;
}

describe.each(Object.entries(NESTED))('YAML nested by %s', (_name, yaml) => {
  it('is skipped as a session prompt and a Backlog.md task, with file and line', async () => {
    const file = `---\n${yaml}\n---\n`;
    const project = await projectWith({
      'docs/session-prompts/bad.md': file,
      'docs/session-prompts/good.md': '---\ntitle: Honest\n---\n# Honest\n',
      'backlog/tasks/task-1 - bad.md': file,
      'backlog/tasks/task-2 - good.md': '---\nid: task-2\ntitle: Honest\nstatus: To Do\n---\n',
      'backlog/config.yml': yaml,
    });
    const prompts = await runCli(['import', 'session-prompts', '--dry-run', '--json'], { project });
    expect(prompts).toMatchObject({ code: 0 });
    expect(prompts.stdout).toMatch(/"file": "(docs\/session-prompts\/)?bad\.md"/);
    const tasks = await runCli(['import', 'backlog-md', 'backlog', '--dry-run', '--json'], { project });
    expect(tasks).toMatchObject({ code: 0 });
    for (const { stdout } of [prompts, tasks]) {
      expect(stdout).toMatch(/nested more than 100 levels deep|has an alias|missing/);
      expect(stdout).toMatch(/"line": \d+/);
      expect(stdout).not.toMatch(FOREIGN_WORDS);
    }
  });

  it('is refused as a plan', async () => {
    const project = await projectWith({ 'plan.yaml': yaml });
    const { code, stdout, stderr } = await runCli(['plan', 'plan.yaml', '--dry-run'], { project });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/file: is not usable as JSON or YAML: line \d+: /);
    expect(stderr).not.toMatch(FOREIGN_WORDS);
  });
});

/** Words of the engine, of drivers and of libraries. */
const FOREIGN_WORDS =
  /Cannot read prop|is not a function|Maximum call stack|in JSON at|Unexpected token|constraint failed|URI malformed|stringKeys|Invalid input|at .*\.js:\d+/;

it('JSON nested 200,000 levels deep is refused as a plan and survived as an import', async () => {
  const deep = `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
  const project = await projectWith({
    'plan.json': `[${deep}]`,
    'tasks.json': `{"master":{"tasks":[{"id":1,"title":"x","details":${deep}}]}}`,
    'issues.jsonl': `{"id":"a","title":"x","status":"open","metadata":${deep}}\n`,
  });
  for (const args of [
    ['plan', 'plan.json'],
    ['import', 'task-master', 'tasks.json', '--dry-run'],
    ['import', 'beads', 'issues.jsonl', '--dry-run'],
  ]) {
    const { code, stderr, stdout } = await runCli(args, { project });
    expect([0, 1, 2], `${args.join(' ')}: ${stderr}`).toContain(code);
    expect(stdout + stderr).not.toMatch(FOREIGN_WORDS);
    expect(stderr).not.toContain('unexpected failure');
  }
}, 60_000);

it('10,000 links among 200 items are imported, and 2,000 as a ring of rings', async () => {
  const issue = (at: number, awaited: number[]) =>
    JSON.stringify({
      ...{ id: `x-${at}`, title: `Issue ${at}`, status: 'open', issue_type: 'task', priority: 2 },
      created_at: '2025-01-01T00:00:00Z',
      dependencies: awaited.map((to) => ({ issue_id: `x-${at}`, depends_on_id: `x-${to}`, type: 'blocks' })),
    });
  const range = Array.from({ length: 200 }, (_, at) => at);
  const later = range.map((at) =>
    issue(
      at,
      range.filter((to) => to > at && to <= at + 50),
    ),
  );
  const around = range.map((at) =>
    issue(
      at,
      range.slice(0, 10).map((step) => (at * 7 + step * 13 + 1) % 200),
    ),
  );
  for (const lines of [later, around]) {
    const project = await projectWith({ 'issues.jsonl': lines.join('\n') });
    const { code, stderr } = await runCli(['import', 'beads', 'issues.jsonl'], { project });
    expect({ code, stderr }).toMatchObject({ code: 0 });
  }
}, 180_000);

it('an unexpected failure is told in our words, and its details only to who asks for them', async () => {
  const project = await projectWith({});
  const program = await brokenProgram(project);
  const run = async (env: Record<string, string>) => {
    const running = startProgram(['list'], {
      cwd: project,
      env: { WORKTRAIL_PROJECT: project, ...env },
      program,
    });
    running.child.stdout.resume();
    const { code } = await running.exited;
    return { code, stderr: running.stderr() };
  };
  const told = await run({});
  expect(told.code).toBe(1);
  expect(told.stderr).toMatch(/unexpected failure, which is a fault of Worktrail/);
  expect(told.stderr).toMatch(/WORKTRAIL_DEBUG=1/);
  expect(told.stderr).not.toMatch(/secret/);
  const detailed = await run({ WORKTRAIL_DEBUG: '1' });
  expect(detailed.code).toBe(1);
  expect(detailed.stderr).toMatch(/TypeError: Cannot read properties of undefined \(reading 'secret'\)/);
});

/** The built program in a process in which something throws once it runs, outside of every command. */
function brokenProgram(project: string): Promise<string[]> {
  const preload = path.join(project, 'break.cjs');
  writeFileSync(
    preload,
    `const look = () => {
      if (process.listenerCount('uncaughtException') === 0) return void setImmediate(look);
      throw new TypeError("Cannot read properties of undefined (reading 'secret')");
    };
    setImmediate(look);`,
  );
  return Promise.resolve(['--require', preload, path.resolve('dist/cli.js')]);
}

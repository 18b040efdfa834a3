// The official conformance suite, run as a program against a server, and what it found.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import * as z from 'zod';
import { parse } from 'yaml';
import { startProgram } from '../support/child-program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

/** The revisions of the protocol that are spoken, each in its own way. */
export const ERAS = ['2025-11-25', '2026-07-28'] as const;
export type Era = (typeof ERAS)[number];

const check = z.object({
  id: z.string(),
  status: z.enum(['SUCCESS', 'FAILURE', 'WARNING', 'SKIPPED', 'INFO']),
  errorMessage: z.string().optional(),
});
export type Check = z.output<typeof check>;

/** By scenario; one that did not come to its end is missing. */
export type Found = ReadonlyMap<string, readonly Check[]>;

const PACKAGE = path.dirname(
  createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json'),
);
const PROGRAM = [
  '--import',
  new URL('../support/fs-with-glob.js', import.meta.url).href,
  path.join(PACKAGE, 'dist', 'index.js'),
];

const requirements = z.object({
  server: z.array(z.string()),
  not_scored: z.array(z.object({ scenario: z.string(), leg: z.string() })),
});

/** The scenarios for servers that the suite runs, also those that it does not score. */
export function scenariosOf(era: Era): string[] {
  const file = path.join(PACKAGE, 'requirements', `${era}.yaml`);
  const { server, not_scored } = requirements.parse(parse(readFileSync(file, 'utf8')));
  return [...server, ...not_scored.filter(({ leg }) => leg === 'server').map(({ scenario }) => scenario)];
}

/** @param url of the server, without a path */
export async function runSuite(url: string, era: Era): Promise<Found> {
  const folder = await temporaryProject();
  const found = path.join(folder, 'found');
  const args = ['server', '--url', `${url}/mcp`, '--requirements', era, '--output-dir', found];
  const running = startProgram(args, { cwd: folder, program: PROGRAM });
  running.child.stdout.resume();
  const { code, signal } = await running.exited;
  if (!existsSync(found)) throw new Error(`The suite ended with ${signal ?? code}.\n${running.stderr()}`);
  return new Map(
    readdirSync(found).map((name) => {
      const file = path.join(found, name, 'checks.json');
      const checks: unknown = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
      return [scenarioOf(name), z.array(check).parse(checks)];
    }),
  );
}

/** A folder is called `server-`, the scenario, and a time. */
function scenarioOf(folder: string): string {
  return folder.replace(/^server-/, '').replace(/-\d{4}-\d{2}-\d{2}T[\d-]+Z$/, '');
}

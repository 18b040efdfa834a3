// Further installations of the program: the same bundle beside migrations of their own.
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { cleanUpLater } from '../support/cleanup.ts';
import { defaultProgram } from '../support/child-program.ts';
import type { Place } from './place.ts';

type Dialect = Place['source'];

interface Journal {
  entries: { idx: number; version: string; when: number; tag: string; breakpoints: boolean }[];
}

/** Times of the migrations that the program ships, oldest first: each is recorded in the store when applied. */
export async function shippedTimes(dialect: Dialect): Promise<number[]> {
  return (await readJournal(path.join(packageFolder(), 'drizzle', dialect))).entries.map(({ when }) => when);
}

/** A folder with all shipped migrations but the last, for `openStore`. */
export async function migrationsBeforeLast(dialect: Dialect): Promise<string> {
  const folder = await temporaryFolder();
  await cp(path.join(packageFolder(), 'drizzle', dialect), folder, { recursive: true });
  const journal = await readJournal(folder);
  await writeJournal(folder, { ...journal, entries: journal.entries.slice(0, -1) });
  return folder;
}

/** The program with one more migration, as arguments for node. Its time is one second after the last. */
export async function programWithMigration(
  dialect: Dialect,
  statements: readonly string[],
): Promise<readonly string[]> {
  const folder = await copyOfPackage();
  const migrations = path.join(folder, 'drizzle', dialect);
  const journal = await readJournal(migrations);
  const last = journal.entries.at(-1);
  if (last === undefined) throw new Error('the program ships no migrations');
  const added = { ...last, idx: last.idx + 1, when: last.when + 1_000, tag: 'added_by_a_test' };
  await writeJournal(migrations, { ...journal, entries: [...journal.entries, added] });
  await writeFile(
    path.join(migrations, `${added.tag}.sql`),
    statements.join(';\n--> statement-breakpoint\n'),
  );
  return [path.join(folder, 'dist', 'cli.js')];
}

/** A folder with the program, `dist/cli.js`, and all it needs. */
export async function copyOfPackage(): Promise<string> {
  const folder = await temporaryFolder();
  const root = packageFolder();
  for (const part of ['dist', 'drizzle', 'package.json']) {
    await cp(path.join(root, part), path.join(folder, part), { recursive: true });
  }
  await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'), 'junction');
  return folder;
}

/** Where the program that is tested lies. */
export function packageFolder(): string {
  return path.dirname(path.dirname(defaultProgram()[0] ?? ''));
}

/** An empty folder, removed at the end of the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'worktrail-installation-'));
  cleanUpLater(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function readJournal(migrations: string): Promise<Journal> {
  return JSON.parse(await readFile(journalFile(migrations), 'utf8')) as Journal;
}

async function writeJournal(migrations: string, journal: Journal): Promise<void> {
  await writeFile(journalFile(migrations), JSON.stringify(journal));
}

function journalFile(migrations: string): string {
  return path.join(migrations, 'meta', '_journal.json');
}

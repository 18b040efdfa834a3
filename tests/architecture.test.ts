// The house rules that a linter's import patterns cannot see: dynamic imports, and ways to stdout.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../src/platform/package-root.ts';

const source = path.join(packageRoot(), 'src');
/** From the ground up; a file may import from its own floor and those below. */
const FLOORS = [
  ['errors.ts', 'package-root.ts'],
  ['platform'],
  ['domain'],
  ['formats'],
  ['storage'],
  ['config.ts', 'config-schema.ts'],
  ['services'],
  ['mcp'],
  ['http'],
  ['app.ts'],
  ['cli'],
];

const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, text: readFileSync(path.join(source, name), 'utf8') }));

function floorOf(name: string): number {
  const top = name.split(path.sep)[0] ?? '';
  return FLOORS.findIndex((rooms) => rooms.includes(top));
}

function importsOf({ name, text }: { name: string; text: string }): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, target]) =>
    path.join(path.dirname(name), target ?? ''),
  );
}

describe('the house', () => {
  it('has a floor for every file', () => {
    expect(files.length).toBeGreaterThan(90);
    expect(files.filter(({ name }) => floorOf(name) === -1).map(({ name }) => name)).toEqual([]);
  });

  it('imports go down only, dynamic ones too', () => {
    const up = files.flatMap((file) =>
      importsOf(file)
        .filter((target) => floorOf(target) > floorOf(file.name))
        .map((target) => `${file.name} imports ${target}`),
    );
    expect(up).toEqual([]);
  });

  it('knows the MCP SDK in src/mcp only', () => {
    const knowing = files
      .filter(({ text }) => text.includes("'@modelcontextprotocol/"))
      .map(({ name }) => name);
    expect(knowing.length).toBeGreaterThan(0);
    expect(knowing.filter((name) => !name.startsWith('mcp'))).toEqual([]);
  });

  it('has no way around the tiered store', () => {
    const importing = (target: RegExp) =>
      files
        .filter((file) => importsOf(file).some((one) => target.test(one.replaceAll('\\', '/'))))
        .map(({ name }) => name.replaceAll('\\', '/'));
    const outsideStorage = (target: RegExp) => {
      // Or it would look for a file that has another name by now.
      expect(importing(target).length, String(target)).toBeGreaterThan(0);
      return importing(target).filter((name) => !name.startsWith('storage/'));
    };
    // Everyone else gets the store from the Context that app.ts makes.
    expect(outsideStorage(/^storage\/open-store\.ts$/)).toEqual(['app.ts']);
    expect(outsideStorage(/^storage\/(open-primary|sql\/(sql-store|sqlite|postgres))\.ts$/)).toEqual([]);
    expect(outsideStorage(/^storage\/tiers\/(tiered-store|outbox|cache|journals)\.ts$/)).toEqual([]);
    // For looking after a store, not for working with it; each says at its head what it may change.
    const maintenance =
      /^storage\/(inspect-\w+|mend-\w+|recover-writes|move-to-postgres|move\/\w+|export\/[\w-]+|tiers\/accept-primary)\.ts$/;
    expect(outsideStorage(maintenance).sort()).toEqual([
      'app.ts',
      'cli/commands/backup.ts',
      'cli/commands/doctor.ts',
      'cli/commands/export.ts',
      'cli/commands/import.ts',
      'cli/commands/load.ts',
      'cli/commands/migrate.ts',
      'cli/commands/restore.ts',
      'use-cases/maintenance/diagnosis.ts',
      'use-cases/maintenance/recovery.ts',
      'use-cases/maintenance/repairs.ts',
    ]);
  });

  it('starts other programs in one place', () => {
    const starting = files.filter(({ text }) => text.includes('child_process')).map(({ name }) => name);
    expect(starting).toEqual([path.join('platform', 'git.ts')]);
  });

  it('reaches stdout in src/cli only, but for the stdio transport that owns it while serving', () => {
    const reaching = files
      .filter(({ text }) =>
        /\bstdout\b(?!['"`.,]? belongs)/.test(text.replaceAll(/\/\/.*|\/\*[\s\S]*?\*\//g, '')),
      )
      .map(({ name }) => name)
      .filter((name) => !name.startsWith('cli'));
    expect(reaching.sort()).toEqual([path.join('mcp', 'stdio.ts'), path.join('platform', 'git.ts')]);
  });
});

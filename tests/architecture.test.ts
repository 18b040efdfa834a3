// The rules of the house: what may import what, and who may reach stdout, other programs and the store.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { LAYERS, layerOf, whyNotImport } from '../scripts/layers.js';
import { packageRoot } from '../src/platform/package-root.ts';

const source = path.join(packageRoot(), 'src');
const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, text: readFileSync(path.join(source, name), 'utf8') }));

function specifiersOf({ text }: { text: string }): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, specifier]) => specifier ?? '');
}

function importsOf(file: { name: string; text: string }): string[] {
  return specifiersOf(file).map((specifier) => path.join(path.dirname(file.name), specifier));
}

/** The first way found from a node back to itself; undefined where there is none. */
function circleIn(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const walk = (node: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(node)) return [...way.slice(way.indexOf(node)), node];
    if (done.has(node)) return undefined;
    for (const next of graph.get(node) ?? []) {
      const circle = walk(next, [...way, node]);
      if (circle !== undefined) return circle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const circle = walk(node, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

describe('the house', () => {
  it('has a layer for every folder, and a folder for every layer', () => {
    expect([...new Set(files.map(({ name }) => layerOf(name)))].sort()).toEqual(LAYERS.toSorted());
  });

  it('imports go down only, for types and dynamic ones too', () => {
    const up = files.flatMap((file) =>
      specifiersOf(file).flatMap((specifier) => {
        const why = whyNotImport(file.name, specifier);
        return why === undefined ? [] : [`${file.name}: ${specifier}: ${why}`];
      }),
    );
    expect(up).toEqual([]);
  });

  it('no folder and no file depends on itself, not even for a type', () => {
    const byFile = new Map(files.map((file) => [file.name, importsOf(file)]));
    const byFolder = new Map<string, string[]>();
    for (const [name, targets] of byFile) {
      const folder = layerOf(name);
      const others = targets.map(layerOf).filter((target) => target !== folder);
      byFolder.set(folder, [...(byFolder.get(folder) ?? []), ...others]);
    }
    expect(circleIn(byFolder)).toBeUndefined();
    expect(circleIn(byFile)).toBeUndefined();
    // Or it would look at nothing.
    expect([...byFolder.values()].flat().length).toBeGreaterThan(500);
    expect(circleIn(new Map([['a', ['b']], ['b', ['c']], ['c', ['b']]]))).toEqual(['b', 'c', 'b']); // prettier-ignore
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
    expect(outsideStorage(/^storage\/opening\/open-store\.ts$/)).toEqual(['app.ts']);
    expect(
      outsideStorage(/^storage\/(opening\/open-primary|primary\/(sql-store|sqlite|postgres))\.ts$/),
    ).toEqual([]);
    expect(
      outsideStorage(
        /^storage\/(tiers\/tiered-store|journals\/outbox|journals\/journals|replicas\/cache)\.ts$/,
      ),
    ).toEqual([]);
    // For looking after a store, not for working with it; each says at its head what it may change.
    const maintenance = /^storage\/(maintenance|move|export)\/[\w-]+\.ts$/;
    expect(outsideStorage(maintenance).sort()).toEqual([
      'app.ts',
      'cli/commands/backup.ts',
      'cli/commands/doctor.ts',
      'cli/commands/export.ts',
      'cli/commands/import.ts',
      'cli/commands/load.ts',
      'cli/commands/migrate.ts',
      'cli/commands/restore.ts',
      'use-cases/maintenance/adoption.ts',
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

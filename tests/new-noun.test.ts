// Which files a new noun needs: the compiler names them all, and the list below is the one to go through.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { packageRoot } from '../src/platform/package-root.ts';

/** What tells the compiler of a noun: a line in the list of nouns, a table, and that it is searched. */
const ADDED: Readonly<Record<string, { after: string; text: string }>> = {
  'src/domain/change.ts': { after: 'const KINDS_OF = {', text: "document: ['create', 'update']," },
  'src/domain/search.ts': { after: 'const IS_SEARCHED = {', text: 'document: true,' },
  'src/storage/database/schema.ts': {
    after: '  return {\n    meta,\n    feed,',
    text: "documents: kit.table('documents', { id: kit.uuid('id').primaryKey() }),",
  },
};

/** What each of them asks for. */
const NAMED = {
  'src/cli/commands/history.ts': 'the name of the noun in the help',
  'src/domain/change-schema.ts': 'the shape of the patch of each of its changes',
  'src/domain/footprint.ts': 'the fields by which its changes refer to other records',
  'src/domain/undo.ts': 'which of its changes can be taken back',
  'src/storage/apply/apply.ts': 'the rule for each of its changes',
  'src/storage/apply/search-documents.ts': 'the view of its texts',
  'src/storage/database/table-copy.ts': 'the primary key of its table',
  'src/storage/export/row-checks.ts': 'what its rows refer to',
  'src/storage/export/row-shapes.ts': 'the shape of its rows in an export',
  'src/storage/queries/nouns.ts': 'how a record is found and what it is called',
  'src/storage/queries/search.ts': 'whose status a match has',
  'src/storage/replicas/partly-shown.ts': 'by which field a record is known',
  'src/storage/replicas/record-copy.ts': 'how records come into a copy',
  'src/storage/status-file/shown-fields.ts': 'which fields the status file shows',
  'src/storage/tiers/feed-watch.ts': 'which other record the feed tells of',
  'src/use-cases/support/find-id.ts': 'how the beginning of an id is looked up',
};

it('makes the compiler name every file that must know it', { timeout: 300_000 }, () => {
  expect(filesNamed()).toEqual(Object.keys(NAMED));
});

/** Compiles `src/` as if the lines stood there. */
function filesNamed(): string[] {
  const inPackage = (name: string) => path.relative(packageRoot(), name).replaceAll('\\', '/');
  const { config } = ts.readConfigFile(path.join(packageRoot(), 'tsconfig.json'), ts.sys.readFile);
  const settings = { ...(config as object), include: ['src'] };
  const { options, fileNames } = ts.parseJsonConfigFileContent(settings, ts.sys, packageRoot());
  const host = ts.createCompilerHost(options);
  const { getSourceFile } = host;
  host.getSourceFile = (name, version, ...rest) => {
    const added = ADDED[inPackage(name)];
    if (added === undefined) return getSourceFile(name, version, ...rest);
    return ts.createSourceFile(name, withText(name, added), version);
  };
  const program = ts.createProgram(fileNames, options, host);
  const problems = [...program.getGlobalDiagnostics(), ...program.getSemanticDiagnostics()];
  return [...new Set(problems.map(({ file }) => inPackage(file?.fileName ?? '')))].sort();
}

function withText(name: string, { after, text }: { after: string; text: string }): string {
  const parts = readFileSync(name, 'utf8').split(after);
  expect(parts, `${name} once has: ${after}`).toHaveLength(2);
  return parts.join(`${after}\n${text}\n`);
}

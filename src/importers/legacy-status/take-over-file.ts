/** After an import: the project's hand-kept status file becomes the generated one around what is people's. */
import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { stretches } from '../../platform/in-turns.ts';
import { STATUS_FILE } from '../../storage/status-file/status-file-name.ts';
import { readLayout } from '../../storage/status-file/status-layout.ts';
import { markOf } from '../../storage/status-file/status-mark.ts';
import { exchange } from '../../storage/status-file/status-file-on-disk.ts';
import type { Context } from '../../use-cases/support/context.ts';
import { renderAround, type AroundOptions, type KeptSection } from '../../use-cases/status/status-file.ts';
import { readStatus, type ProjectStatus } from '../../use-cases/status/project-status.ts';
import { decodeSource, isUtf16 } from '../import/source-files.ts';
import type { StatusImportOptions } from './import-status-file.ts';
import { keptText } from './kept-sections.ts';
import { parseLegacyStatus } from './parse-legacy-status.ts';
import type { StatusSource } from './status-source.ts';

/**
 * How an import hands over the file that it read: undefined for a file that is not the project's own status file, and
 * where none is generated. Such a file is never altered.
 */
export async function handOver(
  context: Context,
  { file }: Pick<StatusSource, 'file'>,
): Promise<StatusImportOptions['takeOverFile']> {
  if (!context.workspace.keepsStatusFile) return undefined;
  const own = path.join(await realpath(context.workspace.projectDir), STATUS_FILE);
  return file === own ? (source) => takeOverStatusFile(context, source) : undefined;
}

/**
 * Puts the generated file in the place of the one that was imported. All that was kept or not understood is in it, to
 * the byte and in its order.
 * @throws Error saying why the file was left as it is
 */
async function takeOverStatusFile(
  context: Pick<Context, 'store' | 'workspace'>,
  { file, sha256 }: Pick<StatusSource, 'file' | 'sha256'>,
): Promise<void> {
  const was = await readFile(file);
  if (createHash('sha256').update(was).digest('hex') !== sha256) throw editedMeanwhile();
  if (isUtf16(was)) throw new Error('it is UTF-16; save it as UTF-8 and import it again');
  const { data: report, source } = await readStatus(context);
  // A copy may not have what was just imported.
  if (source !== 'postgres' && source !== 'sqlite') {
    throw new Error('the database does not answer any more; import it again when it is back');
  }
  const written = await renderKept(was, report);
  if (!(await exchange(file, { was, written, dataDir: context.workspace.dataDir }))) throw editedMeanwhile();
}

/** @throws Error where the text cannot be told from generated lines, wherever it stands */
export async function renderKept(file: Buffer, report: ProjectStatus): Promise<Buffer> {
  const turn = stretches();
  const parsed = parseLegacyStatus(decodeSource(file).text);
  await turn();
  const { kept, ...around } = keptText(file, parsed);
  await turn();
  const inPlace = await renderSafely(kept, report, around);
  if (inPlace !== undefined) return inPlace;
  // What looks like a generated part must not stand before the real one.
  const atEnd = kept.map(({ bytes }): KeptSection => ({ behind: 'mark', bytes }));
  const written = await renderSafely(atEnd, report, around);
  if (written === undefined) {
    throw new Error('it has lines of its own that look like those of another generated file');
  }
  return written;
}

/** Undefined when a part of the file would be taken for another, now or when its sections are longer or shorter. */
async function renderSafely(
  kept: readonly KeptSection[],
  report: ProjectStatus,
  around: AroundOptions,
): Promise<Buffer | undefined> {
  const texts = kept.map(({ bytes }) => bytes);
  const turn = stretches();
  for (const other of [emptied(report), withWaitingWrite(report)]) {
    const rendered = await renderAround(kept, other, around);
    await turn();
    if (!isReadBack(rendered, texts)) return undefined;
    await turn();
  }
  const written = await renderAround(kept, report, around);
  await turn();
  return isReadBack(written, texts) ? written : undefined;
}

function isReadBack(file: Buffer, texts: readonly Buffer[]): boolean {
  const layout = readLayout(file);
  if (markOf(layout, file)?.isIntact !== true) return false;
  const own = Buffer.concat(layout.pieces.flatMap((piece) => (piece.part === null ? [piece.bytes] : [])));
  let from = 0;
  return texts.every((text) => {
    const at = own.indexOf(text, from);
    from = at + text.length;
    return at !== -1;
  });
}

const emptied = (report: ProjectStatus): ProjectStatus => ({
  ...report,
  ...{ vendors: [], operational: 0, items: [], items_total: 0 },
  ...{ deployments: [], enhancements: [], enhancements_total: 0, pending: [] },
});

const withWaitingWrite = (report: ProjectStatus): ProjectStatus => ({
  ...report,
  pending: [...report.pending, { id: '', at: report.changed_at, changes: [] }],
});

function editedMeanwhile(): Error {
  return new Error('it was edited meanwhile; import it again to take over the rest');
}

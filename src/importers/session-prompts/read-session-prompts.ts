/** Session prompts below a folder, as a plan of session items. */
import { lstat, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { compareText } from '../import/natural-order.ts';
import { globMatcher } from './glob.ts';
import { assemblePlan } from '../import/plan-assembly.ts';
import { PlanLog } from '../import/plan-log.ts';
import type { ImportOptions, ImportPlan } from '../import/plan.ts';
import { insideFolder, openSource, readSourceText, sourceError } from '../import/source-files.ts';
import type { SourceItem } from '../import/source-item.ts';
import { placeOf } from '../import/source-place.ts';
import { readPromptFile } from './prompt-file.ts';
import { promptItem } from './prompt-item.ts';

export const SESSION_PROMPTS_DIR = 'docs/session-prompts';
const SOURCE = 'session-prompts';
const EXPECTED = 'a folder with session prompts (*.md, also in folders below it), or one such file';

/** A larger file is no prompt: an item could not hold it. */
const PROMPT_MAX_BYTES = 128 * 1024;
const FILES_MAX = 10_000;
const FOLDERS_DEEP_MAX = 32;

/**
 * Plans the import of every `.md` file at or below `source`, or of those that `options.glob` names. A file is known
 * again by its path: in the project where it lies inside it, else below `source`. What is not understood is in
 * `skipped`, and so is what a symbolic link leads to outside of the project (or of `source` where that lies elsewhere).
 * @throws ValidationError (field `path`) when `source` is not there or holds no markdown file
 */
export async function readSessionPrompts(source: string, options: ImportOptions = {}): Promise<ImportPlan> {
  const { onProgress } = options;
  const log = new PlanLog();
  onProgress?.({ phase: 'list', done: 0, total: null });
  const { real, kind } = await openSource(source, EXPECTED);
  const project =
    options.projectDir === undefined ? undefined : await openSource(options.projectDir, 'a folder');
  const isInProject = project !== undefined && (await insideFolder(project.real, real)) !== undefined;
  const root = isInProject ? project.real : kind === 'folder' ? real : path.dirname(real);
  const isWanted = globMatcher(options.glob ?? '**/*.md');
  const files = kind === 'file' ? [real] : await findFiles(root, real, isWanted, log);
  if (files.length === 0 && log.result().skipped.length === 0) {
    throw sourceError(source, `holds no markdown file; expected ${EXPECTED}`);
  }
  const items: SourceItem[] = [];
  for (const [done, file] of files.entries()) {
    onProgress?.({ phase: 'read', done, total: files.length });
    const item = await readPrompt(root, file, log);
    if (item !== undefined) items.push(item);
  }
  onProgress?.({ phase: 'plan', done: 0, total: 1 });
  // A prompt inside the project is named by its path there, so that all of them are of one source.
  const place = await placeOf(SOURCE, root, [], options.projectDir);
  return await assemblePlan(SOURCE, { wanted: options.namespace, place }, items, [], log);
}

/** Real paths are not followed twice, so that a circle of links ends. */
async function findFiles(
  root: string,
  folder: string,
  isWanted: (path: string) => boolean,
  log: PlanLog,
): Promise<string[]> {
  const files: string[] = [];
  const seen = new Set<string>();
  const name = (entry: string) => path.relative(root, entry).split(path.sep).join('/');
  const walk = async (at: string, depth: number): Promise<void> => {
    const real = await insideFolder(root, at);
    if (real === undefined || seen.has(real)) return;
    seen.add(real);
    if (depth > FOLDERS_DEEP_MAX) return log.skip(name(at), `is more than ${FOLDERS_DEEP_MAX} folders deep`);
    for (const entry of (await readdir(at)).sort(compareText)) {
      if (entry.startsWith('.')) continue;
      const full = path.join(at, entry);
      const below = path.relative(folder, full).split(path.sep).join('/');
      // Some systems write the ending in capitals.
      const isMarkdown = /\.md$/i.test(entry) && isWanted(below.replace(/\.md$/i, '.md'));
      if ((await insideFolder(root, full)) === undefined) {
        const isLink = (await lstat(full).catch(() => undefined))?.isSymbolicLink() === true;
        if (isMarkdown || isLink) log.skip(name(full), 'leads out of the project, or nowhere');
        continue;
      }
      const found = await stat(full).catch(() => undefined);
      if (found?.isDirectory() === true) await walk(full, depth + 1);
      else if (isMarkdown && files.length >= FILES_MAX) {
        log.skip(name(full), `is past the limit of ${FILES_MAX} files`);
      } else if (isMarkdown) files.push(full);
    }
  };
  await walk(folder, 0);
  return files;
}

async function readPrompt(root: string, file: string, log: PlanLog): Promise<SourceItem | undefined> {
  const key = path.relative(root, file).split(path.sep).join('/');
  const skip = (reason: string, line?: number) => {
    log.skip(key, reason, line);
    return undefined;
  };
  const size = (await stat(file).catch(() => undefined))?.size ?? 0;
  if (size > PROMPT_MAX_BYTES) return skip(`has ${size} bytes; the limit is ${PROMPT_MAX_BYTES} (128 KiB)`);
  const content = await readSourceText(file);
  if ('reason' in content) return skip(content.reason);
  const read = readPromptFile(content.text);
  if ('reason' in read) return skip(read.reason, read.line);
  if (content.damaged) log.note('text_cleaned', key, 'bytes that are not UTF-8 became U+FFFD');
  const { frontmatter, body, date } = read;
  const heading = read.heading ?? path.posix.basename(key).replace(/\.md$/i, '');
  return promptItem({ key, frontmatter, body, heading, date, origin: { file: key } }, log);
}

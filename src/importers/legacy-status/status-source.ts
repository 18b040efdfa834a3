/** Everything that an import of a hand-kept status file reads before it looks at the tracker. Alters nothing. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { stretches } from '../../platform/in-turns.ts';
import type { ReportProgress } from '../../domain/progress.ts';
import { resolveCommit } from '../../storage/git/repository.ts';
import { STATUS_FILE } from '../../storage/status-file/status-file-name.ts';
import { takeMark } from '../../storage/status-file/status-lines.ts';
import { readMark } from '../../storage/status-file/status-mark.ts';
import { checkNamespace, type ImportPlan } from '../import/plan.ts';
import { readSessionPrompts, SESSION_PROMPTS_DIR } from '../session-prompts/read-session-prompts.ts';
import { placeOf } from '../import/source-place.ts';
import { decodeSource, locateFile, readSourceBytes, sourceError } from '../import/source-files.ts';
import { addFromLog, compareWithLog, type LogComparison } from './log-comparison.ts';
import { planLegacyStatus, STATUS_SOURCE, type LegacyPlan } from './legacy-plan.ts';
import { parseLegacyStatus, type LegacyStatus } from './parse-legacy-status.ts';

const EXPECTED = `a status file as ${STATUS_FILE}`;
const FULL_HASH_LENGTH = 40;

export interface StatusSource {
  /** Absolute. */
  file: string;
  /** SHA-256 (hex) of its bytes as they were read. */
  sha256: string;
  namespace: string;
  parsed: LegacyStatus;
  plan: LegacyPlan;
  /** What the file comes to as the source of another name. */
  planUnder: (namespace: string) => Promise<LegacyPlan>;
  /** Null where there is no folder of session prompts. */
  prompts: ImportPlan | null;
  log: LogComparison;
  /** Of each commit that the file shortens: the whole hash, or why it is not known. */
  commits: Map<string, { hash: string } | { reason: string }>;
  /** The project whose tracker wrote the file; null when none did. */
  generated_by: string | null;
  /** Work items whose ids stand in comments at the ends of its lines. */
  marked_ids: string[];
}

export interface StatusSourceOptions {
  namespace?: string | undefined;
  /** The folder of session prompts; by default `docs/session-prompts` where that is there. */
  sessionPrompts?: string | undefined;
  /** Add what the git history tells beyond the file. */
  addFromGit?: boolean;
  /** Told of `list`, `read` and `plan`. */
  onProgress?: ReportProgress | undefined;
}

/** @throws ValidationError (field `path`) when there is no such file, or it cannot be read */
export async function readStatusSource(
  projectDir: string,
  wanted: string,
  options: StatusSourceOptions = {},
): Promise<StatusSource> {
  const { onProgress } = options;
  onProgress?.({ phase: 'list', done: 0, total: null });
  const file = await locateFile(wanted, [STATUS_FILE], EXPECTED);
  const place = await placeOf(STATUS_SOURCE, file, [STATUS_FILE], projectDir);
  const is_named = options.namespace !== undefined;
  const namespace = is_named ? checkNamespace(options.namespace ?? '') : (place?.name ?? STATUS_SOURCE);
  const read = await readSourceBytes(file);
  if ('reason' in read) throw sourceError(wanted, read.reason);
  const turn = stretches();
  const content = decodeSource(read.bytes);
  const sha256 = createHash('sha256').update(read.bytes).digest('hex');
  await turn();
  const parsed = parseLegacyStatus(content.text);
  await turn();
  const mark = readMark(content.text.replaceAll('\r\n', '\n'));
  await turn();
  const isForeign = parsed.dialect === 'none';
  const log = isForeign ? nothingCompared() : await compareWithLog(projectDir, parsed);
  log.added = options.addFromGit === true && !isForeign;
  const planUnder = async (name: string): Promise<LegacyPlan> => {
    const planned = await planLegacyStatus(parsed, name, place);
    if (content.damaged) {
      planned.notes.push({ line: 1, message: 'bytes that are not UTF-8 were read as U+FFFD' });
    }
    const plan = log.added ? addFromLog(planned, log, name) : planned;
    return { ...plan, items: { ...plan.items, is_named } };
  };
  const plan = await planUnder(namespace);
  return {
    file,
    sha256,
    namespace,
    parsed,
    plan,
    planUnder,
    prompts: isForeign ? null : await readPrompts(projectDir, options),
    log,
    commits: await resolveCommits(projectDir, plan),
    generated_by: mark === undefined ? null : (mark.project_id ?? ''),
    marked_ids: markedIds(content.text, parsed),
  };
}

function markedIds(text: string, { items }: LegacyStatus): string[] {
  const lines = text.split('\n');
  const ids = items.flatMap(({ line }) => takeMark((lines[line - 1] ?? '').trimEnd()).mark.id ?? []);
  return [...new Set(ids)];
}

const nothingCompared = (): LogComparison => ({
  ...{ reason: 'the file holds no record', commits_read: 0, deployments: [], vendors: [], added: false },
});

async function readPrompts(
  projectDir: string,
  { sessionPrompts: wanted, onProgress }: StatusSourceOptions,
): Promise<ImportPlan | null> {
  const usual = path.join(projectDir, SESSION_PROMPTS_DIR);
  if (wanted !== undefined) return await readSessionPrompts(wanted, { projectDir, onProgress });
  if (!existsSync(usual)) return null;
  // The usual folder may be there for other reasons, and hold no prompt.
  return await readSessionPrompts(usual, { projectDir, onProgress }).catch(() => null);
}

async function resolveCommits(
  projectDir: string,
  { deployments }: LegacyPlan,
): Promise<StatusSource['commits']> {
  const commits: StatusSource['commits'] = new Map();
  for (const { commit } of deployments) {
    if (commit === '' || commit.length === FULL_HASH_LENGTH || commits.has(commit)) continue;
    commits.set(commit, await resolveCommit(projectDir, commit));
  }
  return commits;
}

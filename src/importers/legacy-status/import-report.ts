/** What an import of a hand-kept status file has to tell: as data, and in words. */
import { joinLines, nameFirst } from '../../domain/others-text.ts';
import type { Check } from '../../domain/reconciliation.ts';
import type { SkippedInput } from '../import/plan.ts';
import { sourceLines } from '../import/report.ts';
import type { SourceTaken } from '../import/settle-source.ts';
import type { LogComparison } from './log-comparison.ts';
import type { LineNote } from './legacy-plan.ts';
import { KINDS, type RecordKind } from './legacy-records.ts';
import type { KeptPart, NotUnderstood, WrongCount } from './parse-legacy-status.ts';
import type { Kept, KindOutcome, StatusChanges } from './status-changes.ts';
import type { StatusSource } from './status-source.ts';

export interface StatusBackup {
  file: string;
  /** What `worktrail restore` takes; null where the database was not altered, or did not answer. */
  database: string | null;
}

export interface StatusImportReport {
  /**
   * `imported`; `unchanged`: all of it was here; `rehearsed`: a dry run; `not_a_status_file`: no line of it is a record;
   * `generated`: this tracker wrote it, or lines of it. Only the first changes anything.
   */
  outcome: 'imported' | 'unchanged' | 'rehearsed' | 'not_a_status_file' | 'generated';
  message: string;
  dry_run: boolean;
  file: string;
  dialect: StatusSource['parsed']['dialect'];
  /** Which source the file, and the folder of session prompts, were taken for. */
  sources_taken: SourceTaken[];
  records: Record<RecordKind, KindOutcome> | null;
  checks: Check[];
  backup: StatusBackup | null;
  /** Whether the file is the generated one now. */
  file_replaced: boolean;
  wrong_counts: WrongCount[];
  unresolved_commits: StatusChanges['unresolved_commits'];
  unknown_vendors: StatusChanges['unknown_vendors'];
  unknown_references: LineNote[];
  /** The first 1,000. */
  not_understood: NotUnderstood[];
  not_understood_total: number;
  /** Session prompt files, or parts of them, that were left out. */
  skipped: SkippedInput[];
  kept_here: Kept[];
  notes: string[];
  /** Parts of the file that are nobody's but a person's. */
  kept_parts: KeptPart[];
  git: LogComparison;
}

const NOT_UNDERSTOOD_MAX = 1_000;

export function describeImport(
  source: StatusSource,
  changes: StatusChanges | undefined,
  did: {
    dryRun: boolean;
    isWritten?: boolean;
    checks?: Check[] | undefined;
    backup?: StatusBackup;
    file_replaced?: boolean;
    taken?: SourceTaken[] | undefined;
  },
): StatusImportReport {
  const { parsed, plan, prompts } = source;
  const outcome = outcomeOf(source, changes, did.dryRun, did.isWritten === true);
  const unresolved = [...plan.items.unresolved, ...(prompts?.unresolved ?? [])];
  const adjusted = [...plan.items.notes, ...(prompts?.notes ?? [])];
  return {
    outcome,
    message: MESSAGES[outcome],
    dry_run: did.dryRun,
    file: source.file,
    dialect: parsed.dialect,
    sources_taken: did.taken ?? [],
    records: changes?.outcome ?? null,
    checks: did.checks ?? [],
    backup: did.backup ?? null,
    file_replaced: did.file_replaced ?? false,
    wrong_counts: parsed.wrong_counts,
    unresolved_commits: changes?.unresolved_commits ?? [],
    unknown_vendors: changes?.unknown_vendors ?? [],
    unknown_references: plan.unknown_work_items.map(({ line, message }) => ({ line, message })),
    not_understood: parsed.not_understood.slice(0, NOT_UNDERSTOOD_MAX),
    not_understood_total: parsed.not_understood.length,
    skipped: prompts?.skipped ?? [],
    kept_here: changes?.kept_here ?? [],
    notes: [
      ...plan.notes.map(({ line, message }) => `line ${line}: ${message}`),
      ...unresolved.map(
        ({ foreign_id, field, reference, reason }) =>
          `${nameFirst(foreign_id)}: ${field} names ${reference}; ${reason}`,
      ),
      ...adjusted.map(({ foreign_id, message }) => `${nameFirst(foreign_id)}: ${message}`),
    ],
    kept_parts: parsed.kept,
    git: source.log,
  };
}

function outcomeOf(
  { parsed }: StatusSource,
  changes: StatusChanges | undefined,
  dryRun: boolean,
  isWritten: boolean,
): StatusImportReport['outcome'] {
  if (parsed.dialect === 'none') return 'not_a_status_file';
  if (changes === undefined) return 'generated';
  if (dryRun) return 'rehearsed';
  return isWritten ? 'imported' : 'unchanged';
}

const MESSAGES: Record<StatusImportReport['outcome'], string> = {
  imported: 'Imported: everything the file says is in the tracker.',
  unchanged: 'Nothing to do: everything the file says is in the tracker already, or was changed here since.',
  rehearsed: 'Dry run: nothing was changed.',
  not_a_status_file:
    'Nothing was imported: no line of this file is a record in a form that is understood. The file is unchanged.',
  generated:
    'Nothing was imported: this tracker wrote the file, or lines of it. What somebody changed in it since is shown by `worktrail status --diff` and taken over by `--import-edits`. The file is unchanged.',
};

const LISTED_MAX = 50;

/** The report for a person; plain text, one fact a line. */
export function renderStatusImport(report: StatusImportReport): string {
  const { records, checks, backup, git } = report;
  const lines = [`${report.message} ${report.file}`, ...report.sources_taken.flatMap(sourceLines)];
  if (records !== null) {
    lines.push('', 'Records:');
    for (const kind of KINDS) {
      const { created, updated, unchanged, kept_local } = records[kind];
      lines.push(
        `  ${kind.replace('_', ' ')}: ${created} created, ${updated} updated, ${unchanged} unchanged, ${kept_local} left as they are here`,
      );
    }
  }
  lines.push(...list('Checks', checks, checkLine));
  if (backup !== null) lines.push('', ...backupLines(backup));
  if (report.file_replaced) {
    lines.push(
      '',
      "The file is the generated one now; what is people's own and what was not understood stands in it.",
    );
  }
  const atLine = ({ line, message }: LineNote) => `line ${line}: ${message}`;
  lines.push(
    ...list(
      'Counts that are wrong in the file',
      report.wrong_counts,
      ({ line, section, said, found }) => `line ${line}: "${section}" says ${said}, and there are ${found}`,
    ),
    ...list('Short commits that could not be completed', report.unresolved_commits, atLine),
    ...list('Unknown vendors', report.unknown_vendors, atLine),
    ...list('Unknown work items', report.unknown_references, atLine),
    ...list(
      'Lines not understood',
      report.not_understood,
      ({ line, text, reason }) => `line ${line}: ${reason}: ${text}`,
    ),
    ...list(
      'Session prompts not imported',
      report.skipped,
      ({ file, line, reason }) =>
        `${nameFirst(file)}${line === undefined ? '' : `, line ${line}`}: ${reason}`,
    ),
    ...list(
      'Kept as it is here',
      report.kept_here,
      ({ kind, name, message }) => `${kind} "${name}": ${message}`,
    ),
    ...list('Notes', report.notes, (note) => note),
    ...list(
      "Parts of the file that are people's own",
      report.kept_parts,
      ({ heading, from_line, to_line }) =>
        `lines ${from_line} to ${to_line}${heading === null ? '' : `: ${heading}`}`,
    ),
  );
  if (report.outcome !== 'not_a_status_file') lines.push(...gitLines(git));
  return joinLines(lines);
}

/** An import is no change that can be taken back: vendors and deployments are never deleted. */
function backupLines({ file, database }: StatusBackup): string[] {
  if (database === null) return [`Backup: ${file}`];
  return [
    `Backup: ${file} and ${database}`,
    `Back to the state before: worktrail restore ${database} --replace (what is there then is kept first)`,
  ];
}

function checkLine({ check, source, migrated, match, problems }: Check): string {
  const verdict = match === null ? 'checked by the import' : match ? 'match' : 'DO NOT MATCH';
  const counts = migrated === null ? `${source} in the source` : `${migrated} of ${source}`;
  return `${check}: ${counts}, ${verdict}${problems.length > 0 ? `: ${problems.join('; ')}` : ''}`;
}

function gitLines({ reason, commits_read, deployments, vendors, added }: LogComparison): string[] {
  if (reason !== null) return ['', `The git history was not compared: ${reason}`];
  const facts = [
    ...deployments.map(
      ({ commit, at, pr_number, title }) =>
        `deployment ${at.slice(0, 10)}, ${pr_number === null ? 'no PR' : `PR #${pr_number}`}, commit ${commit.slice(0, 12)}${title === null ? '' : `: ${title}`}`,
    ),
    ...vendors.map(
      ({ name, status, tests, at, why, addable }) =>
        `vendor ${name} ${status}${tests === null ? '' : ` ${tests.passing}/${tests.total} tests`} (${at.slice(0, 10)}): ${why}${added && !addable ? '; not added' : ''}`,
    ),
  ];
  if (facts.length === 0)
    return ['', `The git history (${commits_read} commits) tells nothing that the file does not.`];
  return list(
    `Told by the git history and not by the file, ${added ? 'added' : 'not added'}`,
    facts,
    (fact) => fact,
  );
}

function list<Entry>(title: string, entries: readonly Entry[], show: (entry: Entry) => string): string[] {
  if (entries.length === 0) return [];
  const left = entries.length - LISTED_MAX;
  return [
    '',
    `${title}: ${entries.length}`,
    ...entries.slice(0, LISTED_MAX).map((entry) => `  ${show(entry)}`),
    ...(left > 0 ? [`  and ${left} more: --json lists them`] : []),
  ];
}

/** What the messages of a project's commits tell about deployments and vendors. Reads only. */
import { runGit } from '../../platform/git.ts';

/** The newest commits that are read. */
const COMMITS_READ_MAX = 2_000;
const TITLE_MAX_CHARACTERS = 200;

export interface LoggedDeployment {
  /** 40 hex. */
  commit: string;
  /** ISO 8601 UTC with milliseconds. */
  at: string;
  pr_number: number | null;
  title: string | null;
}

export interface LoggedVendor {
  commit: string;
  at: string;
  name: string;
  status: 'operational' | 'broken';
  tests: { passing: number; total: number } | null;
}

export interface LogFacts {
  /** Newest first, each pull request once. */
  deployments: LoggedDeployment[];
  /** The newest that is told of each vendor. */
  vendors: LoggedVendor[];
  commits_read: number;
}

/** The facts of the current branch's history, or why there are none. Never throws; ends after 2 seconds. */
export async function readLogFacts(folder: string): Promise<LogFacts | { reason: string }> {
  const format = '--format=%H%x1f%cI%x1f%s%x1f%b%x1e';
  const result = await runGit(folder, [
    'log',
    `--max-count=${COMMITS_READ_MAX}`,
    '--no-color',
    '--no-decorate',
    '--no-show-signature',
    '--no-patch',
    '--no-ext-diff',
    '--no-textconv',
    '--no-mailmap',
    '--encoding=UTF-8',
    format,
    'HEAD',
    '--',
  ]);
  if (!result.ok) {
    const isEmpty = result.failure === 'other' && /unknown revision|bad revision/.test(result.cause.message);
    return { reason: isEmpty ? 'the repository has no commit yet' : result.reason };
  }
  return factsOf(result.output.toString('utf8'));
}

/** @param log commits as `hash 1f date 1f subject 1f body 1e` */
function factsOf(log: string): LogFacts {
  const deployments: LoggedDeployment[] = [];
  const vendors = new Map<string, LoggedVendor>();
  const seen = new Set<number>();
  let commits_read = 0;
  for (const entry of log.split('\x1e')) {
    const [commit = '', date = '', subject = '', body = ''] = entry.trimStart().split('\x1f');
    const time = new Date(date);
    if (!/^[0-9a-f]{40}$/.test(commit) || Number.isNaN(time.getTime())) continue;
    commits_read += 1;
    const at = time.toISOString();
    const deployment = deploymentOf(subject, body);
    if (deployment !== undefined && !(deployment.pr_number !== null && seen.has(deployment.pr_number))) {
      if (deployment.pr_number !== null) seen.add(deployment.pr_number);
      deployments.push({ commit, at, ...deployment });
    }
    const vendor = vendorOf(subject, body);
    if (vendor !== undefined && !vendors.has(vendor.name.toLowerCase())) {
      vendors.set(vendor.name.toLowerCase(), { commit, at, ...vendor });
    }
  }
  return { deployments, vendors: [...vendors.values()], commits_read };
}

function deploymentOf(
  subject: string,
  body: string,
): Pick<LoggedDeployment, 'pr_number' | 'title'> | undefined {
  const merged = /^Merge pull request #(\d{1,9})\b/.exec(subject)?.[1];
  if (merged !== undefined) {
    const title = body.split('\n').find((line) => line.trim() !== '');
    return { pr_number: numberOf(merged), title: titleOf(title) };
  }
  const [, pr, named] = /^PR #(\d{1,9}):(.*)$/.exec(subject) ?? [];
  if (pr !== undefined) return { pr_number: numberOf(pr), title: titleOf(named) };
  const deployed = /^deploy:(.*)$/i.exec(subject)?.[1];
  if (deployed === undefined) return undefined;
  return { pr_number: numberOf(/\bPR #(\d{1,9})\b/.exec(deployed)?.[1]), title: titleOf(deployed) };
}

function vendorOf(
  subject: string,
  body: string,
): Pick<LoggedVendor, 'name' | 'status' | 'tests'> | undefined {
  const [, written, status] = /^vendor\(([^()]{1,100})\):[ \t]*(operational|broken)\b/i.exec(subject) ?? [];
  const name = written?.trim() ?? '';
  if (name === '' || /[\p{Cc}\u2028\u2029]/u.test(name)) return undefined;
  const [, passing, total] =
    /\b(\d{1,9})\/(\d{1,9}) tests passing\b/.exec(subject) ??
    /\b(\d{1,9})\/(\d{1,9}) tests passing\b/.exec(body) ??
    [];
  const isCount = passing !== undefined && Number(passing) <= Number(total);
  return {
    name,
    status: status?.toLowerCase() === 'operational' ? 'operational' : 'broken',
    tests: isCount ? { passing: Number(passing), total: Number(total) } : null,
  };
}

function numberOf(text: string | undefined): number | null {
  const number = Number(text);
  return text !== undefined && number >= 1 ? number : null;
}

/** One line of at most 200 characters; null where the message says none. */
function titleOf(text: string | undefined): string | null {
  const line = (text ?? '').replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ').trim();
  return line === '' ? null : Array.from(line).slice(0, TITLE_MAX_CHARACTERS).join('').trim();
}

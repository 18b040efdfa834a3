/** What the git history tells and a hand-kept status file does not. */
import { vendorNameKey } from '../../domain/vendor.ts';
import { readLogFacts, type LoggedDeployment, type LoggedVendor } from '../../storage/git/log-facts.ts';
import { plannedId } from '../import/plan.ts';
import { STATUS_SOURCE, type LegacyPlan, type PlannedVendor } from './legacy-plan.ts';
import type { LegacyStatus } from './parse-legacy-status.ts';

export interface LogComparison {
  /** Why the history was not read; null when it was. */
  reason: string | null;
  commits_read: number;
  /** In the history only. */
  deployments: LoggedDeployment[];
  /** In the history only, or told differently there. */
  vendors: (LoggedVendor & { why: string; addable: boolean })[];
  /** Whether they were added to what is imported. */
  added: boolean;
}

/** Compares; nothing is added. */
export async function compareWithLog(projectDir: string, status: LegacyStatus): Promise<LogComparison> {
  const facts = await readLogFacts(projectDir);
  const none = { commits_read: 0, deployments: [], vendors: [], added: false };
  if ('reason' in facts) return { ...none, reason: facts.reason };
  const isKnown = (logged: LoggedDeployment) =>
    status.deployments.some(
      ({ pr_number, commit }) =>
        (pr_number !== null && pr_number === logged.pr_number) ||
        (commit !== null && logged.commit.startsWith(commit)),
    );
  return {
    reason: null,
    commits_read: facts.commits_read,
    deployments: facts.deployments.filter((logged) => !isKnown(logged)),
    vendors: facts.vendors.flatMap((logged) => {
      const difference = differenceOf(logged, status);
      return difference === undefined ? [] : [{ ...logged, ...difference }];
    }),
    added: false,
  };
}

function differenceOf(
  logged: LoggedVendor,
  status: LegacyStatus,
): { why: string; addable: boolean } | undefined {
  const key = vendorNameKey(logged.name);
  const said = status.vendors.find(({ name }) => vendorNameKey(name) === key);
  if (said === undefined) return { why: 'the file does not name it', addable: true };
  const { tests } = logged;
  const isSame =
    said.status === logged.status &&
    (tests === null ||
      (said.tests !== null && said.tests.passing === tests.passing && said.tests.total === tests.total));
  if (isSame) return undefined;
  const file = `the file says ${said.status}${said.tests === null ? '' : `, ${said.tests.passing}/${said.tests.total} tests`}`;
  if (status.generated_at === null) {
    return { why: `${file}, and not when; which is newer is not known`, addable: false };
  }
  const isNewer = logged.at > status.generated_at.iso;
  return { why: `${file}, ${isNewer ? 'before' : 'after'} that commit`, addable: isNewer };
}

/** The plan with what the history tells beyond the file: new deployments, new vendors, and newer news of known ones. */
export function addFromLog(plan: LegacyPlan, log: LogComparison, namespace: string): LegacyPlan {
  const news = new Map(
    log.vendors.filter(({ addable }) => addable).map((logged) => [vendorNameKey(logged.name), logged]),
  );
  const known = plan.vendors.map((vendor) => {
    const logged = news.get(vendorNameKey(vendor.name));
    news.delete(vendorNameKey(vendor.name));
    return logged === undefined ? vendor : vendorFromLog(logged, vendor);
  });
  return {
    ...plan,
    vendors: [...known, ...[...news.values()].map((logged) => vendorFromLog(logged, undefined))],
    deployments: [
      ...plan.deployments,
      ...log.deployments.map(({ commit, at, pr_number, title }) => ({
        id: plannedId(STATUS_SOURCE, namespace, `commit ${commit}`),
        ...{ line: 0, deployed_at: at, commit, commit_line: 0, pr_number },
        metadata: {
          ...(pr_number !== null && { pr_number }),
          ...(title !== null && { pr_title: title }),
          test_summary: {},
        },
        ...{ vendor_parts: [], vendors_line: 0, work_item_ids: [] },
        origin: { source: 'git' },
      })),
    ],
  };
}

function vendorFromLog(
  { name, status, tests, commit }: LoggedVendor,
  vendor: PlannedVendor | undefined,
): PlannedVendor {
  const base = vendor ?? { line: 0, name, status, extractor_version: null, metadata: {}, fields: {} };
  return {
    ...base,
    status,
    metadata: {
      ...base.metadata,
      ...(tests !== null && { test_results: { ...tests, skipped: 0 } }),
      imported: { source: 'git', commit },
    },
    fields: {
      ...base.fields,
      status,
      ...(tests !== null && {
        'metadata.test_results.passing': tests.passing,
        'metadata.test_results.total': tests.total,
        'metadata.test_results.skipped': 0,
      }),
    },
  };
}

// The tracker that every run starts from: 500 items as projects have them, and one with a description of 10 KB.
import { spawnServe } from '../support/program.ts';

export const ITEMS = 500;
export const LONG_TITLE = 'Move the price tables';

const ROOTS = 10;
const VENDORS = 20;
const NOTES = 60;
const DEPLOYMENTS = 15;

export const STEP_COUNT = 100;
/** What has to be there in the end, whatever was added to it. */
export const LONG_DESCRIPTION = Array.from(
  { length: STEP_COUNT },
  (_, at) =>
    `Step ${at + 1} moves table price_${at + 1} and compares its sums by month, region and currency.`,
)
  .join('\n')
  .padEnd(10 * 1024, '.');

const VERBS = ['Fix', 'Document', 'Add', 'Remove', 'Investigate', 'Speed up', 'Harden', 'Test'];
const THINGS = [
  ...['the spreadsheet extractor', 'login with an expired session', 'the import of supplier files'],
  ...['retries of the queue worker', 'the nightly report', 'pages of the search', 'rate limits of the API'],
];
const LABELS = ['api', 'ui', 'import', 'perf', 'docs', 'security'];
const STATUSES = ['planned', 'planned', 'active', 'blocked', 'completed'];
const SENTENCES = [
  'The extractor fails on merged cells: the sheet has two header rows, and the second one carries the currency.',
  'Repeat it with the file of March; the column of totals is read as text.',
  'It is done when all fixtures pass, without new warnings, in less than two seconds for each file.',
  'Keep the order of the columns: others depend on it.',
];

const oneOf = (list: readonly string[], n: number): string => list[n % list.length] ?? '';
const paragraphs = (n: number): string =>
  Array.from({ length: 2 + (n % 4) }, (_, at) => oneOf(SENTENCES, n + at)).join('\n\n');

/** Fills a project through the product itself, as a client over stdio. */
export async function fillTracker(project: string, env: Record<string, string>): Promise<void> {
  const server = spawnServe({ project, env, args: ['--toolsets', 'all'] });
  const call = async (name: string, input: object): Promise<Record<string, unknown>> => {
    const { result, error } = await server.request('tools/call', { name, arguments: input });
    if (result === undefined || result['isError'] === true)
      throw new Error(`${name} failed: ${JSON.stringify(error ?? result)}`);
    return result['structuredContent'] as Record<string, unknown>;
  };
  try {
    await server.initialize({ clientName: 'seeder' });
    for (let n = 1; n <= VENDORS; n += 1) {
      const { version } = await call('register_vendor', {
        name: `vendor_${n}`,
        extractor_version: `1.${n}.0`,
      });
      const test_results = { passing: 40 + n, total: 65, skipped: 2 };
      const status = n % 5 === 0 ? 'broken' : 'operational';
      await call('update_vendor_status', {
        name: `vendor_${n}`,
        version,
        status,
        metadata: { test_results },
      });
    }
    const ids: string[] = [];
    for (let root = 0; root < ROOTS; root += 1) {
      const plan = await call('apply_plan', { items: itemsBelow(root) });
      ids.push(...Object.values(plan['ids'] as Record<string, string>));
    }
    for (let n = 0; n < NOTES; n += 1)
      await call('add_note', { id: ids[(n * 7) % ids.length], text: oneOf(SENTENCES, n) });
    for (let n = 0; n < DEPLOYMENTS; n += 1) await call('record_deployment', deployment(n, ids[n * 9]));
  } finally {
    server.closeStdin();
    await server.program.exited;
  }
}

/** A project with sessions, and tasks below those; in all of them together `ITEMS`. */
function itemsBelow(root: number): object[] {
  const count = ITEMS / ROOTS - 1;
  const below = Array.from({ length: count }, (_, n) => {
    const isSession = n % 12 === 0;
    const isLong = root === 0 && n === 1;
    return {
      key: `k${n}`,
      parent: isSession ? 'root' : `k${n - (n % 12)}`,
      item_type: isSession ? 'session' : 'task',
      title: isLong
        ? LONG_TITLE
        : `${oneOf(VERBS, n + root)} ${oneOf(THINGS, 3 * n + root)} (${root + 1}.${n})`,
      description: isLong ? LONG_DESCRIPTION : paragraphs(n + root),
      priority: isLong ? 5 : 1 + ((n * 7 + root) % 5),
      labels: [oneOf(LABELS, n), oneOf(LABELS, n + root + 1)].filter(
        (label, at, all) => all.indexOf(label) === at,
      ),
      status: isLong || isSession ? 'planned' : oneOf(STATUSES, n + root),
      ...(!isSession && { metadata: { estimated_hours: 1 + (n % 20) } }),
      ...(n > 3 && n % 4 === 1 && n % 12 !== 1 && { depends_on: [`k${n - 1}`].filter(() => n % 12 > 1) }),
    };
  });
  const title = `Release ${root + 1}.0`;
  return [{ key: 'root', item_type: 'project', title, description: paragraphs(root) }, ...below];
}

const deployment = (n: number, item: string | undefined): object => ({
  deployed_at: new Date(Date.UTC(2026, 9, 1 + n, 12)).toISOString(),
  commit_hash: (n + 10).toString(16).padStart(40, 'a'),
  metadata: {
    ...{ pr_number: 100 + n, pr_title: `Ship ${oneOf(THINGS, n)}` },
    ...{ test_summary: { unit: 150, integration: 30 }, constitutional_compliance: true },
  },
  affected_vendors: [`vendor_${1 + n}`],
  related_work_item_ids: [item],
});

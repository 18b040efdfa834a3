/** Comparing what an import made with what its source says. */
import { asc, inArray } from 'drizzle-orm';
import type { Deployment } from '../../domain/deployment.ts';
import type { Enhancement } from '../../domain/enhancement.ts';
import { equalJson } from '../../domain/json.ts';
import { checkOf, valueAt, type Check, type ExpectedRecords } from '../../domain/reconciliation.ts';
import { vendorNameKey } from '../../domain/vendor.ts';
import type { Connection } from '../database/connection.ts';
import { vendorColumns } from './vendors.ts';
import { chunks, findWorkItems } from './work-items.ts';

/** The names of all vendors, as they are compared. */
export async function findVendorKeys(c: Connection): Promise<string[]> {
  const { vendors } = c.tables;
  return (await c.db.select({ key: vendors.name_key }).from(vendors)).map(({ key }) => key);
}

/**
 * The five checks, in their order.
 * @param keysBefore the names of the vendors that were there before the import; undefined when that is not known: then a
 *   vendor that the source does not name is no problem
 */
export async function reconcile(
  c: Connection,
  expected: ExpectedRecords,
  keysBefore?: readonly string[],
): Promise<Check[]> {
  const names = await checkVendors(c, expected, keysBefore);
  const deployments = await checkDeployments(c, expected);
  const enhancements = await checkEnhancements(c, expected);
  const sessions = await checkSessions(c, expected);
  return [names.names, deployments, enhancements, sessions, names.metadata];
}

async function checkVendors(c: Connection, { vendors }: ExpectedRecords, keysBefore?: readonly string[]) {
  const { name_key } = c.tables.vendors;
  const rows = await c.db.select({ ...vendorColumns(c.tables), name_key }).from(c.tables.vendors);
  const present = new Map(rows.map((row) => [row.name_key, row]));
  const wanted = new Set(vendors.map(({ name }) => vendorNameKey(name)));
  const missing = vendors.filter(({ name }) => !present.has(vendorNameKey(name)));
  const before = new Set(keysBefore ?? rows.map((row) => row.name_key));
  const strange = rows.filter((row) => !wanted.has(row.name_key) && !before.has(row.name_key));
  // The key is what is unique; the name is what people see, and a new one must be as the source writes it.
  const differing = vendors.filter(({ name }) => {
    const row = present.get(vendorNameKey(name));
    return row !== undefined && vendorNameKey(row.name) !== vendorNameKey(name);
  });
  const names = checkOf('vendor_names', vendors.length, vendors.length - missing.length - differing.length, [
    ...missing.map(({ name }) => `"${name}" is in the source only`),
    ...strange.map(({ name }) => `"${name}" is in the tracker only`),
    ...differing.map(({ name }) => `"${name}" has another name in the tracker`),
  ]);
  let fields = 0;
  const problems: string[] = [];
  for (const vendor of vendors) {
    const row = present.get(vendorNameKey(vendor.name));
    for (const [path, said] of Object.entries(vendor.fields)) {
      fields += 1;
      const stored = row === undefined ? null : valueAt(row, path);
      if (row !== undefined && equalJson(stored, said)) continue;
      problems.push(`"${vendor.name}" ${path}: ${JSON.stringify(said)} became ${JSON.stringify(stored)}`);
    }
  }
  return { names, metadata: checkOf('vendor_metadata', fields, fields - problems.length, problems) };
}

async function checkDeployments(c: Connection, { deployments }: ExpectedRecords): Promise<Check> {
  const { deployments: t } = c.tables;
  const rows = [];
  for (const chunk of chunks(deployments)) {
    const ids = chunk.map(({ id }) => id);
    const columns = { id: t.id, commit_hash: t.commit_hash, metadata: t.metadata };
    rows.push(...(await c.db.select(columns).from(t).where(inArray(t.id, ids))));
  }
  const present = new Map(rows.map((row) => [row.id, row]));
  const problems = deployments.flatMap(({ id, pr_number, commit_hash }) => {
    const row = present.get(id);
    const said = `PR #${pr_number ?? '?'}, commit ${commit_hash}`;
    if (row === undefined) return [`${said} is in the source only`];
    const pr = valueAt(row, 'metadata.pr_number');
    return pr === pr_number && row.commit_hash === commit_hash
      ? []
      : [`${said} became PR #${JSON.stringify(pr)}, commit ${row.commit_hash}`];
  });
  return checkOf('deployments', deployments.length, deployments.length - problems.length, problems);
}

async function checkEnhancements(c: Connection, { enhancements }: ExpectedRecords): Promise<Check> {
  const { enhancements: t } = c.tables;
  const titles = new Map<string, string>();
  for (const chunk of chunks(enhancements)) {
    const ids = chunk.map(({ id }) => id);
    for (const row of await c.db.select({ id: t.id, title: t.title }).from(t).where(inArray(t.id, ids))) {
      titles.set(row.id, row.title);
    }
  }
  const problems = enhancements
    .filter(({ id, title }) => titles.get(id) !== title)
    .map(
      ({ id, title }) =>
        `"${title}" ${titles.has(id) ? `became "${titles.get(id) ?? ''}"` : 'is in the source only'}`,
    );
  return checkOf('enhancement_titles', enhancements.length, enhancements.length - problems.length, problems);
}

async function checkSessions(c: Connection, { sessions }: ExpectedRecords): Promise<Check> {
  const items = await findWorkItems(
    c,
    sessions.map(({ id }) => id),
  );
  const present = new Map(items.map((item) => [item.id, item]));
  const problems = sessions.flatMap(({ id, file, compared }) => {
    const item = present.get(id);
    if (item === undefined) return [`${file} is in the source only`];
    if (item.item_type !== 'session') return [`${file} became a ${item.item_type}`];
    const from = valueAt(item, 'metadata.imported.id');
    return !compared || from === file ? [] : [`${file} says that it comes from ${JSON.stringify(from)}`];
  });
  return checkOf('session_prompts', sessions.length, sessions.length - problems.length, problems);
}

export type TitledEnhancement = Pick<
  Enhancement,
  'id' | 'version' | 'title' | 'description' | 'priority' | 'status' | 'target_quarter'
>;

/** The enhancements with these titles, by id. */
export async function findEnhancementsByTitles(
  c: Connection,
  titles: string[],
): Promise<TitledEnhancement[]> {
  const { enhancements: t } = c.tables;
  const { id, version, title, description, priority, status, target_quarter } = t;
  const columns = { id, version, title, description, priority, status, target_quarter };
  const rows: TitledEnhancement[] = [];
  for (const chunk of chunks(titles)) {
    rows.push(...(await c.db.select(columns).from(t).where(inArray(title, chunk)).orderBy(asc(id))));
  }
  return rows;
}

/** The deployments with one of these ids or commits. */
export async function findDeploymentsLike(
  c: Connection,
  ids: string[],
  commits: string[],
): Promise<Pick<Deployment, 'id' | 'deployed_at' | 'commit_hash' | 'metadata'>[]> {
  const { deployments: t } = c.tables;
  const { id, deployed_at, commit_hash, metadata } = t;
  const found = new Map<string, Pick<Deployment, 'id' | 'deployed_at' | 'commit_hash' | 'metadata'>>();
  const conditions = [
    ...chunks(ids).map((chunk) => inArray(id, chunk)),
    ...chunks(commits).map((chunk) => inArray(commit_hash, chunk)),
  ];
  for (const condition of conditions) {
    const columns = { id, deployed_at, commit_hash, metadata };
    for (const row of await c.db.select(columns).from(t).where(condition)) found.set(row.id, row);
  }
  return [...found.values()];
}

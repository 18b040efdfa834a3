/** The plans of the statements that the tools really send: none may read a large table from end to end. */
import type { Report } from './figures.ts';

/** Tables that grow with the tracker; the others hold a handful of rows. */
const LARGE = ['work_items', 'work_item_labels', 'work_item_dependencies', 'changes', 'applied_changes'];

export interface Statement {
  sql: string;
  parameters: unknown[];
}

/** @param explain gives the plan as text */
export async function checkPlans(
  report: Report,
  where: string,
  statements: ReadonlyMap<string, Statement>,
  explain: (statement: Statement) => Promise<string>,
): Promise<void> {
  const scans: string[] = [];
  for (const statement of statements.values()) {
    if (!/^\s*(select|insert|update|delete|with)/i.test(statement.sql)) continue;
    const plan = await explain(statement);
    for (const table of LARGE) {
      const sequential = new RegExp(`Seq Scan on "?${table}"?\\b|SCAN "?${table}"?(?! USING)(\\s|$)`, 'm');
      if (sequential.test(plan)) scans.push(`${table} in: ${statement.sql.slice(0, 160)}`);
    }
  }
  report.row(where, String(statements.size), String(scans.length));
  for (const scan of scans) report.fail(`${where}: sequential scan of ${scan}`);
}

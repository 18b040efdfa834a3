// Cuts a history that failed down to what shows the failure, as a fixture for checks.test.ts:
//   npx tsx tests/checker/reduce.ts HISTORY.json "GUARANTEE" tests/checker/fixtures/NAME.json
import { writeFileSync } from 'node:fs';
import { checkHistory } from './checks/check-history.ts';
import { readHistory, type History } from './history.ts';

const [file = '', guarantee = '', output = ''] = process.argv.slice(2);

const fails = (history: History): boolean => checkHistory(history).some((one) => one.guarantee === guarantee);

let history: History = readHistory(file);
if (!fails(history)) throw new Error(`${file} does not violate "${guarantee}"`);

history = { ...history, calls: shortest(history.calls, (calls) => fails({ ...history, calls })) };
history = { ...history, faults: shortest(history.faults, (faults) => fails({ ...history, faults })) };
for (const name of [
  'changes',
  'items',
  'notes',
  'conflicts',
  'claims',
  'dependencies',
  'counts',
  'ready',
] as const) {
  const rows: unknown[] = history.tables[name];
  const withRows = (kept: unknown[]) => ({ ...history, tables: { ...history.tables, [name]: kept } });
  history = withRows(shortest(rows, (kept) => fails(withRows(kept))));
}
writeFileSync(output, `${JSON.stringify({ violates: guarantee, history }, null, 1)}\n`);

/** The list without all that can be left out, in ever smaller pieces. */
function shortest<T>(list: T[], stillFails: (list: T[]) => boolean): T[] {
  let kept = list;
  for (let size = Math.ceil(list.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length;) {
      const shorter = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (stillFails(shorter)) kept = shorter;
      else at += size;
    }
  }
  return kept;
}

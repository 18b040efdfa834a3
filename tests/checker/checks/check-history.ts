// All guarantees, over one history.
import { push } from '../ledger.ts';
import { readHistory, type History, type Violation } from '../history.ts';
import { checkAppliedOnce } from './applied-once.ts';
import { checkClaims } from './claims.ts';
import { checkErrors } from './errors.ts';
import { checkLists } from './lists.ts';
import { checkOrder } from './order.ts';
import { checkOverwrites } from './overwrites.ts';
import { checkSessions } from './sessions.ts';
import { checkTables } from './tables.ts';
import { checkTruthful } from './truthful.ts';

const CHECKS = [
  checkAppliedOnce,
  checkOverwrites,
  checkOrder,
  checkSessions,
  checkTruthful,
  checkErrors,
  checkLists,
  checkClaims,
  checkTables,
];

/** Everything that a history shows to be wrong; takes a kept file as well. */
export function checkHistory(given: History | string): Violation[] {
  const history = typeof given === 'string' ? readHistory(given) : given;
  const oddities = history.oddities.map((what) => ({ guarantee: 'servers behave', what, calls: [] }));
  const unsettled = history.unsettled.map((what) => ({ guarantee: 'held writes move on', what, calls: [] }));
  return [...oddities, ...unsettled, ...CHECKS.flatMap((check) => check(history))];
}

/** For people: the guarantees that do not hold, with a few examples of each. */
export function describeViolations(violations: readonly Violation[]): string {
  const byGuarantee = new Map<string, Violation[]>();
  for (const violation of violations) push(byGuarantee, violation.guarantee, violation);
  return [...byGuarantee]
    .map(([guarantee, list]) => {
      const examples = list.slice(0, 3).map(({ what, calls }) => `    ${what} (calls ${calls.join(', ')})`);
      return [`  ${guarantee}: ${list.length}`, ...examples].join('\n');
    })
    .join('\n');
}

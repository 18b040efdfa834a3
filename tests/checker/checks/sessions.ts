// What a session wrote or was shown once, it is shown from then on, unless the answer admits to lack it.
import type { Call, History, Violation } from '../history.ts';
import { makeLedger, mayBeLost, push, type Ledger } from '../ledger.ts';
import { admitsToLack, asOf, growthOf, shownBy, type Growth } from '../shown.ts';

export function checkSessions(history: History): Violation[] {
  const ledger = makeLedger(history);
  const bySession = new Map<string, Call[]>();
  for (const call of history.calls) push(bySession, call.session, call);
  return [...bySession.values()].flatMap((calls) => checkSession(ledger, calls));
}

interface Known extends Growth {
  /** Since when the session knows it. */
  since: number;
  by: Call;
}

function checkSession(ledger: Ledger, calls: readonly Call[]): Violation[] {
  const known = new Map<string, Known>();
  const found: Violation[] = [];
  // In the order of the answers; sessions make one call after the other.
  for (const call of [...calls].sort((a, b) => a.end - b.end)) {
    for (const { item, part, marks } of shownBy(call)) {
      for (const one of known.values()) {
        if (one.item !== item || one.part !== part || marks.has(one.mark)) continue;
        if (one.since > call.start || admits(ledger, call, one) || !isLasting(ledger, one.mark, call))
          continue;
        found.push({
          guarantee: one.by.deed === undefined ? 'monotonic reads' : 'read your writes',
          what: `${call.tool} lacks ${one.mark} of ${one.part} and does not say so`,
          calls: [one.by.n, call.n],
        });
      }
      for (const mark of marks) learn(known, { item, part, mark }, call);
    }
    if (call.outcome === 'answered') for (const growth of growthOf(call)) learn(known, growth, call);
  }
  return found;
}

/** Where clocks differ, the moment that an answer names is not one of ours: it admits to be older by naming any. */
function admits({ history }: Ledger, call: Call, { since }: Known): boolean {
  const isBent = history.faults.some(({ bendsTime }) => bendsTime);
  return (isBent && asOf(call.answer) !== undefined) || admitsToLack(call, since);
}

function learn(known: Map<string, Known>, growth: Growth, by: Call): void {
  const key = `${growth.item} ${growth.part} ${growth.mark}`;
  if (!known.has(key)) known.set(key, { ...growth, since: by.end, by });
}

/** What became a conflict is shown no more; that its loss is a loss is for another check. */
function isLasting({ history, writes, changesOf }: Ledger, mark: string, by: Call): boolean {
  const write = writes.get(mark);
  // Of a journal that is gone, nobody knows what was in it, even where a program still had it open.
  if (write !== undefined && mayBeLost(history, write, by)) return false;
  return writes.get(mark)?.conflict === undefined && changesOf.has(mark);
}

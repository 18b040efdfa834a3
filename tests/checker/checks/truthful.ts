// An answer is true about itself: where it comes from, from when it is, and where a write is durable.
import type { Call, FaultRecord, History, Violation } from '../history.ts';
import { isForgotten, isPrimaryDurable, makeLedger, push, type Ledger } from '../ledger.ts';
import { asOf, growthOf, shownBy, warningsOf } from '../shown.ts';

/** Versions below are those of the primary. */
const LEAST_PROVISIONAL = 1_000_000;
const JOURNALS = ['outbox', 'git', 'markdown'];

export function checkTruthful(history: History): Violation[] {
  const ledger = makeLedger(history);
  return [
    ...history.calls.flatMap((call) => [...checkSource(history, call), ...checkDurability(ledger, call)]),
    ...(history.faults.some(({ bendsTime }) => bendsTime) ? [] : checkMoments(ledger)),
  ];
}

/** Nothing can come from a primary that was out of reach from before the call until after it. */
function checkSource(history: History, call: Call): Violation[] {
  const { answer, outcome } = call;
  if (outcome !== 'answered' || answer['repeated'] === true) return [];
  const fault = history.faults.find((one) => severs(one, call));
  if (fault === undefined) return [];
  return ['data_source', 'durability']
    .filter((name) => answer[name] === history.primary)
    .map((name) => ({
      guarantee: `${name} is true`,
      what: `${call.tool} names ${history.primary}, which was out of reach (${fault.fault})`,
      calls: [call.n],
    }));
}

function severs({ severs, from, to }: FaultRecord, { folder, start, end }: Call): boolean {
  return severs?.includes(folder) === true && from <= start && end <= to;
}

function checkDurability(ledger: Ledger, call: Call): Violation[] {
  const { answer, outcome, deed } = call;
  if (outcome !== 'answered' || deed === undefined || answer['repeated'] === true) return [];
  const found: Violation[] = [];
  const add = (guarantee: string, what: string) =>
    found.push({ guarantee, what: `${call.tool} ${deed.marks[0] ?? ''}: ${what}`, calls: [call.n] });
  const { durability, version } = answer;
  if (durability === undefined) add('durability is true', 'an acknowledged write does not say where it is');
  const codes = warningsOf(answer).map(({ code }) => code);
  if (JOURNALS.includes(String(durability))) {
    if (!codes.includes('saved_locally')) add('durability is true', 'is kept, without saying so');
    const isOfItem = deed.kind === 'create' || deed.kind === 'update';
    if (isOfItem && !(Number(version) >= LEAST_PROVISIONAL))
      add('provisional versions are told', `is kept at version ${String(version)}`);
  }
  if (!isPrimaryDurable(ledger.history, call)) return found;
  if (Number(version) >= LEAST_PROVISIONAL) add('durability is true', `has version ${String(version)} there`);
  const write = ledger.writes.get(deed.marks[0] ?? '');
  // What the primary forgot is made again, on what was there by then.
  if (write?.calls.length !== 1 || isForgotten(ledger.history, call)) return found;
  if (write.conflict !== undefined)
    add('durability is true', 'was not applied there, but kept as a conflict');
  const [change] = ledger.changesOf.get(deed.marks[0] ?? '') ?? [];
  if (deed.kind === 'update' && change !== undefined && change.version !== version)
    add('answers show what was saved', `made version ${String(change.version)}, said ${String(version)}`);
  return found;
}

/** An answer as of a moment has everything that the primary had acknowledged before. */
function checkMoments({ history }: Ledger): Violation[] {
  const grown = new Map<string, { mark: string; call: Call }[]>();
  for (const call of history.calls)
    if (isPrimaryDurable(history, call) && !isForgotten(history, call))
      for (const { item, part, mark } of growthOf(call)) push(grown, `${item} ${part}`, { mark, call });
  return history.calls.flatMap((read) => {
    const moment = asOf(read.answer) ?? read.start;
    if (saysPartial(read)) return [];
    return shownBy(read).flatMap(({ item, part, marks }) =>
      (grown.get(`${item} ${part}`) ?? [])
        .filter(({ call, mark }) => call.end < moment && !marks.has(mark))
        .map(({ call, mark }) => ({
          guarantee: 'as_of is true',
          what: `${read.tool} is of ${new Date(moment).toISOString()} and lacks ${mark}, acknowledged before`,
          calls: [call.n, read.n],
        })),
    );
  });
}

function saysPartial({ answer }: Call): boolean {
  return warningsOf(answer).some(({ code }) =>
    ['partial', 'incomplete', 'primary_refused', 'unchecked'].includes(code),
  );
}

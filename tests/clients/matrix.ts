// What the runs tell: a row for each client and transport, and what of it is not as it must be.
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import type { ClientRun } from './client-run.ts';
import { isSearch, type Exchange } from './conversation.ts';
import { BRIEF, ERRORS, readIn, RECOVERY } from './scenarios.ts';
import { formOf, withoutReminders } from './shown.ts';

/** Tokens of all results of the whole session. */
const SESSION_TOKENS_MAX = 6_000;
/** Of the dearest session to the cheapest. */
const RATIO_MAX = 1.5;

const tokensOf = (text: string): number => encode(text).length;
const costOf = ({ shown = '' }: Exchange): number => tokensOf(withoutReminders(shown));
const counted = (run: ClientRun): Exchange[] => run.session.exchanges.filter((one) => !isSearch(one));
const sessionCost = (run: ClientRun): number => counted(run).reduce((sum, one) => sum + costOf(one), 0);
const nameOf = ({ client, transport }: ClientRun): string => `${client.title} over ${transport}`;
const shownOf = (run: ClientRun, label: string): string =>
  run.session.exchanges.find((one) => one.label === label)?.shown ?? '';

const errorsRead = (run: ClientRun, by: 'ours' | 'client' | undefined): string[] =>
  Object.keys(ERRORS).filter((label) => readIn(label, shownOf(run, label)) === by);

const hasRecovered = (run: ClientRun): boolean => /\bpriority\W+2\b|\bp2\b/.test(shownOf(run, RECOVERY));

const COLUMNS = [
  ...['client', 'over', 'protocol', 'tools at the start', 'their tokens', 'results as', 'calls answered'],
  ...['session', 'stale version', 'errors', 'long description', 'tokens of the session'],
];

export function printMatrix(runs: readonly ClientRun[]): void {
  printTable(COLUMNS, runs.map(rowOf));
}

function rowOf(run: ClientRun): string[] {
  const { client, transport, protocol = 'unknown', session, handover } = run;
  const calls = [...session.exchanges, ...handover.exchanges].filter((one) => !isSearch(one));
  return [
    ...[`${client.title} ${client.package.version}`, transport, protocol, String(session.tools.length)],
    String(tokensOf(JSON.stringify(session.tools.map(({ shown }) => shown)))),
    formOf(shownOf(run, BRIEF)),
    `${calls.filter(({ shown }) => shown !== undefined).length} of ${calls.length}`,
    session.outcome === 'done' ? 'ended' : 'broke off',
    hasRecovered(run) ? 'recovered' : 'not recovered',
    errorsCell(run),
    run.isDescriptionWhole && handover.outcome === 'done' ? 'kept' : 'not kept',
    String(sessionCost(run)),
  ];
}

function errorsCell(run: ClientRun): string {
  const [ours, byClient] = [errorsRead(run, 'ours').length, errorsRead(run, 'client').length];
  const told = `${ours + byClient} of ${Object.keys(ERRORS).length} readable`;
  return byClient === 0 ? told : `${told}, ${byClient} in the client's words`;
}

/** What each call cost the model. */
export function printCalls(runs: readonly ClientRun[]): void {
  const labels = [...new Set(runs.flatMap((run) => counted(run).map(({ label }) => label)))];
  const columns = runs.map(({ client, transport }) => `${client.name} ${transport}`);
  const cells = (label: string) =>
    runs.map((run) => String(counted(run).filter((one) => one.label === label).reduce((sum, one) => sum + costOf(one), 0))); // prettier-ignore
  printTable(
    ['call', ...columns],
    labels.map((label) => [label, ...cells(label)]),
  );
}

/** What is not as it must be, each in a sentence. */
export function failuresOf(runs: readonly ClientRun[]): string[] {
  return runs.flatMap((run) => [
    ...[run.session, run.handover].flatMap(({ outcome }, at) =>
      outcome === 'done' ? [] : [`${nameOf(run)}, ${at === 0 ? 'session' : 'handover'}: ${outcome}.`],
    ),
    ...errorsRead(run, undefined).map(
      (label) => `${nameOf(run)}: the error of "${label}" did not reach the model.`,
    ),
    ...(hasRecovered(run) ? [] : [`${nameOf(run)}: it did not recover from a stale version.`]),
    ...(run.isDescriptionWhole ? [] : [`${nameOf(run)}: the long description was shortened.`]),
    ...(sessionCost(run) <= SESSION_TOKENS_MAX
      ? []
      : [`${nameOf(run)}: the session cost ${sessionCost(run)} tokens, the limit is ${SESSION_TOKENS_MAX}.`]),
  ]);
}

/** The figures of all sessions that ended. @returns what exceeds its limit */
export function printFigures(runs: readonly ClientRun[]): string[] {
  const ended = runs.filter(({ session }) => session.outcome === 'done');
  const costs = ended.map((run) => ({ run, cost: sessionCost(run) })).sort((a, b) => a.cost - b.cost);
  const [cheapest, dearest] = [costs[0], costs.at(-1)];
  if (cheapest === undefined || dearest === undefined) return [];
  const ratio = dearest.cost / cheapest.cost;
  console.log(
    `\nDearest session: ${dearest.cost} tokens (${nameOf(dearest.run)}), limit ${SESSION_TOKENS_MAX}`,
  );
  console.log(`Cheapest session: ${cheapest.cost} tokens (${nameOf(cheapest.run)})`);
  console.log(`Dearest to cheapest: ${ratio.toFixed(2)}, limit ${RATIO_MAX}`);
  return ratio <= RATIO_MAX
    ? []
    : [`The dearest session cost ${ratio.toFixed(2)} times the cheapest, the limit is ${RATIO_MAX}.`];
}

function printTable(columns: readonly string[], rows: readonly (readonly string[])[]): void {
  const lines = [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  console.log(`\n${lines.join('\n')}`);
}

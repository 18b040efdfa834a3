// A claim has one holder, its token never comes again, and whoever lost it can write no more under it.
import type { Call, History, Violation } from '../history.ts';
import { isPrimaryDurable, push } from '../ledger.ts';

interface Grant {
  call: Call;
  item: string;
  token: number;
  expires: number;
}

export function checkClaims(history: History): Violation[] {
  const grants = new Map<string, Grant[]>();
  for (const grant of history.calls.flatMap((call) => grantBy(history, call)))
    push(grants, grant.item, grant);
  return [...grants].flatMap(([item, list]) => [
    ...checkPairs(history, list),
    ...checkLast(history, item, list),
  ]);
}

/** Only the primary's: a claim that was made while it was away holds on one machine, and says so. */
function grantBy(history: History, call: Call): Grant[] {
  const { answer, args, tool } = call;
  const isTake = tool === 'claim_work_item' && (args['action'] ?? 'take') === 'take';
  if (!isTake || !isPrimaryDurable(history, call) || typeof answer['claim_token'] !== 'number') return [];
  const expires = Date.parse(String(answer['claim_expires_at']));
  return [{ call, item: String(answer['id']), token: answer['claim_token'], expires }];
}

function checkPairs(history: History, grants: readonly Grant[]): Violation[] {
  return grants.flatMap((first) =>
    grants
      .filter(({ call }) => call.session !== first.call.session && first.call.end < call.start)
      .flatMap((second) => {
        const found: Violation[] = [];
        const add = (guarantee: string, what: string, calls: number[]) =>
          found.push({ guarantee, what: `item ${first.item.slice(0, 8)}: ${what}`, calls });
        const both = [first.call.n, second.call.n];
        if (second.token <= first.token)
          add('claim tokens never come again', `token ${second.token} after ${first.token}`, both);
        if (!endsBefore(history, first, second.call.end))
          add(
            'a claim has one holder',
            `token ${second.token} was given while ${first.token} was held`,
            both,
          );
        for (const write of history.calls)
          if (isUnder(write, first) && write.start > second.call.end && isPrimaryDurable(history, write))
            add('a lost claim is fenced off', `token ${first.token} was taken after ${second.token}`, [
              write.n,
            ]);
        return found;
      }),
  );
}

/** A release without an answer counts from when it was asked for. */
function endsBefore({ calls }: History, { call, token, item, expires }: Grant, moment: number): boolean {
  if (expires <= moment) return true;
  return calls.some(
    ({ tool, args, start, outcome, session }) =>
      tool === 'claim_work_item' &&
      args['action'] === 'release' &&
      (args['claim_token'] === token || session === call.session) &&
      args['id'] === item &&
      outcome !== 'refused' &&
      start > call.end &&
      start <= moment,
  );
}

function isUnder({ tool, args, session, outcome }: Call, { call, token, item }: Grant): boolean {
  const isWrite = tool === 'update_work_item' || tool === 'add_note';
  return (
    isWrite &&
    session === call.session &&
    args['claim_token'] === token &&
    args['id'] === item &&
    outcome === 'answered'
  );
}

function checkLast({ tables }: History, item: string, grants: readonly Grant[]): Violation[] {
  const stored = tables.claims.find((row) => row.item_id === item)?.token ?? 0;
  const most = grants.reduce((best, one) => (one.token > best.token ? one : best));
  if (stored >= most.token) return [];
  const what = `item ${item.slice(0, 8)}: token ${most.token} was given, the table has come to ${stored}`;
  return [{ guarantee: 'claim tokens never come again', what, calls: [most.call.n] }];
}

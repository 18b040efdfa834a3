// Errors say what is the matter: never "unexpected", and what a session has been shown is not denied.
import type { Call, History, Violation } from '../history.ts';
import { mayBeLost } from '../ledger.ts';
import { recordsIn } from '../shown.ts';

export function checkErrors(history: History): Violation[] {
  const seen = new Map<string, Call>();
  const found: Violation[] = [];
  for (const call of [...history.calls].sort((a, b) => a.start - b.start)) {
    for (const id of recordsIn(call).keys()) {
      const key = `${call.session} ${id}`;
      if (!seen.has(key)) seen.set(key, call);
    }
    if (call.outcome !== 'refused') continue;
    const { error, message } = call.answer;
    if (String(message).includes('unexpected failure'))
      found.push({
        guarantee: 'errors are known',
        what: `${call.tool}: ${String(message)}`,
        calls: [call.n],
      });
    const id = String(call.args['id']);
    const before = seen.get(`${call.session} ${id}`);
    if (error !== 'NotFoundError' || before === undefined || before.end > call.start) continue;
    if (!isDestroyed(history, id, call))
      found.push({
        guarantee: 'what was answered exists',
        what: `${call.tool} denies an item that the session was shown before`,
        calls: [before.n, call.n],
      });
  }
  return found;
}

/** Whether an item waited in one place only, which was destroyed before it came anywhere else. */
function isDestroyed(history: History, id: string, before: Call): boolean {
  if (history.tables.changes.some(({ entity_id }) => entity_id === id)) return false;
  const maker = history.calls.find(({ tool, answer }) => tool.startsWith('create_') && answer['id'] === id);
  return mayBeLost(history, { acknowledged: maker }, before);
}

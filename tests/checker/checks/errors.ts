// Errors say what is the matter: never "unexpected", and what a session has been shown is not denied.
import type { Call, History, Violation } from '../history.ts';
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
    const before = seen.get(`${call.session} ${String(call.args['id'])}`);
    if (error === 'NotFoundError' && before !== undefined && before.end <= call.start)
      found.push({
        guarantee: 'what was answered exists',
        what: `${call.tool} denies an item that the session was shown before`,
        calls: [before.n, call.n],
      });
  }
  return found;
}

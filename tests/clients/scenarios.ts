// What the scripted model does with the tracker. Whatever it passes on, it has seen: an id, a version, a token.
import type { Call, Script } from './conversation.ts';
import { numberIn, recordIn } from './shown.ts';
import { LONG_TITLE, STEP_COUNT } from './tracker.ts';

export interface Scenario {
  name: 'session' | 'handover';
  tools: readonly string[];
  script: () => Script;
}

/** An error by what a model must read of it. */
interface Refusal {
  ours: readonly RegExp[];
  /** Of clients that look at arguments before the server does. */
  byClient?: RegExp;
}

/** By the label of their call. */
export const ERRORS: Readonly<Record<string, Refusal>> = {
  'stale update': { ours: [/VersionConflictError/, /current_version/, /overlap/] },
  'unknown argument': { ours: [/ValidationError/, /urgency/, /priority/] },
  'wrong enum': {
    ours: [/ValidationError/, /finished/, /completed/],
    byClient: /\bstatus must be equal to one of the allowed values/,
  },
  'unknown id': { ours: [/NotFoundError/, /deadbeef/] },
};

/** In whose words a model reads an error; undefined where it cannot. */
export function readIn(label: string, shown: string): 'ours' | 'client' | undefined {
  const { ours = [], byClient } = ERRORS[label] ?? {};
  if (ours.every((word) => word.test(shown))) return 'ours';
  return byClient?.test(shown) === true ? 'client' : undefined;
}

export const RECOVERY = 'recovery';
export const BRIEF = 'brief';

const call = (label: string, tool: string, input: Record<string, unknown> = {}): Call => ({
  ...{ label, tool, input },
});

/** A whole session: look, take, read, write, be refused, recover, finish. */
function* session(): Script {
  yield call(BRIEF, 'get_brief');
  const taken = recordIn(yield call('list ready', 'list_work_items', { ready: true, limit: 5 }));
  yield call('claim', 'claim_work_item', { id: taken.id });
  recordIn(yield call('query', 'query_work_item', { id: taken.id }));
  const made = recordIn(
    yield call('create', 'create_work_item', {
      ...{ item_type: 'task', title: 'Follow-up found on the way', labels: ['api'] },
      metadata: { estimated_hours: 2, estimate: 3 },
    }),
  );
  yield call('link', 'link_work_items', {
    ...{ source_id: made.id, target_id: taken.id, dependency_type: 'discovered_from' },
  });
  yield call('note', 'add_note', { id: taken.id, text: 'The second header row carries the currency.' });
  yield call('update', 'update_work_item', { ...made, priority: 1 });
  const refused = yield call('stale update', 'update_work_item', { ...made, priority: 2 });
  const version = numberIn(refused, 'current_version');
  const now = recordIn(yield call(RECOVERY, 'update_work_item', { id: made.id, version, priority: 2 }));
  yield call('unknown argument', 'update_work_item', { ...now, urgency: 1 });
  yield call('wrong enum', 'update_work_item', { ...now, status: 'finished' });
  yield call('unknown id', 'query_work_item', { id: 'deadbeef' });
  // Some models send numbers as text. The server takes them; a client may ask for a number.
  const done = { id: now.id, status: 'completed' };
  const said = yield call('complete', 'update_work_item', { ...done, version: String(now.version) });
  recordIn(/must be integer/.test(said) ? yield call('complete again', 'update_work_item', { ...now, ...done }) : said); // prettier-ignore
  yield call('list', 'list_work_items');
  yield call('list 100', 'list_work_items', { limit: 100 });
  yield call('short brief', 'get_brief', { max_tokens: 1_000 });
}

/** Takes over the item with the long description, reads it to its end, adds to it, and hands it over. */
function* handover(): Script {
  const found = recordIn(yield call('find', 'list_work_items', { text: LONG_TITLE, limit: 1 }));
  const claimed = yield call('claim', 'claim_work_item', { id: found.id });
  const token = numberIn(claimed, 'claim_token');
  const pages = [yield call('query', 'query_work_item', { id: found.id })];
  for (let rest = restIn(pages[0]); rest !== undefined; rest = restIn(pages.at(-1)))
    pages.push(yield call(`read on from ${rest.offset}`, 'query_work_item', rest));
  checkAllSeen(pages);
  const { id, version } = recordIn(pages[0] ?? '');
  // What a hurried model does: it takes what the claim showed for the whole, and writes that back.
  const whole = `${descriptionIn(claimed)}\n\nHanded over: begin with the last step.`;
  yield call('write back', 'update_work_item', { id, version, description: whole });
  const added = { append_description: 'Handed over: all steps but the last are done.' };
  const kept = recordIn(yield call('append', 'update_work_item', { id, version, ...added }));
  yield call('note', 'add_note', { id, text: 'Begin with the last step.' });
  yield call('assign', 'update_work_item', { ...kept, assignee: 'grace' });
  const to = { action: 'hand_over', to: 'grace', claim_token: token };
  yield call('hand over', 'claim_work_item', { id, ...to });
}

/** The call that an answer names for the rest of the description. */
function restIn(shown = ''): { offset: number; [name: string]: unknown } | undefined {
  const named = /query_work_item (\{"id":"\w+","field":"description","offset":\d+\})/;
  const [, input] = named.exec(shown.replaceAll('\\', '')) ?? [];
  return input === undefined ? undefined : (JSON.parse(input) as { offset: number });
}

/** @throws where steps are missing, but for those at the edges of pages */
function checkAllSeen(pages: readonly string[]): void {
  const seen = new Set(pages.join('\n').match(/moves table price_\d+ and/g));
  if (seen.size + pages.length < STEP_COUNT)
    throw new Error(`only ${seen.size} of ${STEP_COUNT} steps of the description could be read`);
}

/** As much of the description as a claim shows. */
function descriptionIn(claimed: string): string {
  const plain = claimed.replaceAll('\\n', '\n').replaceAll(/^> ?/gm, '');
  const [shown] = /Step 1 [^"]*?(?=\ndescription: |"|$)/.exec(plain) ?? [];
  if (shown === undefined) throw new Error('the claim shows nothing of the description');
  return shown;
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'session',
    tools: [
      ...['get_brief', 'list_work_items', 'claim_work_item', 'query_work_item', 'create_work_item'],
      ...['link_work_items', 'add_note', 'update_work_item'],
    ],
    script: session,
  },
  {
    name: 'handover',
    tools: ['list_work_items', 'claim_work_item', 'query_work_item', 'update_work_item', 'add_note'],
    script: handover,
  },
];

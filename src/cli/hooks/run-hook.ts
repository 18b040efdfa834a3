/** What an AI client's hooks are answered: the brief when a session starts, and what is still claimed when it stops. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Brief } from '../../domain/brief.ts';
import { joinLines, oneLine } from '../../domain/others-text.ts';
import { count, cut, shortId } from '../../domain/text.ts';
import { presentable } from '../../domain/worker.ts';
import type { Answer } from '../../storage/contract/store.ts';
import type { Settings } from '../../config/config.ts';
import type { HookEvent, HookInput } from './hook-events.ts';
import { Told } from './told.ts';

/** Of the brief that a session starts with. */
const BRIEF_TOKENS = 1_500;
const ITEMS_NAMED = 5;
const TITLE_CHARACTERS = 60;
/** Two hooks of one event come within it. */
const SAME_EVENT_MS = 20_000;

/**
 * @param client as its server is called by it: `claude-code`
 * @returns what goes to stdout; undefined for nothing
 * @throws whatever failed: the caller goes on without
 */
export async function runHook(
  event: HookEvent,
  input: HookInput,
  settings: Settings,
  client: string,
): Promise<string | undefined> {
  // Looking makes no tracker: one that no program has opened in this folder is left to the first that does.
  if (!existsSync(settings.dataDir)) return undefined;
  const { knowsTracker } = await import('../../app.ts');
  if (!knowsTracker(settings.dataDir)) return undefined;
  const session = presentable(input.session_id);
  if (session === '') return undefined;
  const told = new Told(settings.projectDir, session);
  switch (event) {
    case 'session-start':
      return await atStart(input, settings, { client, session }, told);
    case 'stop':
      return input.stop_hook_active === true ? undefined : await atStop(settings, { client, session }, told);
    case 'pre-compact':
      return keepInSummary((await briefOf(settings, { client, session })).data);
    case 'session-end':
      told.forgetOld();
      return undefined;
  }
}

/** Whoever has it need not ask for it once more. */
const OPENING =
  "The state of this project's tracker (worktrail) as this session starts, as get_brief would tell it now:";

interface SessionOf {
  client: string;
  session: string;
}

async function atStart(
  { source }: HookInput,
  settings: Settings,
  of: SessionOf,
  told: Told,
): Promise<string | undefined> {
  const goesOn = (source === 'compact' || source === 'resume') && told.was('brief');
  if (goesOn)
    return await told.once(`on-${source}`, async () => await startText(true, settings, of), SAME_EVENT_MS);
  const again = source === 'clear' ? SAME_EVENT_MS : undefined;
  return await told.once('brief', async () => await startText(false, settings, of), again);
}

async function startText(goesOn: boolean, settings: Settings, of: SessionOf): Promise<string> {
  const { data: brief, warnings } = await briefOf(settings, of);
  const { briefText, fitBrief } = await import('../../use-cases/brief/brief-text.ts');
  const whole = () => `${OPENING}\n${briefText(fitBrief(brief, BRIEF_TOKENS))}`;
  const text = [
    goesOn ? continuation(brief) : whole(),
    ...warnings.map(({ message }) => `! ${oneLine(message)}`),
  ];
  return JSON.stringify({
    hookSpecificOutput: { hookEventName: 'SessionStart', additionalContext: text.join('\n') },
  });
}

/** After a compaction, or where a session goes on: what it holds, and where the rest is. */
function continuation(brief: Brief): string {
  const { claimed, changed, seq } = brief;
  const since = changed.total === 0 ? '' : ` ${count(changed.total, 'change')} since then.`;
  return joinLines([
    `This session goes on with the project's tracker (worktrail).${since} get_brief {"since":${seq}} tells what changes from here on, get_brief all.`,
    ...heldLines(brief),
    ...(claimed.total === 0 ? ['It holds no claim: claim an item before you work on it.'] : []),
  ]);
}

async function atStop(settings: Settings, of: SessionOf, told: Told): Promise<string | undefined> {
  const { data: brief } = await briefOf(settings, of);
  const held = brief.claimed.items.filter(({ handed_over }) => !handed_over);
  if (held.length === 0) return undefined;
  // Once for the same claims: whoever holds them on purpose is not asked again.
  const claims = held.map(({ id, claim_token }) => `${id} ${claim_token}`).sort();
  const digest = createHash('sha256').update(claims.join('\n')).digest('hex').slice(0, 16);
  const reason = joinLines([
    ...heldLines(brief),
    'Close what is done, with what proves it; release or hand over what others may go on with; else note where it stands. Then stop: you are not asked again.',
  ]);
  return await told.once(`stop-${digest}`, async () => JSON.stringify({ decision: 'block', reason }));
}

/** Goes into what the client asks its model to keep. */
function keepInSummary(brief: Brief): string | undefined {
  return brief.claimed.total === 0
    ? undefined
    : joinLines([
        ...heldLines(brief),
        'Keep their ids and what is left to do of each; get_brief tells the rest afterwards.',
      ]);
}

function heldLines({ claimed }: Brief): string[] {
  if (claimed.total === 0) return [];
  const left = claimed.total - Math.min(claimed.items.length, ITEMS_NAMED);
  return [
    `It holds ${count(claimed.total, 'claim')} in the tracker:`,
    ...claimed.items
      .slice(0, ITEMS_NAMED)
      .map(
        ({ id, title, claim_expires_at, handed_over }) =>
          `- ${shortId(id)} ${JSON.stringify(cut(oneLine(title), TITLE_CHARACTERS))} until ${claim_expires_at}${handed_over ? ', handed over to you' : ''}`,
      ),
    ...(left > 0 ? [`- and ${left} more`] : []),
  ];
}

async function briefOf(settings: Settings, { client, session }: SessionOf): Promise<Answer<Brief>> {
  const { agreedConfig } = await import('../../config/config.ts');
  const { openApp } = await import('../../app.ts');
  const { getBrief } = await import('../../use-cases/brief/brief.ts');
  const app = await openApp(agreedConfig(settings), () => undefined, {
    patienceMs: 0,
    snapshotPatienceMs: 0,
  });
  try {
    const caller = { client, actor: client, session };
    return await getBrief.run(app.context, caller, { max_tokens: BRIEF_TOKENS });
  } finally {
    await app.close();
  }
}

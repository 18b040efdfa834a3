/** What a tiered store says about itself: warnings and errors, for people and for AI clients. */
import { TrackerError, databaseError, isError } from '../../domain/errors.ts';
import type { Change } from '../../domain/change.ts';
import { count } from '../../domain/text.ts';
import type { Warning } from '../../domain/warnings.ts';
import type { SourceName } from '../database/connection.ts';
import { driverCode, reasonOf } from '../database/driver-errors.ts';
import type { HeldSummary } from './held-writes.ts';
import type { JournalName } from '../contract/journal.ts';
import type { Keeper, Replica } from '../replicas/replica.ts';
import type { TierState } from '../contract/state.ts';

export interface Situation {
  primaryLabel: string;
  state: TierState;
  reason: string | null;
  /** Writes that wait for the primary, and lie on top of the copies. */
  waiting: number;
  /** Those among all that wait which do not fit there, or which only a newer program understands. */
  hidden: number;
  held: HeldSummary;
  /** Milliseconds since 1970. */
  now: number;
}

export function readWarnings(
  situation: Situation,
  replica: Replica,
  as_of: string,
  isStale: boolean,
): Warning[] {
  const age = spokenAge(situation.now - Date.parse(as_of));
  const warnings: Warning[] = [
    {
      code: CODES[situation.state],
      message: `${whatIsWrong(situation)} This answer is from ${replica.label}, as of ${as_of} (${age} ago).`,
    },
  ];
  if (isStale) {
    warnings.push({
      code: 'stale',
      message: `It is ${age} old: others may have changed much since then. Check what matters before you rely on it.`,
    });
  }
  if (situation.waiting > 0) warnings.push(pendingWarning(situation.waiting, true, situation));
  if (situation.hidden > 0) warnings.push(pendingWarning(situation.hidden, false));
  return warnings;
}

/** @param situation with what does not lie on the copy that the answer shows */
export function writeWarnings(situation: Situation, keeper: Keeper, outcomeUnknown: boolean): Warning[] {
  const { primaryLabel, state, hidden } = situation;
  const lacking = hidden > 0 ? [pendingWarning(hidden, false)] : [];
  const when = state === 'online' ? 'as soon as it takes it' : 'when it is back';
  if (keeper === 'primary') {
    const message = `${whatIsWrong(situation)} This change did reach it; the answer is from a local copy.`;
    return [{ code: CODES[state], message }, ...lacking];
  }
  const warnings: Warning[] = [
    {
      code: 'saved_locally',
      message: `${whatIsWrong(situation)} This change is saved in ${JOURNALS[keeper]} and will be applied to ${inSentence(primaryLabel)} ${when}. Its version is provisional: use it for further changes, it is translated.`,
    },
  ];
  if (outcomeUnknown) {
    warnings.push({
      code: 'outcome_unknown',
      message: `The connection was lost while saving, so ${inSentence(primaryLabel)} may have it already. It is applied once, whatever happened.`,
    });
  }
  return [...warnings, ...lacking];
}

/** Said of a write that was kept and could not be checked. @param why one of `WHY_UNCHECKED` */
export function unchecked(why: string): Warning {
  return {
    code: 'unchecked',
    message: `${why}, so it was kept without a check. It is checked when it is applied; if it does not fit then, it waits for a decision (\`worktrail conflicts\`).`,
  };
}

/** Why a write is kept without a check. */
export const WHY_UNCHECKED = {
  noCopy: 'No copy of the tracker can be read at the moment',
  lagging: 'The copy that it was held against lacks changes that were seen here already',
  mayBeApplied: 'It may have been applied, which the copy does not know',
} as const;

/** @param isIncluded whether the answer has them: one of the primary has not what is held back from it */
export function pendingWarning(
  waiting: number,
  isIncluded: boolean,
  of?: Pick<Situation, 'held' | 'primaryLabel'>,
): Warning {
  const isOne = waiting === 1;
  const whether = isIncluded ? 'includes' : 'does not include';
  const message = `${count(waiting, 'change')} made here ${isOne ? 'waits' : 'wait'} to be applied; this answer ${whether} ${isOne ? 'it' : 'them'}.`;
  return { code: 'pending_changes', message: [message, ...(of === undefined ? [] : whyHeld(of))].join(' ') };
}

/** What is in the way of those that wait, and what to do about it, in sentences. */
export function whyHeld({ held, primaryLabel }: Pick<Situation, 'held' | 'primaryLabel'>): string[] {
  const { parked, failing, behind, reasons } = held;
  const why = reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
  const sentences: string[] = [];
  if (failing > 0) {
    sentences.push(
      `${primaryLabel} does not take ${failing} of them at the moment${why}: ${failing === 1 ? 'it is' : 'they are'} tried again automatically; \`worktrail doctor\` says what to change.`,
    );
  }
  if (parked > 0) {
    sentences.push(
      `${parked} ${parked === 1 ? 'is' : 'are'} put aside after failing several times${failing > 0 ? '' : why}: \`worktrail doctor --fix\` tries ${parked === 1 ? 'it' : 'them'} again now.`,
    );
  }
  if (behind > 0) {
    sentences.push(
      `${behind} ${behind === 1 ? 'waits' : 'wait'} behind a change that needs a decision: settle it (\`worktrail conflicts\`).`,
    );
  }
  return sentences;
}

const CODES: Readonly<Record<TierState, string>> = {
  online: 'primary_unavailable',
  offline: 'primary_unavailable',
  replaying: 'replaying',
  refused: 'primary_refused',
  misconfigured: 'primary_misconfigured',
};

const JOURNALS: Readonly<Record<JournalName, string>> = {
  outbox: 'the local outbox',
  git: "the project's git repository",
  markdown: 'a file under .worktrail/pending',
};

const inSentence = (label: string): string => label.replace(/^The /, 'the ');

function whatIsWrong({ primaryLabel, state, reason, waiting }: Situation): string {
  if (state === 'replaying')
    return `${primaryLabel} is back, and ${count(waiting, 'change')} made meanwhile are being applied.`;
  if (state === 'refused')
    return `${primaryLabel} is not used: ${reason ?? 'it is not the database of this project'}.`;
  if (state === 'misconfigured') {
    return `${primaryLabel} cannot be used, because a setting is wrong: ${reason ?? 'it refuses us'}. Changes are refused until that is put right (\`worktrail doctor\` says how).`;
  }
  // It answers, and refused this one write.
  if (state === 'online' && reason !== null) return `${primaryLabel} did not take this change (${reason}).`;
  return `${primaryLabel} cannot be used at the moment${reason === null ? '' : ` (${reason})`}.`;
}

/** The primary changed its state: one line for the log. */
export function transition(label: string, to: TierState, reason: string | null): string {
  switch (to) {
    case 'offline':
      return `${label} is away (${reason ?? 'it failed'}); lower layers answer, and writes are kept until it is back`;
    case 'refused':
      return `${label} is not used: ${reason ?? 'it is not the database of this project'}`;
    case 'misconfigured':
      return `${label} cannot be used: ${reason ?? 'it refuses us'}; changes are refused until that is put right`;
    case 'replaying':
      return `${label} is there; writes that wait are being applied`;
    case 'online':
      return `${label} is in use`;
  }
}

/** A rule that was broken on a copy: said so, because the copy may not know everything. */
export function withSituation(
  error: unknown,
  situation: Situation,
  replica: Replica,
  as_of: string,
): unknown {
  if (!(error instanceof TrackerError) || error.code === 'DatabaseError') return error;
  const message = `${error.message} (${whatIsWrong(situation)} This was checked against ${replica.label}, as of ${as_of}.)`;
  const details = { ...error.details, data_source: replica.source, as_of };
  return new TrackerError(error.code, message, details, error.next, { cause: error });
}

/** What was asked for is not in a copy that lacks changes that were seen here: it may be there all the same. */
export function notInCopy(
  primaryLabel: string,
  reason: string | null,
  replica: Replica,
  as_of: string,
  cause: unknown,
): TrackerError {
  const layer = `${replica.label}, as of ${as_of}`;
  const lacks = 'it does not have it, and lacks changes that were seen here since';
  return noLayer(primaryLabel, reason, [{ layer, reason: lacks }], cause);
}

/** What was asked for is not in the primary, and may be among what waits, which no copy shows. */
export function mayWait(missing: TrackerError, waiting: number, primaryLabel: string): TrackerError {
  return databaseError(
    primaryLabel,
    `it does not have this, and ${count(waiting, 'change')} made here ${waiting === 1 ? 'waits' : 'wait'} to be applied, which no copy can show at the moment`,
    'Repeat the call in a few seconds. `worktrail doctor` shows what waits, and why.',
    missing,
  );
}

export function noLayer(
  primaryLabel: string,
  reason: string | null,
  failed: { layer: string; reason: string }[],
  cause?: unknown,
): TrackerError {
  const all = [{ layer: primaryLabel, reason: reason ?? 'it failed' }, ...failed];
  const error = databaseError(
    primaryLabel,
    `no layer can answer (${all.map((one) => `${one.layer}: ${one.reason}`).join('; ')})`,
    'Run `worktrail doctor` to see the state of every layer; repeat the call when one of them answers.',
    cause,
  );
  error.details['layers'] = all;
  return error;
}

/** Whether a question could not be answered; what a layer said to it is something else. */
export function isUnanswered(error: unknown): error is TrackerError {
  return isError(error, 'DatabaseError');
}

/** A write that could not even be made: what it refers to had to be looked up, and no layer answered. */
export function notLookedUp(operation: object, cause: TrackerError): TrackerError {
  const { layer, reason, layers } = cause.details;
  const next = layers === undefined ? cause.next : 'Run `worktrail doctor`: it tells what each layer needs.';
  return new TrackerError(
    'NotSavedError',
    `Nothing was saved: what this refers to has to be looked up first, and that failed: ${String(reason)}.`,
    { operation, layers: layers ?? [{ layer, reason }] },
    `${next} Keep the operation given here and repeat the call later. A change that names its records by their whole ids is kept at once.`,
    { cause },
  );
}

export function notSaved(
  changes: readonly Change[],
  lost: unknown,
  reason: string | null,
  journals: { layer: string; reason: string }[],
  cause?: unknown,
): TrackerError {
  const layers = [
    { layer: 'primary', reason: lost === undefined ? (reason ?? 'it is away') : reasonOf(lost) },
    ...journals,
    ...(cause === undefined ? [] : [{ layer: 'copies', reason: reasonOf(cause) }]),
  ];
  return new TrackerError(
    'NotSavedError',
    `Nothing was saved: ${layers.map((one) => `${one.layer}: ${one.reason}`).join('; ')}.`,
    { operation: changes.length === 1 ? changes[0] : changes, layers },
    'Keep the operation given here and repeat the call later; `worktrail doctor` tells what each layer needs.',
    { cause: lost ?? cause },
  );
}

/** A write that came while a mistake in the settings is known: kept nowhere, because nobody knows where it belongs. */
export function misconfigured(
  source: SourceName,
  reason: string | null,
  remedy: string | undefined,
): TrackerError {
  const next = remedy ?? 'Run `worktrail doctor`: it says what to change. Nothing was changed.';
  return databaseError(source, reason ?? 'a setting is wrong', next);
}

/** A first contact that takes long: one line for the log. */
export function waiting(label: string, location: string): string {
  return `waiting for ${inSentence(label)} at ${location}`;
}

export function isTimeout(error: unknown): boolean {
  return /^(QUERY_TIMEOUT|57014|POOL_TIMEOUT)$/.test(driverCode(error) ?? '');
}

/** `45 s`, `12 minutes`, `3 hours`, `2 days`. */
export function spokenAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 90 * 60) return count(Math.round(seconds / 60), 'minute');
  if (seconds < 48 * 3600) return count(Math.round(seconds / 3600), 'hour');
  return count(Math.round(seconds / 86_400), 'day');
}

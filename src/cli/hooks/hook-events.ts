/** What clients run hooks at, and what they tell them. */

export const HOOK_EVENTS = ['session-start', 'stop', 'pre-compact', 'session-end'] as const;
export type HookEvent = (typeof HOOK_EVENTS)[number];

/** As clients send it to their hooks; of some other shape, what is missing counts as not said. */
export interface HookInput {
  session_id?: unknown;
  /** Of session-start: startup, resume, clear or compact. */
  source?: unknown;
  /** Of stop: this is the answer to a hook that asked for one. */
  stop_hook_active?: unknown;
}

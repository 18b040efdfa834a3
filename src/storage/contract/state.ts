/**
 * Where a tiered store stands.
 *
 *                    primaryFailed                 recovered
 *        ┌──────────────────────────────┐   ┌────────────────────┐
 *        │                              ▼   │                    ▼
 *     online ◀── drained ── replaying ─────▶ offline ─────▶ (replaying)
 *        │                     ▲  primaryFailed   │ mismatch
 *        │ mismatch            │ recovered        ▼
 *        └────────────────────┼────────────▶  refused
 *                             └──────────────────┘
 *
 * From everywhere `mistaken` leads to misconfigured, which `recovered` alone (and a `mismatch`) ends.
 *
 * online     the primary answers; nothing waits that could be replayed
 * offline    the primary fails; lower layers answer, writes are journaled, probes go on in the background
 * replaying  the primary is back; waiting writes are replayed, and what nothing waits for goes to it directly
 * refused    what answers there is not this project's truth (empty, older, another): as offline, and said so
 * misconfigured  a setting has to be changed, here or on the server: lower layers answer, writes are refused
 */
export type TierState = 'online' | 'offline' | 'replaying' | 'refused' | 'misconfigured';

/**
 * `primaryFailed`: a call could not be answered by the primary. `journaled`: a write was kept for later
 * although the primary is there. `recovered`: two probes in a row were good, the identity included.
 * `mismatch`: the primary is not the truth. `mistaken`: a mistake in the settings keeps it from being used.
 * `drained`: nothing is left that could be replayed.
 */
export type TierEvent = 'primaryFailed' | 'journaled' | 'recovered' | 'mismatch' | 'mistaken' | 'drained';

/** Every state and event; the tests go through all of them. */
export const TRANSITIONS: Readonly<Record<TierState, Readonly<Record<TierEvent, TierState>>>> = {
  online: {
    primaryFailed: 'offline',
    journaled: 'replaying',
    recovered: 'online',
    mismatch: 'refused',
    mistaken: 'misconfigured',
    drained: 'online',
  },
  offline: {
    primaryFailed: 'offline',
    journaled: 'offline',
    recovered: 'replaying',
    mismatch: 'refused',
    mistaken: 'misconfigured',
    drained: 'offline',
  },
  replaying: {
    primaryFailed: 'offline',
    journaled: 'replaying',
    recovered: 'replaying',
    mismatch: 'refused',
    mistaken: 'misconfigured',
    drained: 'online',
  },
  refused: {
    primaryFailed: 'offline',
    journaled: 'refused',
    recovered: 'replaying',
    mismatch: 'refused',
    mistaken: 'misconfigured',
    drained: 'refused',
  },
  // An outage on top of it does not put the setting right.
  misconfigured: {
    primaryFailed: 'misconfigured',
    journaled: 'misconfigured',
    recovered: 'replaying',
    mismatch: 'refused',
    mistaken: 'misconfigured',
    drained: 'misconfigured',
  },
};

/** In these the primary is asked; in the others no call waits for it. */
export function asksPrimary(state: TierState): boolean {
  return state === 'online' || state === 'replaying';
}

/** How much one project may hold: so that a client gone wild is stopped before the disk is. */
import { validationError, type TrackerError } from './errors.ts';

export interface Quotas {
  /** Work items outside the archive. */
  items: number;
  notes: number;
  /** What the database needs for the project on its disk, history and indexes included. */
  bytes: number;
}

export type Quota = keyof Quotas;

/** Room for more than a million items, and for what is said about them. */
export const QUOTAS_DEFAULT: Quotas = { items: 2_000_000, notes: 10_000_000, bytes: 100_000_000_000 };

const SETTINGS: Record<Quota, { setting: string; noun: string; remedy: string }> = {
  items: {
    setting: 'limits.items_max',
    noun: 'work items outside the archive',
    remedy: 'Archive closed items (`worktrail archive`)',
  },
  notes: {
    setting: 'limits.notes_max',
    noun: 'notes',
    remedy: 'Put what belongs together into one note',
  },
  bytes: {
    setting: 'limits.bytes_max',
    noun: 'bytes in its database',
    remedy: 'Look for clients that write too much (`worktrail history`)',
  },
};

export function quotaError(quota: Quota, max: number): TrackerError {
  const { setting, noun, remedy } = SETTINGS[quota];
  return validationError(
    {
      field: setting,
      constraint: `a project may hold at most ${max} ${noun}, and this would be more`,
      value: max,
    },
    `${remedy}, or raise ${setting} in worktrail.config.json, then call again; nothing was saved.`,
  );
}

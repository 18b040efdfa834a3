/** The project configuration: one versioned record per tracker. */
import * as z from 'zod';
import {
  actorName,
  clearOf,
  idOrPrefix,
  idempotencyKey,
  integer,
  lazily,
  storedId,
  version,
} from './fields.ts';
import {
  ARCHIVE_AFTER_DAYS_DEFAULT,
  TOKEN_BUDGET_DEFAULT,
  TOKEN_BUDGET_MAX,
  TOKEN_BUDGET_MIN,
} from './limits.ts';
import { nullableText, text, whole, type RecordOf } from './record.ts';

export const CONTEXT_TYPES = ['feature', 'maintenance', 'research'] as const;
export type ContextType = (typeof CONTEXT_TYPES)[number];

/** What is stored; the git and health fields of an answer are read live. */
export const configurationRecord = lazily(() => ({
  id: text,
  version: whole,
  active_context_type: z.enum(CONTEXT_TYPES),
  current_session_id: nullableText,
  default_token_budget: whole,
  archive_after_days: whole,
  created_at: text,
  updated_at: text,
  created_by: text,
  updated_by: text,
}));
export type Configuration = RecordOf<typeof configurationRecord>;

export const CONFIGURATION_DEFAULTS = {
  active_context_type: 'feature',
  current_session_id: null,
  default_token_budget: TOKEN_BUDGET_DEFAULT,
  archive_after_days: ARCHIVE_AFTER_DAYS_DEFAULT,
} as const;

export const getConfigurationInput = z.object({});

const settable = {
  active_context_type: z.enum(CONTEXT_TYPES),
  default_token_budget: integer(TOKEN_BUDGET_MIN, TOKEN_BUDGET_MAX),
  archive_after_days: integer(1, 36_500),
};

export const updateConfigurationInput = z.object({
  version,
  active_context_type: settable.active_context_type.optional(),
  current_session_id: idOrPrefix.nullish(),
  default_token_budget: settable.default_token_budget.optional(),
  archive_after_days: settable.archive_after_days.optional(),
  clear: clearOf('current_session_id'),
  updated_by: actorName.optional(),
  on_conflict: z.enum(['reject', 'merge']).default('reject'),
  idempotency_key: idempotencyKey.optional(),
});
export type UpdateConfigurationInput = z.output<typeof updateConfigurationInput>;

/** The fields of the configuration as they are stored. */
export const configurationFields = lazily(() => ({ ...settable, current_session_id: storedId.nullable() }));

export const configurationPatch = lazily(() => z.object(configurationFields()).partial());

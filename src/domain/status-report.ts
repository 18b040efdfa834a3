/** The status report: vendor health, active work, deployments, enhancements, and what waits, inside a budget of tokens. */
import * as z from 'zod';
import { integer } from './fields.ts';
import { READ_TOKENS_MAX, READ_TOKENS_MIN } from './limits.ts';

const STATUS_FORMATS = ['markdown', 'json'] as const;

export const statusReportInput = z.object({
  format: z.enum(STATUS_FORMATS).default('markdown'),
  max_tokens: integer(READ_TOKENS_MIN, READ_TOKENS_MAX).optional(),
});
export type StatusReportInput = z.output<typeof statusReportInput>;

/** What there is of something, and as much of it as fits, the most important first. */
export interface StatusSection<T> {
  total: number;
  items: T[];
}

/** Times are ISO 8601 UTC with milliseconds. */
export interface StatusReport {
  /** Time of the last change of the tracker. */
  changed_at: string;
  /** The broken ones first, then by name. */
  vendors: StatusSection<VendorHealth> & { operational: number };
  /** In the order of the hierarchy; `level` is the number of listed items above it. */
  work_items: StatusSection<ActiveItem>;
  /** The newest first. */
  deployments: StatusSection<RecentDeployment>;
  /** Those not completed, the most important first. */
  enhancements: StatusSection<PendingEnhancement>;
  /** Writes that wait for the primary store, in the order in which they will be applied. */
  pending: StatusSection<{ at: string; actor: string; change: string }>;
  /** Items in the archive. */
  archived_count: number;
}

export interface VendorHealth {
  name: string;
  version: number;
  status: string;
  passing: number;
  total: number;
  skipped: number;
  formats: string[];
  extractor_version: string;
}

export interface ActiveItem {
  id: string;
  version: number;
  item_type: string;
  title: string;
  level: number;
}

export interface RecentDeployment {
  id: string;
  deployed_at: string;
  pr_number: number | null;
  /** Empty where it is not known. */
  pr_title: string;
  /** Null where it is not known. */
  compliant: boolean | null;
  vendors: string[];
}

export interface PendingEnhancement {
  id: string;
  version: number;
  title: string;
  priority: number;
  status: string;
  target_quarter: string | null;
}

/** Enhancements: what may be done one day (E1). */
export const ENHANCEMENT_STATUSES = ['planned', 'approved', 'implementing', 'completed'] as const;
export type EnhancementStatus = (typeof ENHANCEMENT_STATUSES)[number];

/** An enhancement as it is stored and answered; times are ISO 8601 UTC with milliseconds. */
export interface Enhancement {
  id: string;
  version: number;
  title: string;
  description: string | null;
  priority: number;
  status: EnhancementStatus;
  /** As `2026-Q1`. */
  target_quarter: string | null;
  requires_constitutional_principles: string[];
  /** The work item it was promoted to. */
  work_item_id: string | null;
  created_at: string;
  updated_at: string;
  created_by: string;
  updated_by: string;
}

/** Notes: comments on work items, added and never altered (W12). */

/** A note as it is stored and answered. */
export interface Note {
  id: string;
  item_id: string;
  text: string;
  /** ISO 8601 UTC with milliseconds. */
  created_at: string;
  created_by: string;
}

/** A check of `worktrail doctor`. */

/** One thing that was looked at, in words for a person. */
export interface Check {
  name: string;
  ok: boolean;
  message: string;
  /** What to do about a problem. */
  next?: string;
}

/** Acceptance criteria of a foreign item as the metadata of a task holds them. */
import type { JsonObject } from '../../domain/json.ts';
import type { AcceptanceCriterion } from './backlog-markdown.ts';
import type { PlanLog } from './plan-log.ts';

/** What `checkItemMetadata` allows. */
const CRITERIA_MAX = 50;

/** `{acceptance_criteria}` with the first 50; empty without any. The full list is in the description as well. */
export function criteriaMetadata(
  criteria: AcceptanceCriterion[],
  foreignId: string,
  log: PlanLog,
): JsonObject {
  if (criteria.length === 0) return {};
  if (criteria.length > CRITERIA_MAX) {
    log.note(
      'criteria_cut',
      foreignId,
      `has ${criteria.length} acceptance criteria; the first ${CRITERIA_MAX} are in the metadata, all are in the description`,
    );
  }
  return { acceptance_criteria: criteria.slice(0, CRITERIA_MAX).map(({ text, done }) => ({ text, done })) };
}

/** A batch that says what must be there after it is applied only if it is. */
import type { Change } from '../../domain/change.ts';
import { expectedOf, reconciliationError, type Check } from '../../domain/reconciliation.ts';
import type { Connection } from '../database/connection.ts';
import { findVendorKeys, reconcile } from '../queries/reconciliation.ts';

/**
 * To be called before the batch is applied. Undefined for a batch that expects nothing.
 * @returns to be called after it: the checks, all of which match, or the error that ends the transaction
 */
export async function startReconciliation(
  c: Connection,
  batch: Change,
): Promise<(() => Promise<Check[]>) | undefined> {
  const expected = expectedOf(batch.patch);
  if (expected === undefined) return undefined;
  const keysBefore = await findVendorKeys(c);
  return async () => {
    const checks = await reconcile(c, expected, keysBefore);
    if (checks.some(({ match }) => match !== true)) throw reconciliationError(checks);
    return checks;
  };
}

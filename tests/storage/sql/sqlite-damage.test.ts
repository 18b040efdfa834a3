// SQLite ends a transaction by itself when it meets damage: what is reported is the damage, not what follows from it.
import path from 'node:path';
import { sql } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { codedError, driverCode } from '../../../src/storage/database/driver-errors.ts';
import { execute } from '../../../src/storage/replicas/replica.ts';
import { openSqlite } from '../../../src/storage/primary/sqlite.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { temporaryProject } from '../../support/temporary-project.ts';

it.each(['read', 'write'] as const)('a %s whose transaction was ended under it tells why', async (kind) => {
  const { session } = await openSqlite({ file: path.join(await temporaryProject(), 'copy.db') });
  cleanUpLater(() => session.close());
  const met = session[kind]((c) => {
    execute(c, sql`rollback`);
    throw codedError('SQLITE_CORRUPT', 'the database disk image is malformed');
  });
  const error: unknown = await met.catch((caught: unknown) => caught);
  expect(driverCode(error)).toBe('SQLITE_CORRUPT');
  await session[kind](() => Promise.resolve());
});

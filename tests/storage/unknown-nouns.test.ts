// What a newer program wrote into a database about a noun that this one does not know.
import { sql } from 'drizzle-orm';
import { expect, it } from 'vitest';
import type { Change, RecordedChange } from '../../src/domain/change.ts';
import { validationError } from '../../src/domain/errors.ts';
import { parseQuery } from '../../src/domain/search.ts';
import { neverUndone } from '../../src/domain/undo.ts';
import { insertConflict } from '../../src/storage/apply/conflicts.ts';
import { runPlainly } from '../../src/storage/database/plain-statement.ts';
import { readerOf } from '../../src/storage/queries/reader.ts';
import { edit, resolving } from './changes.ts';
import { apply, fillSession, memorySession } from './tiers/filled-session.ts';

const ID = 'f0000001-0000-4000-8000-000000000000';
const CONFLICT = 'f0000002-0000-4000-8000-000000000000';

const ofDocument = (one: Change) => ({ ...one, entity: 'document' }) as unknown as Change;

async function sessionWithConflict() {
  const session = memorySession();
  await fillSession(session);
  const written = ofDocument(edit({ entity_id: ID, base_version: 1, patch: { title: 'New' } }));
  const write = { id: CONFLICT, device: ID, changes: [written] };
  const error = validationError({ field: 'title', constraint: 'is taken', value: 'New' });
  await session.write((c) => insertConflict(c, write, error, '2026-02-01T00:00:00.000Z'));
  return session;
}

it('is not made again where nobody knows how, and can be left as it is', async () => {
  const session = await sessionWithConflict();
  await expect(apply(session, [resolving(CONFLICT, 'reapply')])).rejects.toThrow(
    /is not known to this version/,
  );
  const open = await session.read((c) => readerOf(c).findConflict(CONFLICT));
  expect(open).toMatchObject({ resolution: null });
  await apply(session, [resolving(CONFLICT, 'keep_theirs')]);
  const settled = await session.read((c) => readerOf(c).findConflict(CONFLICT));
  expect(settled).toMatchObject({ resolution: 'keep_theirs' });
});

it('is no record here, is found by search, and is not said to be beyond taking back', async () => {
  const session = await sessionWithConflict();
  const entity = 'document' as RecordedChange['entity'];
  expect(await session.read((c) => readerOf(c).findRecord(entity, ID))).toBeUndefined();
  await session.write((c) =>
    runPlainly(
      c,
      sql`insert into search_documents (entity, entity_id, created_ms, facets, title, body)
        values ('document', ${ID}, 1, 'live document', 'Zirconium', '')`,
    ),
  );
  const filter = { query: parseQuery('zirconium'), entities: [], archived: false, limit: 5 };
  const found = await session.read((c) => readerOf(c).search(filter));
  expect(found.items).toMatchObject([{ entity: 'document', title: 'Zirconium', status: null }]);
  expect(neverUndone({ entity, kind: 'update', fields: [] } as unknown as RecordedChange)).toBeUndefined();
});

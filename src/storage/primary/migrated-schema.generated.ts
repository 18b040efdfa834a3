// Written by scripts/write-migrated-schema.ts.
/** The newest SQLite migration, and a hash of all that is there when it was applied. */
export const MIGRATED_SCHEMA = {
  applied: 1795914000001,
  sha256: 'aaa973b64d6b6f31b3a1ca1555131e19f4f7a84bf17b5dc615814fd2ad521c90',
};

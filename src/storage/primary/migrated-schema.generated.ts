// Written by scripts/write-migrated-schema.ts.
/** The newest SQLite migration, and a hash of all that is there when it was applied. */
export const MIGRATED_SCHEMA = {
  applied: 1796094518400,
  sha256: 'af88b8a4c83ea4585ce0dea0b25ef98355c18afbce2ebe2e55684128da167761',
};

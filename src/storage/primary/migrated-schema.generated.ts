// Written by scripts/write-migrated-schema.ts.
/** The newest SQLite migration, and a hash of all that is there when it was applied. */
export const MIGRATED_SCHEMA = {
  applied: 1796097494686,
  sha256: 'eb3964257178a5987c554c8f71f4197dc1b9033ba3c39bd9369e8d881d19b6d6',
};

// Written by scripts/write-migrated-schema.ts.
/** The newest SQLite migration, and a hash of all that is there when it was applied. */
export const MIGRATED_SCHEMA = {
  applied: 1796096107103,
  sha256: '25277f768e84c9fdaa2150a948ad7838f385910c5867b75c1bc3849f30bc61ee',
};

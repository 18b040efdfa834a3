// Written by scripts/write-migrated-schema.ts.
/** The newest SQLite migration, and a hash of all that is there when it was applied. */
export const MIGRATED_SCHEMA = {
  applied: 1796092472110,
  sha256: '73857a0f080a24aa28839b14d432145a7cec78698f2be4a3d83387b51f707ccb',
};

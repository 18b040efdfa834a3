// Written by scripts/write-migrated-schema.ts.
/** The newest SQLite migration, and a hash of all that is there when it was applied. */
export const MIGRATED_SCHEMA = {
  applied: 1795258546430,
  sha256: 'f89bd946829f08374db412d473adc58190b3a0aee00f43fb96f989ea6b2c2c64',
};

/**
 * Settings of `database` in `worktrail.config.json` for tests in which no database goes away: on a busy machine, one that
 * answers late is not to count as away, or writes wait in the journal and reads are a copy's.
 */
export const PATIENT_DATABASE = { connect_timeout_ms: 30_000, query_timeout_ms: 60_000 } as const;

/** For how long, and up to how many bytes, a folder keeps its own writes that the database has acknowledged. */
export interface OwnWritesKept {
  days: number;
  bytes: number;
}

const MEGABYTE = 1024 * 1024;

/** What is given in megabytes, and by default. */
export function ownWritesKept(days = 30, megabytes = 64): OwnWritesKept {
  return { days, bytes: megabytes * MEGABYTE };
}

export const OWN_WRITES_KEPT_DEFAULT = ownWritesKept();

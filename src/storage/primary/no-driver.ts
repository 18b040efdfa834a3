/** Stands in the bundle where a package imports better-sqlite3 by itself; `sqlite-driver.ts` loads the real one. */
export default function noDriver(): never {
  throw new Error('SQLite is opened by sqlite-driver.ts only');
}

/** The tables that only a copy of a tracker has beside those of the migrations; `replicas/cache-position.ts` uses them. */
export const COPY_TABLES: Readonly<Record<string, string>> = {
  copy_left_out: 'create table copy_left_out (change_id text primary key) without rowid',
  copy_state:
    'create table copy_state (id integer primary key, cursor integer, items integer, checked_at text, top text)',
};

/** A copy of an embedded database, taken while it is in use. */
import Database from 'better-sqlite3';

/**
 * Copies the database of one moment to a new file, and opens it to see that it is whole.
 * @throws when either file cannot be used, or the copy is damaged
 */
export async function copySqliteFile(file: string, target: string): Promise<void> {
  const source = new Database(file, { readonly: true, fileMustExist: true });
  try {
    await source.backup(target);
  } finally {
    source.close();
  }
  const copy = new Database(target, { fileMustExist: true });
  try {
    // One file that says everything, without a log beside it.
    copy.pragma('journal_mode = delete');
    const found = copy.pragma('quick_check', { simple: true });
    if (found !== 'ok') throw new Error(`the copy is damaged: ${String(found)}`);
  } finally {
    copy.close();
  }
}

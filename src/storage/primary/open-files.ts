/**
 * The files of an open SQLite database (itself, its log `-wal`, the index of the log `-shm`), and whether they are still
 * the ones in their places. A connection stays with the files it opened: what it commits to a log that was deleted is
 * in no file that counts. While it is open nobody but a person, or a program that knows nothing of SQLite, removes them.
 */
import { statSync } from 'node:fs';

/** `replaced`: the database itself, or it is gone; `shrank`: it was cut or written over; `log`: a file beside it. */
export type FileLoss = 'replaced' | 'shrank' | 'log';

export class OpenFiles {
  readonly #inode: number | undefined;
  #bytes: number;
  #wal: number | undefined;
  #shm: number | undefined;

  /** For connections, to be made when they have read: then all of the files are there. */
  constructor(readonly file: string) {
    const main = look(file);
    this.#inode = main?.ino;
    this.#bytes = main?.size ?? 0;
    this.#wal = look(this.log)?.ino;
    this.#shm = look(this.index)?.ino;
  }

  get log(): string {
    return `${this.file}-wal`;
  }

  get index(): string {
    return `${this.file}-shm`;
  }

  /** Whether there is no database yet. */
  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  get hasLog(): boolean {
    return this.#wal !== undefined;
  }

  /** Whether the log and its index are there, as they are while any program has the database open. */
  get isComplete(): boolean {
    return this.#wal !== undefined && this.#shm !== undefined;
  }

  /** What is not as it was; undefined while all is well. Costs three calls of the kernel, a few microseconds. */
  loss(): FileLoss | undefined {
    const main = look(this.file);
    if (main?.ino !== this.#inode) return 'replaced';
    // Nothing here gives pages back: the file only grows.
    if (main !== undefined && main.size < this.#bytes) return 'shrank';
    this.#bytes = main?.size ?? 0;
    // A database that another process turns to a log gets its files later.
    this.#wal ??= look(this.log)?.ino;
    this.#shm ??= look(this.index)?.ino;
    return this.#isInPlace(this.log, this.#wal) && this.#isInPlace(this.index, this.#shm) ? undefined : 'log';
  }

  /**
   * Whether nobody can have opened the database without the log that is open here, or written since: then what is in
   * the log still belongs on top of the file.
   */
  get isUntouched(): boolean {
    if (look(this.file)?.ino !== this.#inode) return false;
    const wal = look(this.log);
    const isSameLog = wal === undefined || wal.ino === this.#wal;
    // Who opens a database makes both files, and shares the index that is there.
    if (this.#isInPlace(this.index, this.#shm)) return isSameLog || wal.size === 0;
    return look(this.index) === undefined && isSameLog;
  }

  /** The files beside the database that are still those of its connections. */
  get ownBeside(): string[] {
    return [
      ...(this.#wal !== undefined && this.#isInPlace(this.log, this.#wal) ? [this.log] : []),
      ...(this.#shm !== undefined && this.#isInPlace(this.index, this.#shm) ? [this.index] : []),
    ];
  }

  #isInPlace(file: string, inode: number | undefined): boolean {
    return inode === undefined || look(file)?.ino === inode;
  }
}

function look(file: string): { ino: number; size: number } | undefined {
  return statSync(file, { throwIfNoEntry: false });
}

/** Which file a path leads to at the moment; undefined where it leads to none. */
export function inodeOf(file: string): number | undefined {
  return look(file)?.ino;
}

/**
 * What hooks told a session, in the user's own folder: two hooks of one event, as from a plugin and from the project's own
 * settings, run at the same time, and only one of them tells it.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openUserFolder } from '../../platform/user-folder.ts';

const KEPT_MS = 30 * 24 * 60 * 60_000;

export class Told {
  readonly #folder = path.join(openUserFolder(), 'hooks');
  readonly #key: string;

  constructor(project: string, session: string) {
    this.#key = createHash('sha256').update(`${project}\n${session}`).digest('hex').slice(0, 32);
  }

  /**
   * Whether this is the first that asks for it: then it tells. Safe among processes.
   * @param what names it, in letters, digits and hyphens
   * @param againAfterMs it may be told again after so many milliseconds; never by default
   */
  isFirst(what: string, againAfterMs = Number.POSITIVE_INFINITY): boolean {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const file = this.#file(what);
    const age = Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Number.NaN);
    if (age > againAfterMs) rmSync(file, { force: true });
    try {
      writeFileSync(file, '', { flag: 'wx', mode: 0o600 });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  }

  was(what: string): boolean {
    return statSync(this.#file(what), { throwIfNoEntry: false }) !== undefined;
  }

  /** Forgets sessions that nobody can be in any more. */
  forgetOld(): void {
    for (const name of readdirSync(this.#folder)) {
      const file = path.join(this.#folder, name);
      const status = statSync(file, { throwIfNoEntry: false });
      if (status !== undefined && Date.now() - status.mtimeMs > KEPT_MS) rmSync(file, { force: true });
    }
  }

  #file(what: string): string {
    return path.join(this.#folder, `${this.#key}-${what}`);
  }
}

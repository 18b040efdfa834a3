/**
 * What hooks told a session, in the user's own folder: two hooks of one event, as from a plugin and from the project's own
 * settings, run at the same time, and only one of them tells it.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
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
   * Tells it, if this is the first that asks for it. Safe among processes.
   * @param what names it, in letters, digits and hyphens
   * @param againAfterMs it may be told again after so many milliseconds; never by default
   * @param tell where it fails, or the process ends before, nothing was told: the next one tells
   */
  async once<Text>(
    what: string,
    tell: () => Promise<Text>,
    againAfterMs = Number.POSITIVE_INFINITY,
  ): Promise<Text | undefined> {
    const mark = this.#take(what, againAfterMs);
    if (mark === undefined) return undefined;
    const takeBack = () => {
      rmSync(mark, { force: true });
    };
    process.once('exit', takeBack);
    try {
      return await tell();
    } catch (error) {
      takeBack();
      throw error;
    } finally {
      process.off('exit', takeBack);
    }
  }

  was(what: string): boolean {
    return this.#marks(what).length > 0;
  }

  /** Every time has a mark of its own, with its number: of those that try the next one at once, one makes it. */
  #take(what: string, againAfterMs: number): string | undefined {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const last = Math.max(0, ...this.#marks(what));
    const told = statSync(this.#file(what, last), { throwIfNoEntry: false });
    if (told !== undefined && Date.now() - told.mtimeMs <= againAfterMs) return undefined;
    const mark = this.#file(what, last + 1);
    try {
      writeFileSync(mark, '', { flag: 'wx', mode: 0o600 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
      throw error;
    }
    return mark;
  }

  /** The numbers of the times that it was told. */
  #marks(what: string): number[] {
    const prefix = path.basename(this.#file(what, ''));
    return (existsSync(this.#folder) ? readdirSync(this.#folder) : [])
      .filter((name) => name.startsWith(prefix))
      .map((name) => Number(name.slice(prefix.length)));
  }

  /** Forgets sessions that nobody can be in any more. */
  forgetOld(): void {
    for (const name of existsSync(this.#folder) ? readdirSync(this.#folder) : []) {
      const file = path.join(this.#folder, name);
      const status = statSync(file, { throwIfNoEntry: false });
      if (status !== undefined && Date.now() - status.mtimeMs > KEPT_MS) rmSync(file, { force: true });
    }
  }

  #file(what: string, time: number | ''): string {
    return path.join(this.#folder, `${this.#key}-${what}-${time}`);
  }
}

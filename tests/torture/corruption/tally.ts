// Counts the cases that were played, and reports them if each ended as it should.
import { counted, report } from '../scale.ts';

type Of = 'files' | 'the database' | 'one table' | 'one repository';

export class Tally {
  readonly #survived = new Map<Of, number>();
  #begun = 0;
  #unnoticed = 0;
  #gone = 0;

  async count<T>(of: Of, play: () => Promise<T>): Promise<T> {
    this.#begun += 1;
    const result = await play();
    this.#survived.set(of, (this.#survived.get(of) ?? 0) + 1);
    return result;
  }

  /** Waiting writes that went with the file that was their only copy. */
  countGone(writes: number): void {
    this.#gone += writes;
  }

  /** A case that is known to fail; throws what it throws. */
  async countUnnoticed(play: () => Promise<void>): Promise<void> {
    this.#begun += 1;
    try {
      await play();
    } catch (error) {
      this.#unnoticed += 1;
      throw error;
    }
  }

  /** Says nothing if a case did not end as it should, or none was played. */
  report(): void {
    const survived = [...this.#survived.values()].reduce((sum, count) => sum + count, 0);
    if (survived === 0 || survived + this.#unnoticed !== this.#begun) return;
    const cases = [...this.#survived].map(([of, count]) => `${counted(count)} of ${of}`);
    if (this.#unnoticed > 0) cases.push(`${this.#unnoticed} more not noticed yet`);
    cases.push(`${this.#gone} waiting writes gone with the file that was their only copy`);
    report(
      'corruption',
      `${counted(survived)} cases: ${cases.join(', ')}; the outbox never lost, the primary never emptied`,
    );
  }
}

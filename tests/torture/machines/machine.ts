// A folder of the project with a network of its own, which fails and comes back, and whoever works there.
import type { TierState } from '../../../src/storage/contract/state.ts';
import type { TieredStore } from '../../../src/storage/tiers/tiered-store.ts';
import type { Random } from '../model/random.ts';
import { until } from '../scene.ts';
import type { Person } from './person.ts';
import type { Place, Project } from './project.ts';

export class Machine {
  constructor(
    readonly person: Person,
    readonly place: Place,
    private readonly project: Project,
    private readonly random: Random,
  ) {}

  get name(): string {
    return this.person.name;
  }

  get store(): TieredStore {
    return this.place.store;
  }

  async goOffline(): Promise<void> {
    await this.person.look();
    await this.place.cut();
    // The first call finds out.
    await this.#until('is offline', async () => {
      await this.person.tracker.seq();
      return this.store.state === 'offline';
    });
  }

  async comeBack(): Promise<void> {
    await this.place.mend();
    await this.#until('is online', () => this.store.state === 'online');
  }

  /** Is cut off again while it replays what waits. @returns whether that took long enough */
  async comeBackTwice(): Promise<boolean> {
    const states: TierState[] = [];
    this.store.onState((state) => {
      if (state === 'replaying' && states.length === 0) void this.place.cutSoon(this.random);
      states.push(state);
    });
    await this.place.mend();
    await this.#until('was cut off', () => ['offline', 'online'].includes(states.at(-1) ?? ''));
    await this.comeBack();
    return states.includes('offline');
  }

  async #until(what: string, check: () => Promise<boolean> | boolean): Promise<void> {
    await until(`${this.name} ${what}`, check, this.project.pause);
  }
}

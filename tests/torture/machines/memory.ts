// What the user of a machine knows of the records: only what he was answered.
import type { JsonObject } from '../../../src/domain/json.ts';

export interface Known extends JsonObject {
  id: string;
  version: number;
}

interface Answered {
  id: string;
  version: number;
}

export class Memory {
  /** Records as they were answered last. */
  readonly #items = new Map<string, Known>();
  readonly #vendors = new Map<string, Known & { name: string }>();
  #configuration: Known | undefined;
  /** All of them in every version that was answered, by id and version. */
  readonly #versions = new Map<string, Known>();

  get items(): Known[] {
    return [...this.#items.values()];
  }

  get vendors(): (Known & { name: string })[] {
    return [...this.#vendors.values()];
  }

  get configuration(): Known | undefined {
    return this.#configuration;
  }

  version(id: string, version: number | null): Known | undefined {
    return this.#versions.get(`${id} ${version}`);
  }

  /** The version that was seen before the newest one; the record itself where it is the only one. */
  earlier(record: Known): Known {
    const versions = [...this.#versions.values()].filter(({ id }) => id === record.id);
    return versions.at(-2) ?? record;
  }

  sawItem(item: Answered): void {
    this.#items.set(item.id, this.#saw(item));
  }

  sawVendor(vendor: Answered & { name: string }): void {
    this.#vendors.set(vendor.id, this.#saw(vendor));
  }

  sawConfiguration(configuration: Answered): void {
    this.#configuration = this.#saw(configuration);
  }

  #saw<T extends Answered>(record: T): Known & T {
    // Interfaces have no index signature; every record is JSON.
    const known = record as Known & T;
    this.#versions.set(`${known.id} ${known.version}`, known);
    return known;
  }
}

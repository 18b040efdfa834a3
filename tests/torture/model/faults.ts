// What goes wrong between a process and the layers it uses. Every call of an adapter passes here.
import { codedError } from '../../../src/storage/database/driver-errors.ts';
import type { ModelProcess } from './machine.ts';

/**
 * - `before`: it fails and did nothing
 * - `after`: it was done, and the answer is lost
 * - `hang`, `hang after`: the same, and the caller learns of it by the layer's timeout
 * - `late`: the caller's time is up, and it is done seconds later, while others wait for its locks
 * - `contention`: others are in the way
 * - `partial`: one table fails
 * - `commit`: everything was done, and the commit fails and undoes it
 */
export const FAULT_KINDS = [
  'before',
  'after',
  'hang',
  'hang after',
  'late',
  'contention',
  'partial',
  'commit',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export const SITES = [
  'connect',
  'primary.read',
  'primary.write',
  'primary.replay',
  'primary.probe',
  'primary.inSnapshot',
  'outbox.append',
  'outbox.list',
  'outbox.remove',
  'outbox.fingerprint',
  'git.append',
  'git.list',
  'git.remove',
  'git.fingerprint',
  'markdown.append',
  'markdown.list',
  'markdown.remove',
  'markdown.fingerprint',
  'cache.read',
  'cache.write',
  'git_history.load',
  'markdown_file.load',
] as const;
export type Site = (typeof SITES)[number];

/** Of a fault of this kind the caller cannot know whether the call was done. */
export const mayBeDone = (kind: FaultKind): boolean => /after|late/.test(kind);

interface Armed {
  site: Site;
  kind: FaultKind;
  left: number;
  machine: number | undefined;
}

/** The faults of one schedule. */
export class Faults {
  /** Calls of adapters so far. */
  calls = 0;
  /** From which call on a fault comes, once or for ever: for going through all calls of a scenario. */
  nth: { call: number; forever: boolean; kind: FaultKind } | undefined;
  #armed: Armed[] = [];
  readonly injected = new Map<string, number>();

  /** The next `times` calls there fail. */
  arm(fault: { site: Site; kind: FaultKind; times: number; machine?: number | undefined }): void {
    this.#armed.push({ ...fault, left: fault.times, machine: fault.machine });
  }

  clear(): void {
    this.#armed = [];
    this.nth = undefined;
  }

  take(site: Site, { machine }: ModelProcess): FaultKind | undefined {
    this.calls += 1;
    const { nth } = this;
    if (nth !== undefined && (nth.forever ? this.calls >= nth.call : this.calls === nth.call)) {
      return this.count(site, nth.kind);
    }
    if (this.#armed.length === 0) return undefined;
    const armed = this.#armed.find(
      (one) => one.site === site && (one.machine === undefined || one.machine === machine.index),
    );
    if (armed === undefined) return undefined;
    armed.left -= 1;
    if (armed.left <= 0) this.#armed.splice(this.#armed.indexOf(armed), 1);
    return this.count(site, armed.kind);
  }

  count<Kind extends string>(site: string, kind: Kind): Kind {
    const name = `${site} ${kind}`;
    this.injected.set(name, (this.injected.get(name) ?? 0) + 1);
    return kind;
  }
}

/** How one kind of adapter fails. */
export interface Failing {
  timeoutMs: number;
  refused: () => Error;
  timedOut: () => Error;
  contended?: () => Error;
  partial?: () => Error;
  /** The answer to something that was done is lost. */
  unknown?: (cause: Error) => Error;
}

export interface Call<T> {
  site: Site;
  effect: () => Promise<T>;
  failing: Failing;
  /** Done to something that outlives the process: it may happen although its caller has just died. */
  outlives?: boolean;
  /** The same without a trace, to learn whether it would get as far as its commit. */
  undone?: () => Promise<unknown>;
  /** Does it at a later moment, whatever happens to the caller. */
  later?: () => void;
  /** Why the layer as a whole fails at this moment. */
  down?: () => 'refused' | 'timedOut' | 'contended' | 'cut' | undefined;
}

const never = () => new Promise<never>(() => undefined);

/** A call of an adapter by a process: with what may go wrong, and without an answer when the process dies meanwhile. */
export async function call<T>(at: ModelProcess, given: Call<T>): Promise<T> {
  const { world } = at;
  if (!at.isAlive) return never();
  const { site, failing, effect } = given;
  const fault = world.faults.take(site, at);
  if (fault !== undefined) at.machine.troubledAt = world.time.now;
  const pause = world.pauseOf(site);
  if (pause > 0) {
    await world.time.sleep(pause);
    if (!at.isAlive) {
      const arrives = given.outlives === true && given.down?.() === undefined && world.random.chance(0.5);
      if (arrives) await effect().catch(() => undefined);
      return never();
    }
  }
  const down = given.down?.();
  if (down === 'refused' || down === 'cut') {
    throw down === 'cut' ? codedError('ECONNRESET', 'cut') : failing.refused();
  }
  if (down === 'contended' && failing.contended !== undefined) throw failing.contended();
  if (down === 'timedOut') return await hang(failing.timedOut());
  if (fault !== undefined && mayBeDone(fault)) at.uncertain += 1;
  switch (fault) {
    case undefined:
      break;
    case 'before':
      throw failing.refused();
    case 'hang':
      return await hang(failing.timedOut());
    case 'contention':
      throw (failing.contended ?? failing.refused)();
    case 'partial':
      throw (failing.partial ?? failing.refused)();
    case 'commit':
      await (given.undone ?? (() => Promise.resolve()))();
      throw failing.refused();
    case 'after':
    case 'hang after': {
      await effect();
      const cause = fault === 'after' ? failing.refused() : failing.timedOut();
      const error = failing.unknown?.(cause) ?? cause;
      if (fault === 'after') throw error;
      return await hang(error);
    }
    case 'late': {
      if (given.later === undefined) throw failing.refused();
      await given.undone?.();
      given.later();
      const cause = failing.timedOut();
      return await hang(failing.unknown?.(cause) ?? cause);
    }
  }
  const result = await effect();
  if (pause > 0) {
    await world.time.sleep(pause / 2);
    if (!at.isAlive) return never();
    if (given.down?.() === 'cut') {
      at.uncertain += 1;
      const cause = codedError('ECONNRESET', 'cut');
      throw failing.unknown?.(cause) ?? cause;
    }
  }
  return result;

  async function hang(error: Error): Promise<never> {
    await world.time.sleep(failing.timeoutMs);
    if (!at.isAlive) return never();
    throw error;
  }
}

// One schedule's world: a primary, machines with processes, clients, time, and what went wrong.
import { giveBack } from './database.ts';
import { Client } from './client.ts';
import { giveSeenBack } from './disk.ts';
import { Faults, type Site } from './faults.ts';
import { Ledger } from './ledger.ts';
import { Machine, type ModelProcess, type Seams } from './machine.ts';
import { Random } from './random.ts';
import { Server } from './server.ts';
import { SimulatedTime } from './time.ts';

export interface WorldOptions {
  seed: string;
  /** Processes on each machine. */
  processes: readonly number[];
  /** Whether calls take time, so that others come in between. */
  isSlow?: boolean;
  /** Milliseconds by which each machine's clock is wrong. */
  skews?: readonly number[];
  seams?: Seams;
}

/** A place for one process after the other; its client stays. */
export interface Slot {
  machine: Machine;
  process: ModelProcess | undefined;
}

export class Violation extends Error {
  override readonly name = 'Violation';
}

export class World {
  readonly time = new SimulatedTime();
  readonly random: Random;
  readonly faults = new Faults();
  readonly ledger = new Ledger();
  readonly seams: Seams;
  readonly violations: string[] = [];
  readonly machines: Machine[];
  readonly slots: Slot[];
  readonly clients: Client[];
  readonly server: Server;
  kills = 0;
  #changes = 0;

  constructor(private readonly options: WorldOptions) {
    this.random = new Random(options.seed);
    this.seams = options.seams ?? {};
    this.server = new Server(this);
    this.machines = options.processes.map(
      (_, index) => new Machine(this, index, options.skews?.[index] ?? 0),
    );
    this.slots = this.machines.flatMap((machine, index) =>
      Array.from({ length: options.processes[index] ?? 1 }, () => ({ machine, process: undefined })),
    );
    this.clients = this.slots.map((slot, index) => new Client(this, slot, `client-${index + 1}`));
  }

  violated(what: string): void {
    this.violations.push(what);
  }

  /** How long a call takes, there and back. */
  pauseOf(site: Site): number {
    if (this.options.isSlow !== true) return 0;
    const { random } = this;
    if (site.startsWith('primary') || site === 'connect') return random.chance(0.3) ? 1 + random.int(60) : 0;
    if (site.startsWith('cache')) return random.chance(0.04) ? 1 + random.int(10) : 0;
    return random.chance(0.1) ? 1 + random.int(15) : 0;
  }

  newChangeId(now: number): string {
    return this.random.changeId(now, this.#changes++);
  }

  /** Starts the process of a slot, unless it runs. */
  async start(slot: Slot): Promise<void> {
    if (slot.process?.isAlive === true) return;
    slot.process = undefined;
    const { machine } = slot;
    let started: ModelProcess | undefined;
    await this.finish(
      machine.start().then((process) => (started = process)),
      20_000,
    );
    // A start that does not come to an end is given up; its process must not go on unnoticed.
    if (started === undefined) for (const one of machine.alive) if (!this.#isInUse(one)) one.kill();
    slot.process = started;
  }

  kill(slot: Slot): void {
    const { process } = slot;
    slot.process = undefined;
    if (process?.isAlive !== true) return;
    process.kill();
    this.kills += 1;
  }

  async stop(slot: Slot): Promise<void> {
    const { process } = slot;
    slot.process = undefined;
    if (process?.isAlive !== true) return;
    await this.finish(process.store.close(), 5_000);
    process.kill();
  }

  /** Lets time pass until it is done, at most `ms`. @returns whether it is */
  async finish(work: Promise<unknown>, ms: number): Promise<boolean> {
    let isDone = false;
    const end = () => void (isDone = true);
    work.then(end, end);
    return await this.time.advanceUntil(() => isDone, ms);
  }

  /** Everything is whole again from here on. */
  endFaults(): void {
    this.faults.clear();
    this.server.reinstate();
    this.server.mode = 'up';
    this.server.refuseTable(undefined);
    for (const { media, cache } of this.machines) {
      for (const medium of Object.values(media)) medium.outage = undefined;
      cache.outage = undefined;
    }
  }

  close(): void {
    for (const { process } of this.slots) process?.kill();
    for (const machine of this.machines) {
      for (const process of machine.alive) process.kill();
      giveBack('copy', machine.cache.database);
      giveSeenBack(machine.seen);
    }
    this.time.clear();
    this.server.close();
  }

  #isInUse(process: ModelProcess): boolean {
    return this.slots.some((slot) => slot.process === process);
  }
}

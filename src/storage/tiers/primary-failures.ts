/** What a failure of the primary means for the folder that met it, and who is told: the breaker, and who starts next. */
import { isError } from '../../domain/errors.ts';
import type { TrackerError } from '../../domain/errors.ts';
import {
  driverCode,
  layerFailure,
  remedyOf,
  type LayerFailure,
  reasonOf,
} from '../database/driver-errors.ts';
import { IdentityMismatch } from '../database/feed-guard.ts';
import type { Breaker } from './breaker.ts';
import { primarySource } from './layers-report.ts';
import * as messages from './messages.ts';
import type { TieredParts } from './parts.ts';

export class PrimaryFailures {
  /** What to change, of the last mistake in the settings. */
  #remedy: string | undefined;
  #isClosing = false;

  constructor(
    private readonly parts: TieredParts,
    private readonly breaker: Breaker,
  ) {}

  /**
   * Undefined where the primary is refused, and for a bug. A host that this folder has worked with and that cannot be
   * resolved is in a network that is away (a VPN).
   */
  meaningOf(error: unknown): LayerFailure | undefined {
    const failure = layerFailure(error);
    const { memory, address } = this.parts;
    const isUnresolved = failure === 'mistake' && driverCode(error) === 'ENOTFOUND';
    return isUnresolved && memory.hasReached(address?.host ?? '') ? 'unavailable' : failure;
  }

  /** The store closes under the calls that are not over: from now on their failures say nothing of the primary. */
  close(): void {
    this.#isClosing = true;
  }

  /** A call failed. @param triedAt when it began */
  failed(error: unknown, triedAt: number): void {
    if (this.#isClosing) return;
    const reason = reasonOf(error);
    const failure = this.meaningOf(error);
    if (error instanceof IdentityMismatch || failure === undefined) this.breaker.move('mismatch', reason);
    else if (failure === 'mistake') this.breaker.move('mistaken', reason);
    else this.breaker.failed(reason, { timedOut: messages.isTimeout(error) });
    this.note(error, triedAt);
  }

  /** The same for a probe. */
  probeFailed(error: unknown, triedAt: number): void {
    const failure = this.meaningOf(error);
    const isMistake = failure === 'mistake' || failure === 'denied';
    // What a probe asks for is what every tracker has: without it this is not the project's database.
    const isForeign = isMismatch(error) || failure === 'partial';
    const event = isMistake ? 'mistaken' : isForeign ? 'mismatch' : 'primaryFailed';
    this.breaker.probeFailed(reasonOf(error), event);
    this.note(error, triedAt);
  }

  /** Whether a call failed because the primary as a whole cannot be used; then that is noted. @param triedAt when it began */
  isLost(error: unknown, triedAt: number): boolean {
    const isLost = error instanceof IdentityMismatch || this.meaningOf(error) === 'unavailable';
    if (isLost) this.failed(error, triedAt);
    return isLost;
  }

  /** For others that start, and for what is said of a mistake. */
  note(error: unknown, triedAt: number): void {
    const failure = this.meaningOf(error);
    if (failure === 'mistake' || failure === 'denied') this.#remedy = remedyOf(error);
    const { state, reason } = this.breaker;
    if (state !== 'offline') return;
    const { memory, address } = this.parts;
    memory.noteOutage({ reason: reason ?? '', at: triedAt, address: address?.address ?? '' });
  }

  /** The primary can be used. */
  reached(): void {
    const { memory, address } = this.parts;
    memory.noteOutage(null);
    if (address !== undefined) memory.noteReached(address.host);
  }

  /** The primary took a write. */
  wrote(): void {
    const { memory, address } = this.parts;
    if (address !== undefined) memory.noteWritten(address.address);
  }

  /**
   * Whether a write is kept that the user may not make there: a right that somebody who writes has lost is given back.
   * Who could never write is told so instead.
   */
  get mayWrite(): boolean {
    const { memory, address } = this.parts;
    return address !== undefined && memory.hasWritten(address.address);
  }

  /** What a write is answered while a mistake is known. */
  refusal(): TrackerError {
    return messages.misconfigured(primarySource(this.parts), this.breaker.reason, this.#remedy);
  }
}

/** A store that answers but is not to be used: another project's, an older one, one that was refused when opened. */
export function isMismatch(error: unknown): boolean {
  if (error instanceof IdentityMismatch) return true;
  return isError(error, 'DatabaseError') && layerFailure(error) === undefined;
}

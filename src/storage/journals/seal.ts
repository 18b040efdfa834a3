/**
 * The seal by which this user on this machine knows again what his own programs wrote: an HMAC with a key that lies in
 * the user's own folder, where no repository can bring one along. What lies in a project's folder or repository without
 * it may be anybody's.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { lstatSync } from 'node:fs';
import path from 'node:path';
import { UnsuitableFile } from '../../platform/plain-file.ts';
import { makeSecret, readSecret, type Secret } from '../../platform/secret-file.ts';
import { openUserFolder, userFolder } from '../../platform/user-folder.ts';

/** What a seal is for: one of one kind is none of another. */
export type SealPurpose =
  | 'worktrail journal entry v2'
  | 'worktrail outbox v1'
  | 'worktrail snapshot v1'
  | 'worktrail seen v1'
  | 'worktrail http session v1';

export interface Seal {
  /** 64 hex digits. Never throws: see `problem`. */
  of(purpose: SealPurpose, data: string | Buffer): string;
  /** Whether this user on this machine made the seal. Makes nothing. */
  isOwn(purpose: SealPurpose, data: string | Buffer, seal: string): boolean;
  /**
   * Why seals are made with a key that ends with this process, so that no other believes them; undefined when there
   * is no such reason. Makes nothing.
   */
  problem(): string | undefined;
  /** When the key was made, in milliseconds since 1970; undefined without one. */
  keyMadeAt(): number | undefined;
}

const KEY_FILE = 'journal.key';
const KEY_BYTES = 32;
const MISSING = 'missing';
const UNREACHABLE = 'unreachable';

const seals = new Map<string, Seal>();

/** That of this user on this machine. */
export function ownSeal(): Seal {
  const folder = userFolder();
  let seal = seals.get(folder);
  if (seal === undefined) seals.set(folder, (seal = new KeySeal(path.join(folder, KEY_FILE))));
  return seal;
}

class KeySeal implements Seal {
  /** The key in the file, as it was when that was `#identity`. */
  #current: Secret | undefined;
  #identity = MISSING;
  #problem: string | undefined;
  /** Of this process alone: where no key can be had, it must still know its own writes again. */
  #ownOnly: Buffer | undefined;
  /** A key that was exchanged while this process runs: what it sealed before stays its own. */
  readonly #before: Buffer[] = [];

  constructor(private readonly file: string) {}

  of(purpose: SealPurpose, data: string | Buffer): string {
    this.#look();
    if (this.#identity === MISSING) this.#make();
    const key = this.#current?.bytes ?? (this.#ownOnly ??= randomBytes(KEY_BYTES));
    return hmac(key, purpose, data).toString('hex');
  }

  isOwn(purpose: SealPurpose, data: string | Buffer, seal: string): boolean {
    this.#look();
    const given = Buffer.from(seal, 'hex');
    const keys = [this.#current?.bytes, this.#ownOnly, ...this.#before];
    return keys.some((key) => {
      const own = key && hmac(key, purpose, data);
      return own?.length === given.length && timingSafeEqual(own, given);
    });
  }

  problem(): string | undefined {
    this.#look();
    return this.#problem;
  }

  keyMadeAt(): number | undefined {
    this.#look();
    return this.#current?.madeAt;
  }

  #make(): void {
    try {
      openUserFolder();
      makeSecret(this.file, KEY_BYTES);
      this.#look();
    } catch (error) {
      this.#problem = describe(this.file, error);
    }
  }

  /** Reads the file where it is another than the last time. */
  #look(): void {
    const identity = identityOf(this.file);
    if (identity === this.#identity) return;
    if (this.#current !== undefined) this.#before.push(this.#current.bytes);
    this.#identity = identity;
    this.#current = this.#problem = undefined;
    try {
      this.#current = readSecret(this.file, KEY_BYTES);
    } catch (error) {
      this.#problem = describe(this.file, error);
    }
  }
}

function identityOf(file: string): string {
  try {
    const status = lstatSync(file, { throwIfNoEntry: false, bigint: true });
    return status === undefined ? MISSING : `${status.ino}:${status.ctimeNs}:${status.size}`;
  } catch (error) {
    // Reading or making it says why it cannot be reached.
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR' ? MISSING : UNREACHABLE;
  }
}

function describe(file: string, error: unknown): string {
  if (error instanceof UnsuitableFile) return error.message;
  return `${file} cannot be made or read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`;
}

function hmac(key: Buffer, purpose: SealPurpose, data: string | Buffer): Buffer {
  return createHmac('sha256', keyOf(key, purpose)).update(data).digest();
}

const keys = new WeakMap<Buffer, Map<SealPurpose, Buffer>>();

function keyOf(key: Buffer, purpose: SealPurpose): Buffer {
  let made = keys.get(key);
  if (made === undefined) keys.set(key, (made = new Map<SealPurpose, Buffer>()));
  let ofPurpose = made.get(purpose);
  if (ofPurpose === undefined)
    made.set(purpose, (ofPurpose = createHmac('sha256', key).update(purpose).digest()));
  return ofPurpose;
}

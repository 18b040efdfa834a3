/** Which process a job belongs to, and whether that is gone: told by its start, because process ids are used again. */
import { readFileSync, readlinkSync } from 'node:fs';
import os from 'node:os';

/**
 * How long a job counts as running without a sign of life, where its process cannot be looked at: on another machine,
 * in another container, before a reboot. A running job gives one every 15 seconds.
 */
export const LEASE_MS = 120_000;

/** A process, told apart from others that had or will have its id. */
export interface Owner {
  pid: number;
  host: string;
  /** The run of the operating system and the space of process ids; empty where that is not told. */
  boot: string;
  /** When the process started, in the system's own count since its boot; empty where that is not told. */
  started: string;
}

let own: Owner | undefined;

/** Looked up once; on a system without `/proc` its start and boot are not told. */
export function thisProcess(): Owner {
  return (own ??= { pid: process.pid, host: os.hostname(), boot: bootOf(), started: startOf(process.pid) });
}

/** @param lastSignMs how long ago the last sign of life was */
export function isGone(owner: Owner, lastSignMs: number, self: Owner = thisProcess()): boolean {
  const isSilent = lastSignMs > LEASE_MS;
  if (owner.host !== self.host || owner.boot !== self.boot) return isSilent;
  if (!exists(owner.pid)) return true;
  const started = startOf(owner.pid);
  return owner.started === '' || started === '' ? isSilent : started !== owner.started;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process may not be signalled, but it is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function bootOf(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}

/** Fields of `stat` after the name, which may hold anything: the start is the 22nd of all. */
const START_FIELD = 22 - 3;

function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A process that ended and was not waited for yet does nothing any more.
    return fields[0] === 'Z' ? 'ended' : (fields[START_FIELD] ?? '');
  } catch {
    return '';
  }
}

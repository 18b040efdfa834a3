// Disks in a state that permissions cannot bring about for root.
import { execFileSync } from 'node:child_process';
import { cleanUpLater } from '../../support/cleanup.ts';

/** `mount OPTIONS... at`, undone at the end of the test; false where this user may not do that. */
export function mountOver(at: string, ...options: string[]): boolean {
  if (!mount(...options, at)) return false;
  cleanUpLater(() => void execFileSync('umount', [at]));
  return true;
}

/** Mounts a folder over itself, read-only. */
export function mountReadOnly(at: string): boolean {
  return mountOver(at, '--bind', at) && mount('-o', 'remount,ro,bind', at);
}

function mount(...args: string[]): boolean {
  try {
    execFileSync('mount', args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

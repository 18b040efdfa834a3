// Disks so small that a test can fill them: file systems in memory, where this user may mount one.
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, rmdirSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { cleanUpLater } from '../support/cleanup.ts';

/** Why none can be made here; undefined where they can. */
export function smallDiskProblem(): string | undefined {
  const at = mkdtempSync(path.join(os.tmpdir(), 'worktrail-mount-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'worktrail-test', at]);
  if (status === 0) execFileSync('umount', ['--lazy', at]);
  rmdirSync(at);
  return status === 0 ? undefined : 'needs the right to mount a file system of its own (root, CAP_SYS_ADMIN)';
}

/** Mounts an empty disk over a folder; answers what takes it away. */
export function mountSmallDisk(at: string, size: string): () => void {
  mkdirSync(at, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'worktrail-test', at]);
  let isOver = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    execFileSync('umount', ['--lazy', at]);
  };
  cleanUpLater(end);
  return end;
}

/** Takes all room that is left; answers what gives it back. */
export function fill(at: string): () => void {
  const ballast = path.join(at, 'ballast');
  const file = openSync(ballast, 'a');
  try {
    for (let size = 65_536; size >= 1;) {
      try {
        writeSync(file, Buffer.alloc(size, 1));
      } catch {
        size = Math.floor(size / 4);
      }
    }
  } finally {
    closeSync(file);
  }
  return () => rmSync(ballast, { force: true });
}

/** Makes the names in a folder durable: what was made, renamed or removed there survives a power cut. */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';

/** Windows has no such thing. */
const isNeeded = process.platform !== 'win32';

export async function syncFolder(folder: string): Promise<void> {
  if (!isNeeded) return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The same at once; it blocks. */
export function syncFolderNow(folder: string): void {
  if (!isNeeded) return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

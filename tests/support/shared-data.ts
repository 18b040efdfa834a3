// The real files to import, which lie beside the checkout and are never copied into it.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeUnless } from './describe-with.ts';

const checkout = fileURLToPath(new URL('../../', import.meta.url));

/** `../shared/data`, seen from the checkout. May not exist: see `describeWithSharedData`. */
export const sharedDataPath = path.resolve(checkout, '..', 'shared', 'data');

/** A suite over the shared data, handed its folder; skipped with the reason where that is missing. */
export function describeWithSharedData(name: string, body: (folder: string) => void): void {
  const reason = existsSync(sharedDataPath) ? undefined : `${sharedDataPath} does not exist`;
  describeUnless(reason, name, () => body(sharedDataPath));
}

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../src/platform/package-root.ts';
// @ts-expect-error -- a build script without types
import { compileStatusTemplate } from '../../scripts/compile-templates.js';

it('ships the template as it was compiled from status.hbs (npm run templates)', async () => {
  const shipped = path.join(packageRoot(), 'src/storage/status-file/status-template.generated.ts');
  expect(await readFile(shipped, 'utf8')).toBe((compileStatusTemplate as () => string)());
});

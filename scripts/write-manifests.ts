// Writes server.json and what plugin/ has of generated files: `npm run manifests`. A test proves them fresh.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../src/platform/package-root.ts';
import { manifestFiles } from './manifests.ts';

for (const [name, content] of Object.entries(manifestFiles())) {
  const file = path.join(packageRoot(), name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
}

// Writes contracts/ from the declarations of the tools: `npm run contracts`. A test proves the files fresh.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { contractFiles } from '../src/mcp/contract.ts';
import { packageRoot } from '../src/platform/package-root.ts';

const folder = path.join(packageRoot(), 'contracts');
rmSync(folder, { recursive: true, force: true });
for (const [name, content] of Object.entries(contractFiles())) {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
}

// Writes down what the SQLite migrations make, by which a start recognises it without making it again; after
// `npm run db:generate`, which runs it. A test proves the file fresh.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import { packageRoot } from '../src/platform/package-root.ts';
import { migratedSchema } from '../src/storage/primary/migrated-schema.ts';

const file = path.join(packageRoot(), 'src', 'storage', 'primary', 'migrated-schema.generated.ts');
writeFileSync(file, await format(migratedSchema(), { ...(await resolveConfig(file)), parser: 'typescript' }));

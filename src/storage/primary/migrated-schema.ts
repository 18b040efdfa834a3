/** What is generated into `migrated-schema.generated.ts`. */
import { openDatabaseImage } from './database-file.ts';
import { readMigrations } from './migrate.ts';
import { hashOfSchema } from './schema-objects.ts';
import { applyMigrations } from './tracker-file.ts';

export function migratedSchema(): string {
  const migrations = readMigrations('sqlite');
  const database = openDatabaseImage();
  try {
    applyMigrations(database, migrations);
    const content = { applied: migrations.times.at(-1), sha256: hashOfSchema(database) };
    return `// Written by scripts/write-migrated-schema.ts.\n/** The newest SQLite migration, and a hash of all that is there when it was applied. */\nexport const MIGRATED_SCHEMA = ${JSON.stringify(content)};\n`;
  } finally {
    database.close();
  }
}

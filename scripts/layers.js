/**
 * The folders of `src/`, from the ground up. A file imports from its own folder and from those before it, for a type
 * and in a dynamic import too: so no two folders depend on each other. `eslint.config.js` holds it.
 */
import path from 'node:path';

export const LAYERS = [
  'platform',
  'domain',
  'formats',
  'storage/git',
  'storage/status-file',
  'storage/database',
  'storage/queries',
  'storage/apply',
  'storage/contract',
  'storage/primary',
  'storage/journals',
  'storage/replicas',
  'storage/operations',
  'storage/tiers',
  'config',
  'storage/opening',
  'storage/maintenance',
  'storage/move',
  'storage/export',
  'use-cases/support',
  'use-cases/records',
  'use-cases/history',
  'use-cases/brief',
  'use-cases/status',
  'use-cases/archive',
  'use-cases/maintenance',
  'importers/import',
  'importers/beads',
  'importers/backlog-md',
  'importers/task-master',
  'importers/session-prompts',
  'importers/legacy-status',
  'importers',
  // `app.ts`, which puts everything together.
  '.',
  'mcp/definitions',
  'mcp/tools',
  'mcp/prompts',
  'mcp/resources',
  'mcp',
  'http',
  'cli/terminal',
  'cli/setup',
  'cli/hooks',
  'cli/commands',
  'cli',
];

/** @param {string} file relative to `src/` */
export const layerOf = (file) => path.posix.dirname(file.replaceAll('\\', '/'));

/**
 * Why a file may not import another; undefined where it may.
 * @param {string} file relative to `src/`
 * @param {string} specifier as the import says it
 */
export function whyNotImport(file, specifier) {
  const from = layerOf(file);
  const to = layerOf(path.posix.join(from, specifier));
  if (!LAYERS.includes(from)) return `src/${from} has no place in scripts/layers.js yet.`;
  if (!LAYERS.includes(to)) return `src/${to} has no place in scripts/layers.js yet.`;
  if (LAYERS.indexOf(to) <= LAYERS.indexOf(from)) return undefined;
  return `src/${from} may not import from src/${to}, which is above it (see scripts/layers.js).`;
}

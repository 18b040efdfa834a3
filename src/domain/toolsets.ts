/** Groups of tools, so that a client pays only for what it uses. `all` stands for every group. */
export const TOOLSETS = [
  'core',
  'links',
  'vendors',
  'deployments',
  'configuration',
  'history',
  'plan',
  'conflicts',
  'work',
  'notes',
  'search',
  'archive',
  'enhancements',
  'import',
  'operations',
  'status',
  'all',
] as const;
export type Toolset = (typeof TOOLSETS)[number];

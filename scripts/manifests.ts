// The files by which catalogues and clients find the program, from package.json and what `worktrail init` writes.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PRODUCT } from '../src/mcp/self-description.ts';
import { toolsOf } from '../src/mcp/registry.ts';
import { CLIENTS } from '../src/cli/setup/clients.ts';
import { packageRoot } from '../src/platform/package-root.ts';

export interface Package {
  name: string;
  version: string;
  license: string;
  homepage: string;
  keywords: string[];
  mcpName: string;
  repository: { url: string };
}

/** Of the catalogue's schema: at most 100 characters. */
const SHORT = 'The tracker that AI clients and people share: work items, claims, notes, history.';

export function ownPackage(): Package {
  return JSON.parse(readFileSync(path.join(packageRoot(), 'package.json'), 'utf8')) as Package;
}

const addressOf = ({ repository }: Package): string => repository.url.replace(/^git\+|\.git$/g, '');

/** By path below the repository; each ends in a line break. */
export function manifestFiles(): Record<string, string> {
  const own = ownPackage();
  const repository = addressOf(own);
  const { name, version, license, homepage, keywords } = own;
  const about = { name, version, description: PRODUCT.description, author: { name: PRODUCT.title } };
  const links = { homepage, repository, license, keywords };
  const command = { command: name, args: [] };
  return {
    'server.json': json({
      $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
      ...{ name: own.mcpName, title: PRODUCT.title, description: SHORT, version },
      websiteUrl: homepage,
      repository: { url: repository, source: 'github' },
      packages: [
        {
          ...{ registryType: 'npm', identifier: name, version, runtimeHint: 'npx' },
          transport: { type: 'stdio' },
          packageArguments: [{ type: 'positional', value: 'serve' }],
        },
      ],
    }),
    '.claude-plugin/marketplace.json': json({
      name,
      owner: { name: PRODUCT.title, url: repository },
      plugins: [{ name, source: './plugin', description: PRODUCT.description }],
    }),
    'plugin/.claude-plugin/plugin.json': json({ ...about, ...links }),
    'plugin/.codex-plugin/plugin.json': json({
      ...{ ...about, ...links },
      skills: './skills/',
      mcpServers: './.mcp.json',
      hooks: './hooks/codex.json',
    }),
    'plugin/.mcp.json': json({ mcpServers: { [name]: { command: name, args: ['serve'] } } }),
    'plugin/hooks/hooks.json': hooksOf('claude-code', '.claude/settings.json'),
    'plugin/hooks/codex.json': hooksOf('codex', '.codex/hooks.json'),
  };

  /** As `worktrail init` writes them into an empty file. */
  function hooksOf(client: string, file: string): string {
    const files = CLIENTS.find((one) => one.name === client)?.files('', command) ?? [];
    const edits = files.find((one) => one.path === file)?.edits ?? [];
    return edits.reduce((text, edit) => edit.put(text), '');
  }
}

/** Where an MCP bundle has the program: it is installed there with what it needs. */
const PROGRAM = 'node_modules/worktrail/dist/cli.js';

/** The manifest of the MCP bundle, which desktop clients install with a click: see bundle.ts. */
export function bundleManifest(): object {
  const own = ownPackage();
  const { name, version, license, keywords, homepage } = own;
  const repository = addressOf(own);
  return {
    manifest_version: '0.3',
    ...{ name, display_name: PRODUCT.title, version, description: SHORT, license, keywords, homepage },
    author: { name: PRODUCT.title, url: repository },
    repository: { type: 'git', url: repository },
    support: `${repository}/issues`,
    server: {
      type: 'node',
      entry_point: PROGRAM,
      mcp_config: {
        command: 'node',
        args: [`\${__dirname}/${PROGRAM}`, 'serve'],
        env: { WORKTRAIL_PROJECT: '${user_config.project}' },
      },
    },
    tools: toolsOf(['core']).map(({ name: tool, title }) => ({ name: tool, description: title })),
    prompts_generated: true,
    user_config: {
      project: {
        ...{ type: 'directory', title: 'Project', required: true },
        description: 'The folder of the project whose work is tracked.',
      },
    },
    // What the version of better-sqlite3 that carries its binaries asks for.
    compatibility: { platforms: ['darwin', 'linux', 'win32'], runtimes: { node: '>=22.14.0' } },
  };
}

export const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

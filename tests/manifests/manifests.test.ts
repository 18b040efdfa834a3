// What catalogues and plugin hosts read: fresh, and as their published schemas want it. The schemas are those of
// static.modelcontextprotocol.io (2025-12-11), www.schemastore.org (claude-code-plugin-manifest, claude-code-marketplace) and npm's
// @anthropic-ai/mcpb (manifest 0.3), without their descriptions. Codex publishes none for its plugins.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { bundleManifest, manifestFiles } from '../../scripts/manifests.ts';
import { readFrontmatter } from '../../src/formats/frontmatter.ts';
import { packageRoot } from '../../src/platform/package-root.ts';
import { TOOLS } from '../../src/mcp/registry.ts';

const root = packageRoot();
const read = (name: string): string => readFileSync(path.join(root, name), 'utf8');
const valueOf = (name: string) => JSON.parse(read(name)) as Record<string, unknown>;

describe('manifests', () => {
  it('are what package.json and init give: run `npm run manifests` after a change', () => {
    for (const [name, content] of Object.entries(manifestFiles())) expect(read(name), name).toBe(content);
  });

  it.each([
    ['server.json', 'server', () => valueOf('server.json')],
    ['plugin.json', 'claude-plugin', () => valueOf('plugin/.claude-plugin/plugin.json')],
    ['marketplace.json', 'claude-marketplace', () => valueOf('.claude-plugin/marketplace.json')],
    ['the manifest of the bundle', 'mcpb-manifest', () => ({ ...bundleManifest() })],
  ])('%s is as its published schema wants it', (_name, schema, manifest) => {
    const ajv = new Ajv({ strict: false, validateFormats: false });
    const validate = ajv.compile(valueOf(`tests/manifests/schemas/${schema}.schema.json`));
    validate(manifest());
    expect(validate.errors).toBeNull();
    // The schema can refuse.
    const { name: _own, ...nameless } = manifest() as Record<string, unknown>;
    expect(validate(nameless)).toBe(false);
  });

  it('name files that are there, and the package by one name', () => {
    const codex = valueOf('plugin/.codex-plugin/plugin.json');
    for (const field of ['skills', 'mcpServers', 'hooks']) {
      expect(codex[field]).toMatch(/^\.\//);
      expect(existsSync(path.join(root, 'plugin', String(codex[field]))), field).toBe(true);
    }
    expect(valueOf('server.json')['name']).toBe(valueOf('package.json')['mcpName']);
    const [plugin] = valueOf('.claude-plugin/marketplace.json')['plugins'] as { source: string }[];
    expect(existsSync(path.join(root, plugin?.source ?? '', '.claude-plugin/plugin.json'))).toBe(true);
  });

  it('have a skill that says when it is used, and names no tool that there is not', () => {
    const skill = readFrontmatter(read('plugin/skills/worktrail/SKILL.md'));
    if (skill.state !== 'read') throw new Error(skill.state);
    const { data, body } = skill;
    z.object({ name: z.literal('worktrail'), description: z.string().min(50).max(1_024) }).parse(data);
    const named = [...body.matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)].map(([, name]) => name);
    const known = new Set([...TOOLS.map(({ name }) => name), 'append_description', 'on_conflict']);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !known.has(name ?? ''))).toEqual([]);
  });
});

// The MCP bundle, made of the tarball and started as a desktop client starts it: unpacked somewhere, with the command of its
// manifest and the project that a person chose.
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './run.js';
import { serveOnce } from './use.js';

/** @param environment of a Node.js that the manifest asks for @returns problems, in sentences */
export async function checkBundle({ root, tarball, place, environment }) {
  const [bundle, unpacked, project] = ['bundle.mcpb', 'unpacked', 'bundle-project'].map((name) =>
    path.join(place, name),
  );
  mkdirSync(project);
  await must('npm', ['exec', '--', 'tsx', 'scripts/bundle.ts', '--tarball', tarball, '--to', bundle], {
    cwd: root,
  });
  await must('npm', [
    'exec',
    '--yes',
    '--package=@anthropic-ai/mcpb@2.1.2',
    '--',
    'mcpb',
    'unpack',
    bundle,
    unpacked,
  ]);
  const { server } = JSON.parse(readFileSync(path.join(unpacked, 'manifest.json'), 'utf8'));
  const { command, args, env } = server.mcp_config;
  const filled = (text) => text.replace('${__dirname}', unpacked).replace('${user_config.project}', project);
  const settings = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, filled(value)]));
  const problems = [];
  const start = (_args, { input }) =>
    run(command, args.map(filled), { cwd: unpacked, env: { ...environment, ...settings }, input });
  await serveOnce(start, (problem) => problems.push(`the bundle: ${problem}`));
  return problems;
}

async function must(command, args, options) {
  const { code, stdout, stderr } = await run(command, args, { timeoutMs: 300_000, ...options });
  if (code !== 0) throw new Error(`${args.join(' ')} failed: ${stdout}${stderr}`);
}

// Packs the package, installs it into a temporary folder as a user would, and makes one call over stdio.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(path.join(tmpdir(), 'worktrail-package-'));
const npm = (args, cwd) =>
  execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

try {
  const [packed] = JSON.parse(
    npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root),
  );
  const allowed = { allowScripts: { 'better-sqlite3': true } };
  writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ name: 'user', private: true, ...allowed }),
  );
  npm(['install', '--no-audit', '--no-fund', path.join(folder, packed.filename)], folder);
  const result = await callOnce(path.join(folder, 'node_modules', '.bin', 'worktrail'), folder);
  if (result.structuredContent?.data_source !== 'sqlite')
    throw new Error(`unexpected answer: ${JSON.stringify(result)}`);
  console.log(
    `packed package: ${packed.filename}, ${packed.size} bytes, answered: ${result.content[0].text}`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function callOnce(program, cwd) {
  const requests = [
    {
      id: 1,
      method: 'initialize',
      params: {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name: 'ci', version: '1.0.0' },
      },
    },
    { method: 'notifications/initialized' },
    {
      id: 2,
      method: 'tools/call',
      params: { name: 'create_work_item', arguments: { item_type: 'task', title: 'It works' } },
    },
  ];
  return new Promise((resolve, reject) => {
    const server = spawn(program, ['serve'], {
      cwd,
      stdio: ['pipe', 'pipe', 'inherit'],
      shell: process.platform === 'win32',
    });
    let received = '';
    server.stdout.setEncoding('utf8').on('data', (chunk) => (received += chunk));
    server.once('error', reject);
    server.once('exit', () => {
      const answers = received
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      const answer = answers.find(({ id }) => id === 2);
      if (answer?.result === undefined) reject(new Error(`no answer: ${received}`));
      else resolve(answer.result);
    });
    server.stdin.end(
      requests.map((request) => `${JSON.stringify({ jsonrpc: '2.0', ...request })}\n`).join(''),
    );
  });
}

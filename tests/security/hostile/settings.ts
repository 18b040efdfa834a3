// worktrail.config.json as it comes with a repository.
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { HostileCase } from './case.ts';
import { commit, type Scene } from './scene.ts';

const file = ({ project }: Scene) => path.join(project, 'worktrail.config.json');
const holding =
  (content: (scene: Scene) => unknown) =>
  async (scene: Scene): Promise<void> => {
    const value = content(scene);
    writeFileSync(file(scene), typeof value === 'string' ? value : JSON.stringify(value));
    await commit(scene.project);
  };
const address = (query: string, host = '127.0.0.1') =>
  holding(({ fakePort }) => ({ database: { url: `postgres://${host}:${fakePort}/evil${query}` } }));

const NOT_AGREED = /worktrail trust/;
const NAMES_THE_FILE = /worktrail\.config\.json/;

export const settings: HostileCase[] = [
  { name: 'a database address', build: address(''), honestWrite: NOT_AGREED },
  { name: 'a database address by name', build: address('', 'localhost'), honestWrite: NOT_AGREED },
  { name: 'an address that turns TLS off', build: address('?sslmode=disable'), honestWrite: NOT_AGREED },
  {
    name: 'an address with a user and without a password',
    build: holding(({ fakePort }) => ({ database: { url: `postgres://alice@127.0.0.1:${fakePort}/evil` } })),
    honestWrite: NOT_AGREED,
  },
  {
    name: 'an address that asks for variables',
    build: holding(({ fakePort }) => ({
      database: { url: `postgres://\${PGUSER}:\${PGPASSWORD}@127.0.0.1:${fakePort}/evil` },
    })),
    honestWrite: /worktrail trust|worktrail\.config\.json/,
  },
  {
    name: 'an address with a second host in its query',
    build: address('?host=127.0.0.1&options=-c%20search_path=evil&target_session_attrs=any'),
    honestWrite: /worktrail trust|worktrail\.config\.json/,
  },
  {
    name: 'an address that is no address',
    build: holding(() => ({ database: { url: 'postgres://%zz:%zz@%zz/%zz' } })),
    honestWrite: NAMES_THE_FILE,
  },
  {
    name: 'a pipe',
    build: (scene) => void execFileSync('mkfifo', [file(scene)]),
    honestWrite: NAMES_THE_FILE,
  },
  {
    name: 'a link to an endless device',
    build: (scene) => symlinkSync('/dev/zero', file(scene)),
    honestWrite: NAMES_THE_FILE,
  },
  {
    name: 'a link to a file of the system',
    build: (scene) => symlinkSync('/etc/passwd', file(scene)),
    honestWrite: NAMES_THE_FILE,
  },
  {
    name: "a link to the person's own file",
    build: (scene) => symlinkSync(path.join(scene.home, '.pgpass'), file(scene)),
    honestWrite: NAMES_THE_FILE,
  },
  { name: 'a folder', build: (scene) => void mkdirSync(file(scene)), honestWrite: NAMES_THE_FILE },
  { name: '40 MB', build: holding(() => `{"a":"${'x'.repeat(40_000_000)}"}`), honestWrite: NAMES_THE_FILE },
  {
    name: 'deep nesting',
    build: holding(() => `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`),
    honestWrite: NAMES_THE_FILE,
  },
  {
    name: 'keys of the prototype',
    build: holding(() => '{"__proto__":{"url":"x"},"constructor":{"prototype":{"x":1}}}'),
    honestWrite: /worktrail\.config\.json|^$/,
  },
];

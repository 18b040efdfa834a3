// What a server is told that asks for more than it should get.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { inspectStore } from '../../src/storage/maintenance/inspect-store.ts';
import { openPostgres } from '../../src/storage/primary/postgres.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { fakePostgres, type FakePostgres } from '../support/fake-postgres.ts';
import { refusalOf } from './refusal.ts';

const SECRET = 's3cret-password';
const SSL_REQUEST_BYTES = 8;
/** Resolved to 127.0.0.1, and not one of the names that are known to stay on this machine. */
const ELSEWHERE = '127.1';

const reasonOf = async (url: string) => {
  const refusal = await refusalOf(openPostgres({ url, schema: 'worktrail_x' }));
  return String(refusal.details['reason']);
};

const urlOf = (server: FakePostgres, host: string, query = '') =>
  `postgres://ada:${SECRET}@${host}:${server.port}/team${query}`;

afterEach(() => vi.unstubAllEnvs());

describe('a server that asks for a password', () => {
  it('is given that of its address on this machine, and nothing of the environment', async () => {
    vi.stubEnv('PGPASSWORD', 'of-another-server');
    vi.stubEnv('PGUSER', 'alice');
    vi.stubEnv('PGAPPNAME', 'company-laptop');
    vi.stubEnv('PGTARGETSESSIONATTRS', 'nonsense');
    const server = await fakePostgres();
    expect(await reasonOf(urlOf(server, '127.0.0.1'))).toContain('user name or password');
    expect(server.passwords).toEqual([SECRET]);
    expect(server.startups[0]).toMatchObject({
      user: 'ada',
      database: 'team',
      application_name: 'worktrail',
    });

    const other = await fakePostgres();
    await reasonOf(`postgres://ada@127.0.0.1:${other.port}/team`);
    const place = { dataDir: '/nowhere', slug: { value: 'x', explicit: true } };
    await inspectStore({ ...place, databaseUrl: `postgres://ada@127.0.0.1:${other.port}/team` });
    expect(other.passwords).toEqual(['', '']);
    expect(other.received()).not.toMatch(/of-another-server|alice|company-laptop/);
  });

  it('is not spoken to on another machine without encryption', async () => {
    const server = await fakePostgres();
    expect(await reasonOf(urlOf(server, ELSEWHERE))).toContain('it offers no encryption');
    expect(server.connections).toBe(1);
    expect(server.received()).toHaveLength(SSL_REQUEST_BYTES);
  });

  it('is not told it in clear text on another machine, even where encryption was declined', async () => {
    const server = await fakePostgres({ asks: 'cleartext' });
    expect(await reasonOf(urlOf(server, ELSEWHERE, '?sslmode=disable'))).toContain('in clear text');
    expect(server.startups).toHaveLength(1);
    expect(server.passwords).toEqual([]);
    expect(server.received()).not.toContain(SECRET);

    const hashing = await fakePostgres({ asks: 'md5' });
    await reasonOf(urlOf(hashing, ELSEWHERE, '?sslmode=disable'));
    expect(hashing.passwords).toEqual([expect.stringMatching(/^md5[0-9a-f]{32}$/)]);
    expect(hashing.received()).not.toContain(SECRET);
  });
});

describe('a server that encrypts', () => {
  it('is asked to by default, and told everything under it', async () => {
    const server = await fakePostgres({ certificate: await certificateFor('localhost') });
    for (const host of ['127.0.0.1', ELSEWHERE]) {
      expect(await reasonOf(urlOf(server, host))).toContain('user name or password');
    }
    expect(server.passwords).toEqual([SECRET, SECRET]);
    expect(server.received()).not.toContain(SECRET);
    expect(server.received()).not.toContain('worktrail_x');
  });

  it('is told nothing when its certificate is not the one that is asked for', async () => {
    const certificate = await certificateFor('localhost');
    const server = await fakePostgres({ certificate });
    const { file: another } = await certificateFor('localhost');
    const { file } = certificate;
    for (const query of [
      '?sslmode=verify-full',
      '?sslmode=verify-ca',
      '?sslrootcert=system',
      `?sslmode=verify-ca&sslrootcert=${encodeURIComponent(another)}`,
      `?sslmode=require&sslrootcert=${encodeURIComponent(another)}`,
    ]) {
      expect(await reasonOf(urlOf(server, 'localhost', query)), query).toContain('certificate');
    }
    // The right certificate, for another name.
    const verified = `?sslmode=verify-full&sslrootcert=${encodeURIComponent(file)}`;
    expect(await reasonOf(urlOf(server, '127.0.0.1', verified))).toContain('certificate');
    expect(await reasonOf(urlOf(server, 'localhost', '?sslmode=verify-ca&sslrootcert=/dev/zero'))).toContain(
      'sslrootcert',
    );
    expect(server.startups).toEqual([]);

    expect(await reasonOf(urlOf(server, 'localhost', verified))).toContain('user name or password');
    expect(server.passwords).toEqual([SECRET]);
  });
});

async function certificateFor(name: string): Promise<{ key: string; cert: string; file: string }> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'worktrail-tls-'));
  cleanUpLater(() => rm(folder, { recursive: true, force: true }));
  const [key, file] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`];
  const names = ['-addext', `subjectAltName=DNS:${name}`];
  await promisify(execFile)('openssl', [...request, ...names, '-keyout', key, '-out', file]);
  return { key: await readFile(key, 'utf8'), cert: await readFile(file, 'utf8'), file };
}

// What an address of PostgreSQL means, what completes it, and what is told of one that cannot be used.
import { describe, expect, it } from 'vitest';
import {
  AddressProblem,
  completeAddress,
  formatPostgresUrl,
  parsePostgresUrl,
  placeOf,
  publicAddress,
  sslModeOf,
} from '../../src/storage/primary/postgres-address.ts';

const SECRETS = { PGUSER: 'alice', PGPASSWORD: 's3cret', PGDATABASE: 'private' };

describe('an address', () => {
  it.each([
    ['postgres://h', { servers: [{ host: 'h', port: 5432 }] }],
    [
      'POSTGRESQL://a:b@h:1/d',
      { servers: [{ host: 'h', port: 1 }], user: 'a', password: 'b', database: 'd' },
    ],
    [
      'postgres://a:p@ss@h/d',
      { servers: [{ host: 'h', port: 5432 }], user: 'a', password: 'p@ss', database: 'd' },
    ],
    ['postgres://a%40b:c%2Fd@[::1]:9', { servers: [{ host: '::1', port: 9 }], user: 'a@b', password: 'c/d' }],
    [
      'postgres://one:1,two,three:3/d',
      {
        servers: [
          { host: 'one', port: 1 },
          { host: 'two', port: 5432 },
          { host: 'three', port: 3 },
        ],
        database: 'd',
      },
    ],
    ['postgres:///d?host=/run/pg&port=7', { servers: [{ host: '/run/pg', port: 7 }], database: 'd' }],
    ['postgres://%2Frun%2Fpg/d', { servers: [{ host: '/run/pg', port: 5432 }], database: 'd' }],
    [
      'postgres://h/d?user=u&password=p&sslmode=verify-full',
      {
        servers: [{ host: 'h', port: 5432 }],
        database: 'd',
        user: 'u',
        password: 'p',
        sslMode: 'verify-full',
      },
    ],
    [
      'postgres://h?target_session_attrs=any&connect_timeout=3&application_name=x',
      { servers: [{ host: 'h', port: 5432 }] },
    ],
  ])('%s is read, and written so that it is read the same', (url, address) => {
    expect(parsePostgresUrl(url)).toEqual(address);
    expect(parsePostgresUrl(formatPostgresUrl(parsePostgresUrl(url)))).toEqual(address);
  });

  it.each([
    ['mysql://s3cret@h', 'must be a URL such as postgres://'],
    ['postgres://u:s3cret%zz@h/d', 'a % that begins no encoded character'],
    ['postgres://u:s3cr/et@h/d', 'a port that is not a number'],
    ['postgres://h:s3cret/d', 'a port that is not a number'],
    ['postgres://h:0/d', 'a port that is not a number'],
    ['postgres://h:65536/d', 'a port that is not a number'],
    ['postgres://:1,h/d', 'a port without a host'],
    ['postgres://s3cret s3cret/d', 'a host that cannot be read'],
    [
      'postgres://h/d?sslmode=s3cret',
      'an unknown sslmode; it must be one of disable, allow, prefer, require, verify-ca, verify-full',
    ],
    ['postgres://h/d?target_session_attrs=s3cret', 'an unknown target_session_attrs'],
    ['postgres://h/d?sslmod=s3cret', 'a parameter "sslmod" that is not known'],
    ['postgres://u:1?s3cret@h/d', 'a parameter that is not known'],
    ['postgres://h/d?channel_binding=require', 'sslmode=verify-full'],
    ['postgres://h/d?sslrootcert=s3cret.pem', 'neither "system" nor the absolute path'],
    ['postgres://h/d?sslrootcert=system&sslmode=require', 'goes with sslmode=verify-full only'],
    ['postgres://u%00user%00root:s3cret@h/d', 'a character that no address can have'],
  ])('%s is refused without quoting it', (url, why) => {
    const refusal = () => parsePostgresUrl(url);
    expect(refusal).toThrow(AddressProblem);
    expect(refusal).toThrow(why);
    expect(refusal).not.toThrow(/s3cr/);
  });

  it('is shown without its password', () => {
    const address = parsePostgresUrl('postgres://ada:s3cret@h:1/d?password=s3cret');
    expect(publicAddress(address)).toBe('postgres://ada:***@h:1/d');
    expect(placeOf(address)).toBe('h:1/d');
  });
});

describe('what completes an address', () => {
  const complete = (url: string, environment: NodeJS.ProcessEnv, isOfPerson: boolean) =>
    completeAddress(parsePostgresUrl(url), environment, { isOfPerson });

  it('is the environment, for one that a person gave', () => {
    const environment = { ...SECRETS, PGHOST: 'db', PGPORT: '9', PGSSLMODE: 'verify-ca' };
    expect(complete('postgres://', environment, true)).toEqual({
      servers: [{ host: 'db', port: 9 }],
      user: 'alice',
      password: 's3cret',
      database: 'private',
      sslMode: 'verify-ca',
    });
    const own = 'postgres://bob:own@other:1/team?sslmode=require';
    expect(formatPostgresUrl(complete(own, environment, true))).toBe(own);
  });

  it.each([
    ['no server', {}],
    ['another server', { PGHOST: 'db.company', PGPORT: '7' }],
    ['the same server at another port', { PGHOST: 'evil' }],
    ['more servers', { PGHOST: 'evil,db.company', PGPORT: '7' }],
  ])('is nothing of it for one from a file, where it names %s', (_, named) => {
    const found = complete('postgres://evil:7/team', { ...SECRETS, ...named, PGSSLMODE: 'disable' }, false);
    expect(found).not.toHaveProperty('password');
    expect(found).not.toHaveProperty('sslMode');
    expect(found.user).not.toBe('alice');
  });

  it('is what is meant for its very server, for one from a file', () => {
    const environment = { ...SECRETS, PGHOST: 'db', PGPORT: '7' };
    expect(complete('postgres://db:7/team', environment, false)).toMatchObject({
      user: 'alice',
      password: 's3cret',
      database: 'team',
    });
  });

  it('is refused by the name of the variable', () => {
    expect(() => complete('postgres://h', { PGSSLMODE: 'x' }, true)).toThrow('PGSSLMODE');
    expect(() => complete('postgres://', { PGPORT: 'x' }, true)).toThrow('PGPORT');
  });
});

describe('the encryption of a connection', () => {
  it.each([
    ['localhost', 'prefer'],
    ['127.0.0.1', 'prefer'],
    ['127.8.9.1', 'prefer'],
    ['[::1]', 'prefer'],
    ['%2Frun%2Fpg', 'disable'],
    ['db.example.org', 'require'],
    ['192.168.0.7', 'require'],
    // They lead where the resolver says.
    ['127.1', 'require'],
    ['localhost.example.org', 'require'],
    ['127.0.0.1.example.org', 'require'],
  ])('to %s is %s unless somebody chose', (host, mode) => {
    const of = parsePostgresUrl(`postgres://${host}/d`);
    expect(of.servers.map((server) => sslModeOf(of, server))).toEqual([mode]);
    const chosen = parsePostgresUrl(`postgres://${host}/d?sslmode=verify-full`);
    const expected = mode === 'disable' ? 'disable' : 'verify-full';
    expect(chosen.servers.map((server) => sslModeOf(chosen, server))).toEqual([expected]);
  });

  it('checks against a certificate that is given', () => {
    const mode = (query: string) => {
      const of = parsePostgresUrl(`postgres://h/d?${query}`);
      return of.servers.map((server) => sslModeOf(of, server))[0];
    };
    expect(mode('sslrootcert=/ca.pem&sslmode=require')).toBe('verify-ca');
    expect(mode('sslrootcert=system')).toBe('verify-full');
  });
});

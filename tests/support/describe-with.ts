// Suites that need something a machine may lack: they run, or say loudly why they do not.
import { afterAll, describe, inject, it } from 'vitest';
import { type PostgresServer, attachPostgres, postgresSkipReason } from './postgres.ts';
import './global-setup.ts'; // the type of inject('postgresUrl')

/**
 * The run's shared server is handed to the suite; databases created through it are dropped at the
 * suite's end. It cannot be halted: a suite that wants an outage calls `startPostgres({ own: true })`.
 */
export function describeWithPostgres(name: string, body: (server: PostgresServer) => void): void {
  const reason = postgresSkipReason();
  describeUnless(reason, name, () => {
    const server = attachPostgres(inject('postgresUrl'));
    afterAll(() => server.stop());
    body(server);
  });
}

/** With a reason, the suite becomes one skipped test that carries it, and `body` is never called. */
export function describeUnless(reason: string | undefined, name: string, body: () => void): void {
  if (reason === undefined) {
    describe(name, body);
    return;
  }
  describe(name, () => {
    it('needs what this machine lacks', (context) => context.skip(reason));
  });
}

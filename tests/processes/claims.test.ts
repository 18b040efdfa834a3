// Claims by many processes at once, and by one that dies.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeEachDatabase, type Place } from './place.ts';
import { Server, type Answer } from './server.ts';

const LONG_MS = 240_000;
const PROCESSES = 8;
const CLAIMERS_EACH = 8;
const READY_ITEMS = 20;
const LEASE_LEFT_SECONDS = 3;
const POLL_MS = 100;

describeEachDatabase('claims by several processes', (newPlace) => {
  it('give 20 ready items to 20 of 64 claimers, each exactly once', { timeout: LONG_MS }, async () => {
    const place = await newPlace();
    const servers = await Server.startMany(place, PROCESSES);
    const [first] = servers as [Server];
    const ids: string[] = [];
    for (let index = 0; index < READY_ITEMS; index += 1) {
      ids.push(await first.create({ title: `item ${index}`, priority: 1 + (index % 5) }));
    }
    const answers = await Promise.all(
      servers.flatMap((server) =>
        Array.from({ length: CLAIMERS_EACH }, (_, index) =>
          server.answer('claim_work_item', { claimed_by: `${server.name} ${index}` }),
        ),
      ),
    );
    const won = answers.filter(({ nothing_ready }) => nothing_ready === undefined);
    expect(won.map(({ id }) => id).sort()).toEqual([...ids].sort());
    expect(new Set(won.map(({ claimed_by }) => claimed_by)).size).toBe(READY_ITEMS);
    expect(answers.length - won.length).toBe(PROCESSES * CLAIMERS_EACH - READY_ITEMS);
    expect(answers.filter(({ nothing_ready }) => nothing_ready !== undefined)[0]).toMatchObject({
      claim_token: null,
      waiting_count: READY_ITEMS,
    });

    // What is stored is what was answered: one grant of each item, in both places.
    const stored = await place.rows(
      'select w.id, w.version, w.claimed_by, c.holder, c.token from work_items w join claims c on c.item_id = w.id',
    );
    const holders = new Map(won.map(({ id, claimed_by }) => [id, claimed_by]));
    for (const { id, version, claimed_by, holder, token } of stored) {
      expect({ claimed_by, holder }).toEqual({ claimed_by: holders.get(id), holder: holders.get(id) });
      expect(Number(version)).toBe(1);
      expect(Number(token)).toBeGreaterThan(0);
    }
    expect(stored).toHaveLength(READY_ITEMS);
    const granted = await place.rows("select entity_id from changes where kind = 'claim'");
    expect(granted.map(({ entity_id }) => entity_id).sort()).toEqual([...ids].sort());
  });

  it('let one of many have a named item, every time it is free', { timeout: LONG_MS }, async () => {
    const place = await newPlace();
    const servers = await Server.startMany(place, 4);
    const id = await (servers[0] as Server).create({ title: 'the one' });
    let last = 0;
    for (let round = 1; round <= 5; round += 1) {
      const outcomes = await Promise.all(
        servers.flatMap((server) => Array.from({ length: 4 }, () => server.call('claim_work_item', { id }))),
      );
      const winners = outcomes.flatMap(({ answer }) => (answer === undefined ? [] : [answer]));
      expect(winners).toHaveLength(1);
      const [token] = winners.map(({ claim_token }) => Number(claim_token));
      expect(token).toBeGreaterThan(last);
      last = token ?? last;
      const refused = outcomes.flatMap(({ failure }) => failure?.error ?? []);
      expect(new Set(refused)).toEqual(new Set(['ClaimError']));
      const release = { id, action: 'release', claim_token: last };
      await (servers[round % 4] as Server).answer('claim_work_item', release);
    }
  });

  it(
    'of a process that was killed hold until their time is over, not longer',
    { timeout: LONG_MS },
    async () => {
      const place = await newPlace();
      const [doomed, other] = (await Server.startMany(place, 2)) as [Server, Server];
      const id = await doomed.create({ title: 'left behind' });
      const { claim_token } = await doomed.answer('claim_work_item', { lease_minutes: 1 });
      doomed.rpc.program.kill('SIGKILL');
      await doomed.rpc.program.exited;
      expect(await other.failure('claim_work_item', { id })).toMatchObject({ error: 'ClaimError' });
      expect(await other.answer('claim_work_item')).toMatchObject({ claim_token: null });

      const end = await endSoon(place);
      let attempts = 0;
      let taken: Answer | undefined;
      while (taken?.['id'] === undefined) {
        taken = await other.answer('claim_work_item', { lease_minutes: 60 });
        attempts += 1;
        if (taken['id'] === undefined) await sleep(POLL_MS);
      }
      expect(attempts).toBeGreaterThan(1);
      expect(taken).toMatchObject({ id, claimed_by: 'client-1' });
      expect(Number(taken['claim_token'])).toBeGreaterThan(Number(claim_token));
      // By the database's clock it was granted after the end of the first lease.
      const grantedAt = Date.parse(String(taken['claim_expires_at'])) - 3_600_000;
      expect(grantedAt).toBeGreaterThanOrEqual(Date.parse(end));
      const stale = { id, version: 1, title: 'by a ghost', claim_token };
      expect(await other.failure('update_work_item', stale)).toMatchObject({ error: 'ClaimError' });
    },
  );
});

/** A lease of a minute is as short as the tools have it: this one has but a few seconds left. @returns its end */
async function endSoon(place: Place): Promise<string> {
  const end = new Date(Date.now() + LEASE_LEFT_SECONDS * 1000).toISOString();
  await place.rows(`update claims set expires_at = '${end}'`);
  await place.rows(`update work_items set claim_expires_at = '${end}' where claimed_by is not null`);
  return end;
}

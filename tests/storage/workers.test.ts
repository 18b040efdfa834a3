// Two windows of one client, and two people with one client, are four workers: what each is told of the others.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sql, type SQL } from 'drizzle-orm';
import { beforeEach, expect, it } from 'vitest';
import { madeBy } from '../../src/storage/queries/changes.ts';
import { getBrief } from '../../src/use-cases/brief/brief.ts';
import { briefText, briefView } from '../../src/use-cases/brief/brief-text.ts';
import { undo } from '../../src/use-cases/history/undo.ts';
import type { Caller } from '../../src/use-cases/support/context.ts';
import { describeEachBackend, openTracker, openTrackerAt, withPrimary } from './backends.ts';
import { claiming } from './changes.ts';
import { refusalOf } from './refusal.ts';
import type { Tracker } from './tracker.ts';

const CLIENT = 'claude-code/2.1';

function window(person: string, session: string): Caller & { session: string } {
  return { actor: 'claude-code', client: CLIENT, person, session };
}
const ANA = window('Ana', 'aaaaaaaa-0000-4000-8000-000000000001');
const ANA_TOO = window('Ana', 'aaaaaaab-0000-4000-8000-000000000002');
const BEN = window('Ben', 'bbbbbbbb-0000-4000-8000-000000000001');
const BEN_TOO = window('Ben', 'bbbbbbbc-0000-4000-8000-000000000002');
const ALL = [ANA, ANA_TOO, BEN, BEN_TOO];

describeEachBackend('four workers with one client', (backend) => {
  let tracker: Tracker;
  beforeEach(async () => {
    tracker = await openTracker(backend);
  });
  const brief = (caller: Caller) => tracker.call(getBrief, {}, caller);
  const text = async (caller: Caller) => briefText(briefView(await brief(caller)));
  /** An item of each, claimed by it. */
  const claimAll = async () => {
    const claimed = [];
    for (const caller of ALL) {
      const { id } = await tracker.create({ title: `of ${caller.session}` }, caller);
      claimed.push(await tracker.claim({ id }, caller));
    }
    return claimed as [(typeof claimed)[0], (typeof claimed)[0], (typeof claimed)[0], (typeof claimed)[0]];
  };

  it('hold what they claimed, and are given its token back', async () => {
    const [own, elsewhere] = await claimAll();
    const told = await brief(ANA);
    expect(told.claimed).toMatchObject({ total: 1, items: [{ id: own.id, claim_token: own.claim_token }] });
    expect(told.claimed_elsewhere).toMatchObject({
      total: 1,
      items: [{ id: elsewhere.id, client: CLIENT, session: ANA_TOO.session }],
    });
    const said = await text(ANA);
    expect(said).toContain(`claim_token ${String(own.claim_token)}`);
    expect(said).toMatch(/Other sessions of yours hold \(1\):\n- .*, claude-code\/2\.1 session aaaaaaab/);
    for (const [at, caller] of ALL.entries())
      expect(
        (await brief(caller)).claimed.items.map(({ title }) => title),
        String(at),
      ).toEqual([`of ${caller.session}`]);
  });

  it('are told who holds an item, and what the holder need not say', async () => {
    const [item] = await claimAll();
    const refusal = async (caller: Caller) => await refusalOf(tracker.claim({ id: item.id }, caller));
    expect((await refusal(BEN)).message).toContain(
      'is claimed by Ana (claude-code/2.1, session aaaaaaaa) until',
    );
    expect((await refusal(ANA_TOO)).message).toContain(
      'is claimed by another session of yours, Ana (claude-code/2.1, session aaaaaaaa), until',
    );
    expect(await refusal(ANA)).toMatchObject({
      message: expect.stringContaining('is claimed by this session until') as string,
      details: { claim_token: item.claim_token },
    });
    expect((await refusal(BEN)).details).not.toHaveProperty('claim_token');

    const warnings = async (caller: Caller, version: number) => {
      const answer = await tracker.updateAnswer({ id: item.id, version }, { title: `v${version}` }, caller);
      return answer.warnings.map(({ message }) => message);
    };
    expect(await warnings(ANA, 1)).toEqual([]);
    expect((await warnings(ANA_TOO, 2))[0]).toContain('another session of yours');
    expect((await warnings(BEN, 3))[0]).toContain('Ana (claude-code/2.1, session aaaaaaaa)');

    for (const other of [ANA_TOO, BEN]) {
      const release = refusalOf(tracker.claim({ id: item.id, action: 'release' }, other));
      expect(await release).toMatchObject({ error: 'ClaimError', details: { claimed_by: 'claude-code' } });
    }
    expect(await tracker.claim({ id: item.id, action: 'renew' }, ANA)).toMatchObject({
      claim_token: item.claim_token,
    });
    expect(await tracker.claim({ id: item.id, action: 'release' }, ANA)).toMatchObject({ claim_token: null });
    expect(await refusalOf(tracker.claim({ id: item.id, action: 'release' }, ANA))).toMatchObject({
      message: expect.stringContaining('Nobody holds a claim') as string,
    });
  });

  it('give one item to one of several calls of a session', async () => {
    const { id } = await tracker.create();
    const calls = Array.from({ length: 4 }, () => tracker.claim({ id }, ANA));
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it.each([
    ['a person', 'Ben', BEN_TOO],
    ['a client', 'claude-code', BEN],
    ['a name', 'reviewer', { ...BEN, actor: 'reviewer' }],
  ])('hand an item over to %s', async (_what, to, taker) => {
    const { id } = await tracker.create({}, ANA);
    const { claim_token } = await tracker.claim({ id }, ANA);
    await tracker.claim({ id, action: 'hand_over', to }, ANA);
    expect(await text(taker)).toContain('handed over to you');
    if (to !== 'claude-code') {
      expect(await refusalOf(tracker.claim({ id }, ANA_TOO))).toMatchObject({ error: 'ClaimError' });
    }
    const taken = await tracker.claim({ id }, taker);
    expect(taken.claim_token).toBeGreaterThan(Number(claim_token));
    expect((await brief(taker)).claimed.items).toMatchObject([{ id, claim_token: taken.claim_token }]);
  });

  it('hear what changed since their own session was here, not since another wrote', async () => {
    const first = await tracker.create({ title: 'first' }, ANA);
    await tracker.create({ title: 'of the other window' }, ANA_TOO);
    await tracker.create({ title: 'of the other person' }, BEN);
    await tracker.update(first, { title: 'renamed' }, ANA_TOO);
    const { changed } = await brief(ANA);
    expect(changed).toMatchObject({ since: 1, after: 'this session', total: 3 });
    expect(changed.items.map(({ title, person, session }) => [title, person, session])).toEqual([
      ['renamed', 'Ana', ANA_TOO.session],
      ['of the other person', 'Ben', BEN.session],
      ['of the other window', 'Ana', ANA_TOO.session],
    ]);
    expect(await text(ANA)).toContain(
      'Changed since your last change, #1 (3):\n- #4 Ana (claude-code, session aaaaaaab)',
    );
    // One that wrote nothing yet stands where another of its person was, and is told so.
    const fresh = await brief(BEN_TOO);
    expect(fresh.changed).toMatchObject({ since: 3, after: 'another session', total: 1 });
    expect(await text(BEN_TOO)).toContain(
      'Changed since the last change of another session of yours, #3 (1):',
    );
    expect((await brief(window('Cyd', 'c'))).changed).toMatchObject({ after: null, total: 3 });
  });

  it('are found in the history by any of what they are', async () => {
    for (const caller of ALL) await tracker.create({ title: caller.session }, caller);
    await tracker.create({ title: 'signed', created_by: 'reviewer' }, BEN);
    await tracker.create({ title: 'elsewhere' }, { actor: 'cursor', client: 'cursor/1.0', person: 'Cyd' });
    const made = async (actor: string) => (await tracker.history({ actor })).items.map(({ seq }) => seq);
    const { device } = tracker.context.workspace;
    expect(await made('Ana')).toEqual([2, 1]);
    expect(await made('Ben')).toEqual([5, 4, 3]);
    expect(await made('reviewer')).toEqual([5]);
    expect(await made('claude-code')).toEqual([5, 4, 3, 2, 1]);
    expect(await made(CLIENT)).toEqual([5, 4, 3, 2, 1]);
    expect(await made('claude')).toEqual([]);
    expect(await made(ANA.session)).toEqual([1]);
    expect(await made('aaaaaaab')).toEqual([2]);
    expect(await made(device)).toEqual([6, 5, 4, 3, 2, 1]);
    expect(await made(device.slice(0, 8).toUpperCase())).toEqual([6, 5, 4, 3, 2, 1]);
    const { items } = await tracker.history({ actor: 'reviewer' });
    expect(items).toMatchObject([
      { actor: 'reviewer', client: CLIENT, person: 'Ben', session: BEN.session, device },
    ]);
  });

  it('have their own changes taken back, and nobody else’s', async () => {
    const since = tracker.clock.iso;
    const items = [];
    for (const caller of ALL) items.push(await tracker.create({ title: caller.session }, caller));
    const undone = await tracker.call(undo, { actor: 'aaaaaaaa', since, apply: true }, ANA_TOO);
    expect(undone.undone.map(({ entity_id }) => entity_id)).toEqual([items[0]?.id]);
    const shown = await tracker.call(undo, { actor: 'Ben', since });
    expect(shown).toMatchObject({ applied: false, undone: [{}, {}] });
    expect((await tracker.titles()).sort()).toEqual(ALL.slice(1).map(({ session }) => session));
  });

  it('are not given the claim of another session that used the same key', async () => {
    const item = { title: 'wanted' };
    await tracker.create(item, ANA);
    await tracker.create(item, ANA);
    const first = await tracker.claim({ idempotency_key: 'next' }, ANA);
    expect(await tracker.claim({ idempotency_key: 'next' }, ANA)).toMatchObject({
      ...{ id: first.id, claim_token: first.claim_token, repeated: true },
    });
    for (const other of [ANA_TOO, BEN]) {
      const refusal = await refusalOf(tracker.claim({ idempotency_key: 'next' }, other));
      expect(refusal).toMatchObject({ error: 'ValidationError', details: { field: 'idempotency_key' } });
      expect(JSON.stringify(refusal)).not.toContain(String(first.claim_token));
    }
  });

  it('take a claim that was handed over for themselves: whoever gave it away cannot end it', async () => {
    const { id } = await tracker.create({}, ANA);
    await tracker.claim({ id }, ANA);
    const handed = await tracker.claim({ id, action: 'hand_over', to: 'Ben' }, ANA);
    const taken = await tracker.claim({ id }, BEN);
    const release = { id, action: 'release', claim_token: handed.claim_token };
    expect(await refusalOf(tracker.claim(release, ANA))).toMatchObject({ error: 'ClaimError' });
    expect((await brief(BEN)).claimed.items).toMatchObject([{ id, claim_token: taken.claim_token }]);
  });

  it('are told of a claim in their name that an earlier version granted, and that it is not to be claimed', async () => {
    const { id } = await tracker.create({}, ANA);
    await tracker.store.write([
      claiming({ entity_id: id, actor: 'claude-code', client: CLIENT, patch: { lease_seconds: 600 } }),
    ]);
    const said = await text(ANA);
    expect(said).toMatch(/You hold \(1\):\n.*, claimed in your name by an earlier version/);
    expect(said).not.toContain('handed over');
    expect((await refusalOf(tracker.claim({ id, action: 'renew' }, ANA))).message).toMatch(
      /^claude-code \(claude-code\/2\.1\) holds the claim/,
    );
  });

  it('are told that a token is of an earlier claim of their own', async () => {
    const item = await tracker.create({}, ANA);
    const { claim_token } = await tracker.claim({ id: item.id }, ANA);
    await tracker.claim({ id: item.id, action: 'release' }, ANA);
    await tracker.claim({ id: item.id }, ANA);
    const write = tracker.update(item, { title: 'late', claim_token }, ANA);
    expect(await refusalOf(write)).toMatchObject({
      message: expect.stringContaining('this session holds it') as string,
      next: expect.stringContaining('Leave claim_token out') as string,
    });
  });

  // Ids of Codex are UUIDs v7: those of one minute begin alike.
  it('are told apart by what is shown of sessions that began in the same minute', async () => {
    const first = window('Ana', '01999abc-0000-7000-8000-000000000001');
    const second = window('Ben', '01999abc-1111-7000-8000-000000000001');
    const since = tracker.clock.iso;
    const item = await tracker.create({ title: 'first' }, first);
    await tracker.create({ title: 'second' }, second);
    const said = briefText(briefView(await tracker.call(getBrief, { since: 0 }, ANA)));
    for (const shown of ['01999abc-0000', '01999abc-1111']) expect(said).toContain(`session ${shown})`);
    const undone = async (actor: string) =>
      (await tracker.call(undo, { actor, since })).undone.map(({ entity_id }) => entity_id);
    expect(await undone('01999abc-0000')).toEqual([item.id]);
    expect(await undone('01999abc')).toEqual([]);
  });

  it.each(['Ana', 'aaaaaaaa', ANA.session, 'claude-code/2.1', '%', '_', '\u{1f600}', '\uffff', '~', 'ÿ'])(
    'are found by %j through indexes, on either database the same',
    async (maker) => {
      await tracker.create({ title: 'of Ana' }, ANA);
      await tracker.create({ title: 'of this name' }, { ...BEN, person: maker });
      const plan = await withPrimary(tracker.place, (primary) =>
        primary.inSnapshot(async (c) => {
          const { changes: t } = c.tables;
          const counting = c.db.select({ seq: t.seq }).from(t).where(madeBy(c.tables, maker)).getSQL();
          const db = c.db as unknown as Record<'all' | 'execute', (query: SQL) => Promise<unknown>>;
          if (backend.name === 'sqlite') return await db.all(sql`explain query plan ${counting}`);
          // What it would be with many rows.
          await db.execute(sql`set local enable_seqscan = off`);
          const told = (await db.execute(sql`explain ${counting}`)) as { rows?: unknown };
          return told.rows ?? told;
        }),
      );
      expect(JSON.stringify(plan)).not.toMatch(/SCAN changes|Seq Scan/);
      const found = (await tracker.history({ actor: maker })).items.map(({ person }) => person);
      expect(found).toContain(maker);
      expect(new Set(found).size).toBe(/^(aaaa|claude)/.test(maker) ? 2 : 1);
    },
  );

  it('are on a device with an id that a database takes, whatever stands in its file', async () => {
    const place = await backend.place();
    await mkdir(place.dataDir, { recursive: true });
    await writeFile(path.join(place.dataDir, 'device'), `${'-'.repeat(36)}\n`);
    const odd = await openTrackerAt(place);
    await odd.create({}, ANA);
    expect((await odd.history()).items[0]?.device).toMatch(/^[0-9a-f]{8}-/);
  });
});

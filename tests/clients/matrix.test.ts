// What the matrix counts as a failure, of runs that nobody made.
import { expect, it, vi } from 'vitest';
import type { ClientRun } from './client-run.ts';
import { CODING_CLIENTS, type CodingClient } from './coding-clients.ts';
import { failuresOf, printFigures } from './matrix.ts';

const SHOWN = {
  'stale update': '{"error":"VersionConflictError","details":{"current_version":2,"overlap":["priority"]}}',
  'unknown argument':
    '{"error":"ValidationError","details":{"field":"urgency","constraint":"there is priority"}}',
  'wrong enum': '{"error": "params/status must be equal to one of the allowed values"}',
  'unknown id': '{"error":"NotFoundError","details":{"id":"deadbeef"}}',
  recovery: 'Saved 3f2a9c1b v3 task active p2 Follow-up',
};

function aRun(changes: Partial<ClientRun> = {}, shown: Record<string, string> = {}): ClientRun {
  const [client] = CODING_CLIENTS as readonly [CodingClient, ...CodingClient[]];
  const exchanges = Object.entries({ ...SHOWN, ...shown }).map(([label, text]) => ({
    ...{ label, tool: 'update_work_item', shown: text },
  }));
  const played = { exchanges, outcome: 'done', tools: [] };
  return {
    ...{ client, transport: 'stdio', protocol: '2025-11-25', session: played, handover: played },
    ...{ isDescriptionWhole: true, ...changes },
  };
}

it('finds no failure where all went well, also where a client refused a call in its own words', () => {
  expect(failuresOf([aRun()])).toEqual([]);
});

it.each([
  [
    'a session that broke off',
    aRun({ session: { ...aRun().session, outcome: 'it ended after claim' } }),
    /session: it ended after claim/,
  ],
  [
    'a handover that broke off',
    aRun({ handover: { ...aRun().handover, outcome: 'it ended with 3' } }),
    /handover: it ended with 3/,
  ],
  [
    'an error that something else stands for',
    aRun({}, { 'unknown id': 'must have required property id' }),
    /"unknown id" did not reach/,
  ],
  [
    'a stale version that stays',
    aRun({}, { recovery: '{"error":"VersionConflictError"}' }),
    /did not recover/,
  ],
  ['a description that was shortened', aRun({ isDescriptionWhole: false }), /shortened/],
  ['a dear session', aRun({}, { list: 'a word '.repeat(4_000) }), /the limit is 6000/],
] as const)('names %s', (_what, run, words) => {
  expect(failuresOf([run])).toEqual([expect.stringMatching(words)]);
});

it('compares the sessions that ended, without what clients add of their own', () => {
  const print = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const cheap = aRun({}, { list: 'a word '.repeat(500) });
  const dear = aRun({}, { list: 'a word '.repeat(1_500) });
  const reminded = aRun(
    {},
    { list: `${'a word '.repeat(500)}<system-reminder>${'so '.repeat(900)}</system-reminder>` },
  );
  const cut = aRun({ session: { ...dear.session, outcome: 'it ended' } });
  expect(printFigures([cheap, reminded, cut])).toEqual([]);
  expect(printFigures([cheap, dear])).toEqual([
    expect.stringMatching(/times the cheapest, the limit is 1\.5/),
  ]);
  print.mockRestore();
});

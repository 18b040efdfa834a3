// Bugs that are put into the program on purpose, each at a place of its own: the checker has to notice every one.
import type { ScheduleClass } from './classes.ts';
import type { Replacement } from './mutant.ts';
import { EVERYTHING } from './writer.ts';

export interface SeededBug {
  name: string;
  replacements: readonly Replacement[];
  /** The schedules that show it, and how many are tried. */
  schedules: ScheduleClass;
  /** One of these must be found broken. */
  breaks: readonly string[];
  /** Whether it is shown in every run of the tests, not in the long one only. */
  isQuick: boolean;
}

const OUTAGES: ScheduleClass = {
  name: 'outages',
  primary: 'postgres',
  folders: 2,
  servers: [{ transport: 'stdio', sessions: 1 }],
  families: ['network'],
  isWarm: true,
  habits: EVERYTHING,
  isContested: false,
  totalMs: 3_500,
  each: 500,
  runs: { short: 3, long: 12 },
};

const QUIET: ScheduleClass = {
  ...OUTAGES,
  name: 'quiet',
  primary: 'sqlite',
  folders: 1,
  servers: [
    { transport: 'stdio', sessions: 1 },
    { transport: 'http', sessions: 3 },
  ],
  families: ['embedded'],
  isWarm: false,
  isContested: true,
};

export const SEEDED_BUGS: readonly SeededBug[] = [
  {
    name: 'acknowledges a write that no journal has saved',
    replacements: [
      {
        file: 'storage/journals/outbox.ts',
        find: 'await this.#write((file) => addEntry(file, entry, record));',
        replace: 'await Promise.resolve(record);',
      },
    ],
    schedules: OUTAGES,
    breaks: ['nothing acknowledged is lost'],
    isQuick: true,
  },
  {
    name: 'removes a waiting write before it is applied',
    replacements: [
      {
        file: 'storage/tiers/replayer.ts',
        find: 'const outcome = await settle(entry);',
        replace: 'await journals.remove([entry.id]);\nconst outcome = await settle(entry);',
      },
    ],
    // What waits behind a conflict is not applied at the first try.
    schedules: {
      ...OUTAGES,
      families: ['network', 'tables'],
      each: 350,
      isContested: true,
      habits: { ...EVERYTHING, update: 90 },
    },
    breaks: ['nothing acknowledged is lost'],
    isQuick: false,
  },
  {
    name: 'does not remember which writes were applied',
    replacements: [
      {
        file: 'storage/apply/apply.ts',
        find: 'if (rows.length === 1 && row !== undefined && row.idempotency_key === undefined) {',
        replace:
          'if (row?.idempotency_key === undefined) return;\nif (rows.length === 1 && row !== undefined) {',
      },
    ],
    schedules: { ...OUTAGES, families: ['lost commits'] },
    breaks: ['applied once'],
    isQuick: false,
  },
  {
    name: 'merges whatever a change sets over what others set',
    replacements: [
      {
        file: 'domain/conflict.ts',
        find: 'mergeable: overlap.length === 0,',
        replace: 'overlap: [],\n    mergeable: true,',
      },
    ],
    schedules: { ...QUIET, habits: { ...EVERYTHING, update: 90 } },
    breaks: ['nothing is silently overwritten'],
    isQuick: false,
  },
  {
    name: 'gives a kept write the version of an applied one',
    replacements: [
      {
        file: 'domain/provisional-version.ts',
        find: "return (createHash('sha256').update(change_id).digest().readUInt16BE(0) + 1) * PROVISIONAL_STEP;",
        replace: "return createHash('sha256').update(change_id).digest().readUInt16BE(0) === -1 ? 2 : 1;",
      },
    ],
    schedules: OUTAGES,
    breaks: ['provisional versions are told'],
    isQuick: false,
  },
  {
    name: 'says of every write that the primary has it',
    replacements: [
      {
        file: 'storage/tiers/lower-layers.ts',
        find: "durability: keeper === 'primary' ? primarySource(this.#parts) : keeper,",
        replace: 'durability: primarySource(this.#parts),',
      },
    ],
    schedules: OUTAGES,
    breaks: ['durability is true'],
    isQuick: false,
  },
  {
    name: 'says of every copy that it is of now',
    replacements: [
      {
        file: 'use-cases/support/described-answer.ts',
        find: '...(as_of !== undefined && { as_of }),',
        replace: '...(as_of !== undefined && { as_of: new Date().toISOString() }),',
      },
    ],
    schedules: { ...OUTAGES, habits: { ...EVERYTHING, read: 50 } },
    breaks: ['as_of is true'],
    isQuick: false,
  },
  {
    name: 'says of every answer that it is from the primary',
    replacements: [
      {
        file: 'use-cases/support/described-answer.ts',
        find: 'data_source: source,',
        replace: "data_source: 'postgres',",
      },
    ],
    schedules: OUTAGES,
    breaks: ['data_source is true'],
    isQuick: false,
  },
  {
    name: 'applies the last of the waiting writes first',
    replacements: [
      {
        file: 'storage/tiers/replayer.ts',
        find: 'for (const entry of entries) {',
        replace: 'for (const entry of [...entries].reverse()) {',
      },
    ],
    schedules: { ...OUTAGES, habits: { ...EVERYTHING, note: 90 } },
    breaks: ['the writes of one session to one item keep their order'],
    isQuick: false,
  },
  {
    name: 'gives the token of an earlier claim',
    replacements: [
      {
        file: 'domain/claim.ts',
        find: 'return Math.max(previous + 1, Date.parse(now) - TOKENS_SINCE_MS);',
        replace: 'return Math.max(previous, now.length);',
      },
    ],
    schedules: { ...QUIET, habits: { ...EVERYTHING, claim: 90 } },
    breaks: ['claim tokens never come again'],
    isQuick: false,
  },
  {
    name: 'applies a plan without a transaction',
    replacements: [
      {
        file: 'storage/primary/postgres.ts',
        find: "return this.#inTurns((pooled) => pooled.transaction('begin', work));",
        replace: "return this.#inTurns((pooled) => pooled.transaction('select 1', work));",
      },
    ],
    schedules: { ...OUTAGES, families: ['tables'], habits: { ...EVERYTHING, plan: 60 } },
    breaks: ['whole or not at all', 'applied once', 'what is refused is not applied'],
    isQuick: false,
  },
];

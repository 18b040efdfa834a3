// What else a server does while a long call runs: it answers, tells how far the call is, and shows nothing half done.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { JsonRpcProcess } from '../support/json-rpc-process.ts';
import { report } from '../torture/scale.ts';
import { describeEachDatabase, type Place } from './place.ts';
import { outcomeOf, Server } from './server.ts';

const ITEMS = 1_500;
/** Of a call: far fewer than there are, for a machine that is busy with other things. */
const PINGS_MIN = 20;
const TOKEN = 'how far';

interface Told {
  progress: number;
  total: number;
  message: string;
}

describeEachDatabase('a long import', (newPlace, source) => {
  it.each([
    { tool: 'import_session_prompts', write: writePrompts },
    { tool: 'import_status_file', write: writeStatusFile },
  ])('lets others have their turns: $tool', { timeout: 180_000 }, async ({ tool, write }) => {
    const place = await newPlace();
    const { rpc } = await Server.start(place);
    await write(place);
    const beside = new Beside(rpc);
    const params = { name: tool, arguments: { dry_run: false }, _meta: { progressToken: TOKEN } };
    const answered = await beside.run(() => rpc.request('tools/call', params));
    expect(outcomeOf(answered).failure).toBeUndefined();

    // Everything in the order in which the server sent it.
    const messages = rpc.lines.map((line) => JSON.parse(line) as Message);
    const end = messages.findIndex(({ id }) => id === answered.id);
    const told = messages.flatMap(({ method, params: one }, at) =>
      method === 'notifications/progress' ? [{ ...one, at }] : [],
    );
    expectOneScale(told);
    expect(told.at(-1)?.at).toBeLessThan(end);
    const before = (phase: string) => told.findIndex(({ message }) => message.startsWith(phase));
    expect(before('write')).toBeGreaterThan(0);
    const writing = told[before('write')]?.at ?? end;
    const pings = messages.flatMap(({ id }, at) => (id !== undefined && beside.pings.has(id) ? [at] : []));
    const during = (from: number, to: number) => pings.filter((at) => at > from && at < to).length;
    expect(during(told[0]?.at ?? end, end)).toBeGreaterThan(PINGS_MIN);
    // Its one transaction is open meanwhile.
    expect(during(writing, end)).toBeGreaterThan(1);
    expect([...beside.counts].filter((count) => count !== 0 && count !== ITEMS)).toEqual([]);
    expect(beside.counts.size).toBeGreaterThan(0);
    report(
      `${tool} of ${ITEMS} items beside ${pings.length} pings, ${source}`,
      `the longest waited ${Math.round(beside.longestMs)} ms`,
    );
  });
});

interface Message {
  id?: number;
  method?: string;
  params: Told;
}

function expectOneScale(told: readonly Told[]): void {
  expect(told[0]).toMatchObject({ progress: 0, total: 100 });
  expect(new Set(told.map(({ total }) => total))).toEqual(new Set([100]));
  const numbers = told.map(({ progress }) => progress);
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  expect(numbers.at(-1)).toBe(100);
}

/** Pings one after the other, and now and then asks how many items there are. */
class Beside {
  readonly pings = new Set<number>();
  readonly counts = new Set<number>();
  longestMs = 0;

  constructor(private readonly rpc: JsonRpcProcess) {}

  async run<T>(work: () => Promise<T>): Promise<T> {
    let isOver = false;
    const asking = Promise.all([
      this.#repeat(
        () => this.#ping(),
        5,
        () => isOver,
      ),
      this.#repeat(
        () => this.#count(),
        50,
        () => isOver,
      ),
    ]);
    try {
      return await work();
    } finally {
      isOver = true;
      await asking;
    }
  }

  async #repeat(ask: () => Promise<void>, pauseMs: number, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await ask();
      await sleep(pauseMs);
    }
  }

  async #ping(): Promise<void> {
    const start = performance.now();
    const { id } = await this.rpc.request('ping');
    this.pings.add(id);
    this.longestMs = Math.max(this.longestMs, performance.now() - start);
  }

  async #count(): Promise<void> {
    const params = { name: 'list_work_items', arguments: { limit: 1 } };
    const { answer } = outcomeOf(await this.rpc.request('tools/call', params));
    this.counts.add(Number(answer?.['total_count']));
  }
}

async function writePrompts({ project }: Place): Promise<void> {
  const folder = path.join(project, 'docs', 'session-prompts');
  await mkdir(folder, { recursive: true });
  const text = 'Do what is written here, in words of ordinary length.\n'.repeat(10);
  for (let at = 0; at < ITEMS; at += 1) {
    const frontmatter = `---\nschema_version: "1.0"\ntitle: Session ${at}\ndate: 2026-01-02\n---\n`;
    await writeFile(path.join(folder, `session-${at}.md`), `${frontmatter}# Session ${at}\n\n${text}`);
  }
}

async function writeStatusFile({ project }: Place): Promise<void> {
  const items = Array.from({ length: ITEMS }, (_, at) => `### Item ${at} of a list kept by hand (task)\n`);
  await writeFile(path.join(project, '.project_status.md'), `## Active Work Items\n${items.join('')}`);
}

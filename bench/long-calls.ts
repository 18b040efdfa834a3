/** What a client meets while a long call runs: how often it hears of progress, and how long a ping waits beside it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../src/platform/package-root.ts';
import { ms, percentiles, type Report } from './figures.ts';
import { StdioPeer, type Notification } from './stdio.ts';

const ITEMS = 5_000;
const PLANNED = 500;
/** Between the answer to one ping and the next ping. */
const PING_PAUSE_MS = 5;
/** What is done after an answer, as keeping own writes and the status file, counts too. */
const AFTERWARDS_MS = 1_500;
/** Without a call, for the floor. */
const IDLE_MS = 3_000;
const PING_LIMIT_MS = 100;
const PROGRESS_LIMIT_MS = 500;

const program = path.join(packageRoot(), 'dist', 'cli.js');

export const COLUMNS = [
  'store',
  'call',
  'took',
  'notifications',
  'longest pause between them',
  'bar',
  'totals',
  'pings',
  'ping p95 / longest',
  'bar',
  'floor: idle, p95 / longest',
];

export async function benchLongCalls(report: Report, where: string, databaseUrl?: string): Promise<void> {
  const prompts = await open(where, databaseUrl, writePrompts);
  await prompts.bench(report, 'import_session_prompts', { dry_run: false }, ITEMS);
  await prompts.bench(report, 'import_session_prompts', { dry_run: false }, ITEMS, 'again');
  await prompts.bench(report, 'archive_work_items', {}, ITEMS);
  await prompts.close();
  const status = await open(where, databaseUrl, writeStatusFile);
  await status.bench(report, 'import_status_file', { dry_run: false }, ITEMS);
  await status.bench(report, 'generate_status_report', {}, ITEMS);
  await status.bench(report, 'apply_plan', { items: PLAN }, PLANNED);
  await status.close();
}

interface Opened {
  bench(report: Report, tool: string, input: object, items: number, which?: string): Promise<void>;
  close(): Promise<void>;
}

async function open(
  where: string,
  databaseUrl: string | undefined,
  fill: (project: string) => void,
): Promise<Opened> {
  const project = mkdtempSync(path.join(tmpdir(), 'worktrail-bench-'));
  const slug = `long-${path.basename(project).slice(-6).toLowerCase()}`;
  writeFileSync(path.join(project, 'worktrail.config.json'), JSON.stringify({ project: { slug } }));
  fill(project);
  const env = { WORKTRAIL_DATABASE_URL: databaseUrl ?? 'embedded' };
  const peer = new StdioPeer([program, 'serve', '--toolsets', 'all'], project, env);
  await peer.initialize();
  await peer.call('list_work_items');
  const idle = percentilesAndLongest(await pingsDuring(peer, () => sleep(IDLE_MS)));
  return {
    bench: async (report, tool, input, items, which = '') => {
      const told: { at: number; params: Notification['params'] }[] = [];
      peer.onNotification = ({ method, params }) => {
        if (method === 'notifications/progress') told.push({ at: performance.now(), params });
      };
      const start = performance.now();
      let took = 0;
      const pings = await pingsDuring(peer, async () => {
        const params = { name: tool, arguments: input, _meta: { progressToken: tool } };
        const { result } = await peer.request('tools/call', params);
        took = performance.now() - start;
        if (result?.isError === true) throw new Error(`${tool}: ${JSON.stringify(result.content)}`);
        await sleep(AFTERWARDS_MS);
      });
      const moments = [start, ...told.map(({ at }) => at), start + took];
      const pause = Math.max(...moments.slice(1).map((at, before) => at - (moments[before] ?? at)));
      const waits = percentilesAndLongest(pings);
      const name = `${tool} of ${items} items ${which}`.trim();
      report.row(
        where,
        name,
        ms(took),
        String(told.length),
        ms(pause),
        report.bar(`${name}, ${where}: pause between notifications`, pause, PROGRESS_LIMIT_MS, ms),
        [...new Set(told.map(({ params }) => String(params['total'] ?? 'none')))].join(', '),
        String(pings.length),
        `${ms(waits.p95)} / ${ms(waits.longest)}`,
        report.bar(`${name}, ${where}: longest ping`, waits.longest, PING_LIMIT_MS, ms),
        `${ms(idle.p95)} / ${ms(idle.longest)}`,
      );
    },
    close: async () => {
      await peer.end();
      rmSync(project, { recursive: true, force: true });
    },
  };
}

/** How long each of many pings waited, one after the other, while `work` runs. */
async function pingsDuring(peer: StdioPeer, work: () => Promise<unknown>): Promise<number[]> {
  const waits: number[] = [];
  let isOver = false;
  const pinging = async () => {
    while (!isOver) {
      const start = performance.now();
      await peer.request('ping', {});
      waits.push(performance.now() - start);
      await sleep(PING_PAUSE_MS);
    }
  };
  const pinged = pinging();
  try {
    await work();
  } finally {
    isOver = true;
    await pinged;
  }
  return waits;
}

function percentilesAndLongest(waits: number[]): { p95: number; longest: number } {
  return { p95: percentiles(waits).p95, longest: Math.max(...waits) };
}

function writePrompts(project: string): void {
  const text = 'Do what is written here, in some words of ordinary length.\n'.repeat(10);
  for (let at = 0; at < ITEMS; at += 1) {
    const folder = path.join(project, 'docs', 'session-prompts', `week-${at % 50}`);
    mkdirSync(folder, { recursive: true });
    const head = `---\nschema_version: "1.0"\ntitle: Session ${at} about the thing\ndate: 2025-01-02\nstatus: completed\ntags: [a, b${at % 7}]\npriority: p1\n---\n`;
    writeFileSync(
      path.join(folder, `session-${at}.md`),
      `${head}# Session ${at}\n\n## Prompt 1: begin\n${text}`,
    );
  }
}

function writeStatusFile(project: string): void {
  const items = Array.from({ length: ITEMS }, (_, at) => `### Item ${at} of a list kept by hand (task)\n`);
  writeFileSync(path.join(project, '.project_status.md'), `## Active Work Items\n${items.join('')}`);
}

const PLAN = Array.from({ length: PLANNED }, (_, at) => ({
  key: `k${at}`,
  item_type: 'task',
  title: `Step ${at} of a plan with a title of ordinary length`,
  description: 'What has to be done in this step, in a sentence or two.',
  ...(at > 0 && { parent: `k${Math.floor((at - 1) / 6)}` }),
  ...(at > 40 && { depends_on: [`k${at - 1}`] }),
}));

// Progress notifications of a call that takes long, as every client meets them; and the tools that show jobs.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { Phases, Progress } from '../../src/domain/progress.ts';
import { withProgress } from '../../src/mcp/progress.ts';
import { Operations } from '../../src/storage/operations/operations.ts';
import { runInProcess } from '../support/in-process.ts';
import { rows, text } from './calls.ts';
import { type Surface, describeEverySurface } from './surfaces.ts';

/** More than one transaction archives. */
const DUE = 250;

describeEverySurface(
  (surface) => {
    it('tells a client that asked how far the archiving is', { timeout: 60_000 }, async () => {
      await importClosed(surface, DUE);
      const told: Told[] = [];
      const result = await surface.client().callTool('archive_work_items', {}, (one) => told.push(one));
      expect(result.isError, result.text).toBe(false);
      expect(result.structured).toMatchObject({ items_total: DUE });
      expect(told.length).toBeGreaterThan(0);
      expect(told.map(({ message }) => message)).toContain('move');
      expectGrowing(told);
      expect(told.every(({ progress }) => progress <= DUE)).toBe(true);
      // How much there will be to archive is not known before.
      expect(told.every(({ total }) => total === undefined)).toBe(true);

      const [job] = rows((await surface.call('list_jobs', { kind: 'archive', limit: 1 }))['items']);
      expect(job).toMatchObject({ state: 'succeeded', phase: 'move', counts: { items: DUE } });
      const { id, ...shown } = job ?? {};
      expect(await surface.call('get_job', { id })).toMatchObject({ ...shown, snapshots: [] });
    });

    it(
      'tells how far an import is, and shows its job with the backup before it',
      { timeout: 60_000 },
      async () => {
        const vendors = Array.from({ length: 30 }, (_, at) => `- ${surface.unique('told')} ${at}: broken\n`);
        await writeFile(path.join(surface.project(), 'told.md'), `## Vendors\n${vendors.join('')}`);
        const told: Told[] = [];
        const input = { path: 'told.md', dry_run: false };
        const result = await surface.client().callTool('import_status_file', input, (one) => told.push(one));
        expect(result.structured, result.text).toMatchObject({ outcome: 'imported' });
        // The last one comes together with the answer, where some clients listen no more.
        const phases = told.map(({ message }) => message?.split(' ')[0]);
        expect(phases).toEqual(expect.arrayContaining(['list', 'copy', 'verify']));
        expectGrowing(told);
        expect(told[0]).toMatchObject({ progress: 0, total: 100 });
        expect(told.every(({ total }) => total === 100)).toBe(true);
        const [job] = rows((await surface.call('list_jobs', { kind: 'legacy_import', limit: 1 }))['items']);
        expect(job).toMatchObject({ state: 'succeeded', phase: 'write', counts: { created: 30 } });
        expect(await surface.call('get_job', { id: text(job?.['id']) })).toMatchObject({
          snapshots: [{ kind: 'backup' }],
        });
      },
    );

    it('refuses words that are none of a job, naming those that are', async () => {
      expect(await surface.refuseField('state', 'list_jobs', { state: 'done' })).toContain('interrupted');
      expect(await surface.refuseField('kind', 'list_jobs', { kind: 'thing' })).toContain('move_to_postgres');
      expect(await surface.refuseField('cursor', 'list_jobs', { cursor: 'x' })).toContain('next_cursor');
      await surface.refuse('NotFoundError', 'get_job', { id: 'abcdef' });
    });

    it('shows the copies that a job made', async () => {
      const jobs = new Operations(path.join(surface.project(), '.worktrail'));
      const id = await jobs.run('export', (job) => {
        job.snapshot({ kind: 'export', reference: surface.unique('file'), bytes: 7 });
        return Promise.resolve(job.id);
      });
      jobs.close();
      const { snapshots } = await surface.call('get_job', { id });
      expect(snapshots).toMatchObject([{ kind: 'export', bytes: 7, job_id: id }]);
      expect(rows((await surface.call('list_jobs'))['snapshots'])).toContainEqual(rows(snapshots)[0]);
    });
  },
  ['sqlite'],
);

describe('progress notifications', () => {
  const told = async (steps: Progress[], phases?: Phases) => {
    const sent: Record<string, unknown>[] = [];
    const notify = ({ params }: { params: object }) => Promise.resolve(void sent.push({ ...params }));
    let late: (progress: Progress) => void = () => undefined;
    const work = (report: (progress: Progress) => void) => {
      steps.forEach(report);
      late = report;
      return Promise.resolve();
    };
    await withProgress('token', notify, work, phases);
    late({ phase: 'late', done: 99, total: 99 });
    return sent;
  };

  it('count the steps of all phases, without a total that would change', async () => {
    const sent = await told([
      { phase: 'copy', done: 10, total: 10 },
      { phase: 'verify', done: 0, total: 5 },
      { phase: 'verify', done: 5, total: 5 },
      { phase: 'end', done: 1, total: 1 },
    ]);
    expect(sent).toEqual([
      { progressToken: 'token', progress: 10, message: 'copy 10/10' },
      { progressToken: 'token', progress: 15, message: 'verify 5/5' },
      { progressToken: 'token', progress: 16, message: 'end' },
    ]);
  });

  it('go to one total through phases that are known before, whatever of them is left out', async () => {
    const phases = { list: 1, copy: 3, verify: 4, write: 2 };
    const sent = await told(
      [
        { phase: 'list', done: 0, total: null },
        { phase: 'copy', done: 10, total: 10 },
        { phase: 'write', done: 0, total: 0 },
      ],
      phases,
    );
    const numbers = sent.map(({ progress }) => Number(progress));
    expect(sent.map(({ total }) => total)).toEqual([100, 100, 100, 100]);
    expect(numbers[0]).toBe(0);
    expect(numbers[1]).toBeCloseTo(99 * 0.4);
    expect(numbers.slice(2)).toEqual([99, 100]);
  });

  it('do not reach the total when the work fails', async () => {
    const sent: number[] = [];
    const notify = ({ params }: { params: { progress: number } }) =>
      Promise.resolve(void sent.push(params.progress));
    const work = (report: (progress: Progress) => void) => {
      report({ phase: 'read', done: 2, total: 2 });
      return Promise.reject(new Error('no room'));
    };
    await expect(withProgress('token', notify, work, { read: 1, write: 1 })).rejects.toThrow('no room');
    expect(sent).toEqual([49.5]);
  });

  it.each([{ read: 1, write: 9 }, undefined])(
    'are sent again while nothing is reported, always a little more and never past what is done (%o)',
    async (phases) => {
      vi.useFakeTimers();
      try {
        const sent: { at: number; progress: number }[] = [];
        const notify = ({ params }: { params: { progress: number } }) =>
          Promise.resolve(void sent.push({ at: performance.now(), progress: params.progress }));
        const minutes = 30;
        await withProgress(
          'token',
          notify,
          async (report) => {
            report({ phase: 'read', done: 1, total: 4 });
            await vi.advanceTimersByTimeAsync(minutes * 60_000);
          },
          phases,
        );
        const beats = phases === undefined ? sent : sent.slice(0, -1);
        expect(beats.length).toBeGreaterThan(minutes * 60 * 2);
        const pauses = beats.slice(1).map(({ at }, before) => at - (beats[before]?.at ?? 0));
        expect(Math.max(...pauses)).toBeLessThanOrEqual(500);
        expectGrowing(beats);
        // A share of 9.9 is that of reading; without shares, the next step would be the second.
        expect(beats.every(({ progress }) => progress < (phases === undefined ? 2 : 9.9))).toBe(true);
      } finally {
        vi.useRealTimers();
      }
    },
  );

  it('are few however many steps there are, and never go back', async () => {
    const steps = Array.from({ length: 10_000 }, (_, done) => ({ phase: 'copy', done, total: null }));
    const sent = await told([...steps, { phase: 'copy', done: 3, total: null }]);
    expect(sent.length).toBeLessThan(100);
    expect(sent[0]).toEqual({ progressToken: 'token', progress: 0, message: 'copy' });
  });

  it('are not sent to a client that did not ask, and one that is gone does not hold up the work', async () => {
    const notify = () => Promise.reject(new Error('closed'));
    const work = (report: (progress: Progress) => void) => {
      report({ phase: 'copy', done: 1, total: 1 });
      return Promise.resolve('done');
    };
    expect(await withProgress('token', notify, work)).toBe('done');
    let asked = 0;
    await withProgress(undefined, () => Promise.resolve(void (asked += 1)), work);
    expect(asked).toBe(0);
  });
});

interface Told {
  progress: number;
  total?: number | undefined;
  message?: string | undefined;
}

function expectGrowing(told: readonly { progress: number }[]): void {
  const numbers = told.map(({ progress }) => progress);
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
}

/** Closed items of long ago, as an import brings them. */
async function importClosed(surface: Surface, count: number): Promise<void> {
  const namespace = surface.unique('closed').replaceAll(/[^a-z0-9]+/gi, '-');
  const issues = Array.from({ length: count }, (_, n) => ({
    ...{ id: `bd-${n}`, title: `Old ${n}`, status: 'closed', priority: 2, issue_type: 'task' },
    ...{ created_at: '2020-01-01T00:00:00Z', updated_at: '2020-01-02T00:00:00Z' },
  }));
  // Or the server's own daily run could take some of them first.
  await writeFile(path.join(surface.project(), '.worktrail', 'last-archive-run'), new Date().toISOString());
  const file = path.join(surface.project(), `${namespace}.jsonl`);
  await writeFile(file, issues.map((issue) => JSON.stringify(issue)).join('\n'));
  const args = ['import', 'beads', file, '--namespace', namespace, ...surface.databaseArguments()];
  const { code, stderr } = await runInProcess(args, { project: surface.project() });
  expect(code, stderr).toBe(0);
}

// The bar of long work: on stderr while that is a terminal, and nothing anywhere else.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { say } from '../../src/cli/terminal/output.ts';
import { progressLine, withProgressBar } from '../../src/cli/terminal/progress-bar.ts';

const CLEAR = '\r\u001b[2K';

function stderrAs(isTTY: boolean): string[] {
  const written: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  const before = Object.getOwnPropertyDescriptors(process.stderr);
  Object.defineProperty(process.stderr, 'isTTY', { value: isTTY, configurable: true, writable: true });
  Object.defineProperty(process.stderr, 'columns', { value: 40, configurable: true, writable: true });
  restore = () => {
    for (const name of ['isTTY', 'columns'] as const) {
      const old = before[name] as PropertyDescriptor | undefined;
      if (old === undefined) Reflect.deleteProperty(process.stderr, name);
      else Object.defineProperty(process.stderr, name, old);
    }
  };
  return written;
}

let restore = (): void => undefined;
afterEach(() => {
  vi.restoreAllMocks();
  restore();
});

describe('a bar', () => {
  it('fills with what is done, and counts where the end is not known', () => {
    expect(progressLine({ phase: 'copy', done: 0, total: 10 })).toBe(
      `copy      [${'-'.repeat(24)}]   0%  0/10`,
    );
    expect(progressLine({ phase: 'copy', done: 5, total: 10 })).toContain(
      `[${'#'.repeat(12)}${'-'.repeat(12)}]  50%  5/10`,
    );
    expect(progressLine({ phase: 'copy', done: 12, total: 10 })).toContain(`[${'#'.repeat(24)}] 100%`);
    expect(progressLine({ phase: 'catch_up', done: 7, total: null })).toBe('catch up    7');
  });

  it('stays on one line of the terminal, makes way for what is said, and is gone at the end', async () => {
    const written = stderrAs(true);
    await withProgressBar((onProgress) => {
      onProgress({ phase: 'copy', done: 1, total: 1 });
      say('beside');
      onProgress({ phase: 'verify', done: 2, total: 2 });
      return Promise.resolve();
    });
    expect(written.map((text) => text.replaceAll(CLEAR, '<'))).toEqual([
      expect.stringMatching(/^<copy .{34}$/),
      '<',
      'beside\n',
      expect.stringMatching(/^<verify .{32}$/),
      '<',
    ]);
    expect(written.at(-1)).toBe(CLEAR);
    for (const text of written) expect(text.replace(CLEAR, '').trimEnd().length).toBeLessThan(40);
  });

  it('is gone also when the work fails', async () => {
    const written = stderrAs(true);
    const work = withProgressBar((onProgress) => {
      onProgress({ phase: 'copy', done: 1, total: 1 });
      return Promise.reject(new Error('no'));
    });
    await expect(work).rejects.toThrow('no');
    expect(written.at(-1)).toBe(CLEAR);
  });

  it('is drawn a few times only', async () => {
    const written = stderrAs(true);
    await withProgressBar((onProgress) => {
      for (let done = 0; done < 10_000; done += 1) onProgress({ phase: 'copy', done, total: null });
      return Promise.resolve();
    });
    expect(written.length).toBeLessThan(100);
  });

  it('is nothing where stderr is no terminal', async () => {
    const written = stderrAs(false);
    expect(
      await withProgressBar((onProgress) => {
        onProgress({ phase: 'copy', done: 1, total: 1 });
        return Promise.resolve('done');
      }),
    ).toBe('done');
    expect(written).toEqual([]);
  });
});

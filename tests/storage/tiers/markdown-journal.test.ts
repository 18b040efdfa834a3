// The journal in markdown beyond the contract of journals: torn, altered and full files, and crashes in between.
import { readFileSync, writeFileSync } from 'node:fs';
import { appendFile, cp, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { MarkdownJournal } from '../../../src/storage/journals/markdown-journal.ts';
import { encodeEntry } from '../../../src/storage/journals/entry-codec.ts';
import { JournalUnavailable, type JournalEntry } from '../../../src/storage/contract/journal.ts';
import { bundledScript } from '../../support/bundled-script.ts';
import { startProgram } from '../../support/child-program.ts';
import { temporaryProject } from '../../support/temporary-project.ts';
import { DEVICE, idsOf, makeEntries, makeEntry } from './journal-entries.ts';
import { mountOver, mountReadOnly } from './mounts.ts';

const PROCESS = 'the-process';

let folder: string;
let file: string;
let journal: MarkdownJournal;
beforeEach(async () => {
  folder = path.join(await temporaryProject(), '.worktrail', 'pending');
  file = path.join(folder, `${DEVICE}-${PROCESS}.md`);
  journal = new MarkdownJournal(folder, DEVICE, PROCESS);
});

const filesLeft = async () => (await readdir(folder)).filter((name) => /\.(md|claimed|temp)$/.test(name));
const another = () => new MarkdownJournal(folder, DEVICE);

describe('a file of waiting writes', () => {
  it('says in plain words what waits', async () => {
    await journal.append(makeEntry({ patch: { title: 'Mend the\n```fence <b>' } }));
    await journal.append(makeEntry({ kind: 'update', entity: 'vendor', patch: { name: 'ACME' } }));
    const text = await readFile(file, 'utf8');
    expect(text).toContain('# Writes that wait');
    expect(text).toMatch(/^## Waiting since 2026-01-02T03:04:05.678Z: create work item "Mend the fence b"$/m);
    expect(text).toMatch(/^## Waiting since .*: update vendor "ACME"$/m);
    expect(text.match(/^```/gm)).toHaveLength(4);
  });

  it('disappears with the last write that waits in it', async () => {
    const entries = makeEntries(3);
    for (const entry of entries) await journal.append(entry);
    await journal.remove(idsOf(entries));
    expect(await filesLeft()).toEqual([]);
  });

  it('is not made by looking', async () => {
    expect([await journal.list(), await journal.fingerprint()]).toEqual([[], '']);
    await journal.remove(['some-id']);
    await expect(stat(folder)).rejects.toThrow('ENOENT');
  });

  it('cannot be in a place that is a file', async () => {
    await mkdir(path.dirname(folder), { recursive: true });
    await writeFile(folder, 'in the way');
    await expect(journal.append(makeEntry())).rejects.toThrow(JournalUnavailable);
    await expect(journal.list()).rejects.toThrow(JournalUnavailable);
  });

  it('may be deleted with its folder while it is in use', async () => {
    await journal.append(makeEntry());
    await rm(folder, { recursive: true });
    const entry = makeEntry();
    await journal.append(entry);
    expect(await journal.list()).toEqual([entry]);
  });

  it('refuses names that lead elsewhere', () => {
    for (const name of ['../up', 'a/b', '', '.hidden', 'a b']) {
      expect(() => new MarkdownJournal(folder, name)).toThrow(TypeError);
    }
  });
});

describe('a torn last record', () => {
  it(
    'is passed over wherever it was torn, and never glued to the next one',
    { timeout: 120_000 },
    async () => {
      const [first, torn, next] = [makeEntry(), makeEntry({ patch: { title: 'tørn 🧭' } }), makeEntry()];
      await journal.append(first);
      const { size: start } = await stat(file);
      await journal.append(torn);
      const whole = readFileSync(file);
      const complete = whole.indexOf(encodeEntry(torn)) + Buffer.byteLength(encodeEntry(torn));
      for (let end = start; end < whole.length; end += 1) {
        for (const name of await filesLeft()) await rm(path.join(folder, name));
        writeFileSync(file, whole.subarray(0, end));
        const expected = end >= complete ? [first, torn] : [first];
        const restarted = new MarkdownJournal(folder, DEVICE, PROCESS);
        expect(idsOf(await restarted.list()), `cut at ${end}`).toEqual(idsOf(expected));
        expect(restarted.damage(), `cut at ${end}`).toEqual([]);
        await restarted.append(next);
        expect(idsOf(await restarted.list()), `cut at ${end}`).toEqual(idsOf([...expected, next]));
        expect(restarted.damage(), `cut at ${end}`).toEqual([]);
        if (end % 50 !== 0) continue;
        await restarted.remove([first.id]);
        expect(idsOf(await restarted.list()), `cut at ${end}`).toEqual(idsOf([...expected.slice(1), next]));
      }
    },
  );

  it.each(['\n', ''])('followed by other text does not hide later records (%j)', async (glue) => {
    const [first, torn, later] = [makeEntry(), makeEntry(), makeEntry()];
    await journal.append(first);
    await journal.append(later);
    const text = await readFile(file, 'utf8');
    const at = text.indexOf('\n## ', text.indexOf(first.id));
    await writeFile(file, text.slice(0, at) + encodeEntry(torn).slice(0, 300) + glue + text.slice(at));
    expect(idsOf(await journal.list())).toEqual(idsOf([first, later]));
    expect(journal.damage()).toHaveLength(1);
  });
});

describe('a damaged record', () => {
  it('is kept aside and reported; the others are still there', async () => {
    const entries = makeEntries(3);
    for (const entry of entries) await journal.append(entry);
    const text = await readFile(file, 'utf8');
    const middle = encodeEntry(entries[1] ?? makeEntry());
    await writeFile(file, text.replace(middle, middle.replace('Write it down', 'Write it up!!')));
    expect(idsOf(await journal.list())).toEqual(idsOf([entries[0], entries[2]].flatMap((one) => one ?? [])));
    const [kept = '', ...more] = await readdir(path.join(folder, 'damaged'));
    expect(more).toEqual([]);
    expect(await readFile(path.join(folder, 'damaged', kept), 'utf8')).toContain('Write it up!!');
    expect(journal.damage().join(' ')).toContain(kept);

    await journal.remove([entries[0]?.id ?? '']);
    expect(await another().list()).toEqual([entries[2]]);
    const later = another();
    await later.list();
    expect(later.damage().join(' ')).toContain(kept);
    expect(await readdir(path.join(folder, 'damaged'))).toEqual([kept]);
  });

  it('is noticed whichever byte is hit, and takes no other with it', { timeout: 120_000 }, async () => {
    const entries = makeEntries(3);
    for (const entry of entries) await journal.append(entry);
    const whole = readFileSync(file);
    const middle = encodeEntry(entries[1] ?? makeEntry());
    const start = whole.indexOf(middle);
    for (const mask of [0x01, 0x20, 0xff]) {
      for (let at = start - 20; at < start + middle.length + 6; at += 3) {
        await rm(path.join(folder, 'damaged'), { recursive: true, force: true });
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        writeFileSync(file, bytes);
        const reader = another();
        const listed = idsOf(await reader.list());
        expect(listed, `byte ${at}`).toEqual(expect.arrayContaining([entries[0]?.id, entries[2]?.id]));
        if (listed.length < 3) expect(reader.damage(), `byte ${at}`).not.toEqual([]);
      }
    }
  });

  it('is not what people write beside the records', async () => {
    const entry = makeEntry();
    await journal.append(entry);
    await appendFile(file, 'A note: ask Kim about this one.\n\n```json\n{"mine": 1}\n```\n');
    expect(await journal.list()).toEqual([entry]);
    expect(journal.damage()).toEqual([]);
  });

  it('is not one of a newer Worktrail, which stays for that', async () => {
    const [entry, newer] = [makeEntry(), makeEntry()];
    await journal.append(entry);
    await journal.append(newer);
    const record = encodeEntry(newer);
    const text = (await readFile(file, 'utf8')).replace(record, record.replace('entry":2,', 'entry":3,'));
    await writeFile(file, text);
    expect(await journal.list()).toEqual([entry]);
    expect(journal.damage().join(' ')).toContain('newer Worktrail');
    await journal.remove([entry.id]);
    expect(await journal.list()).toEqual([]);
    const [left = ''] = await filesLeft();
    expect(await readFile(path.join(folder, left), 'utf8')).toContain(record.slice(60));
  });
});

describe('a crash while removing', () => {
  const claimed = () => path.join(folder, `${DEVICE}-${PROCESS}.0123456789ab.claimed`);

  it('before the rest was written leaves every entry', async () => {
    const entries = makeEntries(3);
    for (const entry of entries) await journal.append(entry);
    await rename(file, claimed());
    await writeFile(path.join(folder, `${DEVICE}-${PROCESS}.0123.temp`), 'half of a ');
    expect(idsOf(await another().list())).toEqual(idsOf(entries));
    await another().remove([entries[0]?.id ?? '']);
    expect(idsOf(await another().list())).toEqual(idsOf(entries.slice(1)));
    expect((await filesLeft()).filter((name) => !name.endsWith('.md'))).toEqual([]);
  });

  it('after the rest was written leaves no entry twice', async () => {
    const entries = makeEntries(3);
    for (const entry of entries) await journal.append(entry);
    await cp(file, claimed());
    expect(idsOf(await another().list())).toEqual(idsOf(entries));
    await another().remove(idsOf(entries));
    expect(await another().list()).toEqual([]);
    expect(await filesLeft()).toEqual([]);
  });
});

describe('a full disk', () => {
  it('is an outage, not a loss: what was acknowledged before and after is there', async () => {
    const limited = ['bash', '-c', 'ulimit -f 40; exec "$@"', 'bash', process.execPath];
    const child = fileURLToPath(new URL('journal-child.ts', import.meta.url));
    const script = `require('node:child_process').spawn(process.argv[1], process.argv.slice(2), { stdio: 'inherit' })
      .on('exit', (code, signal) => process.exit(signal ? 99 : code))`;
    const program = startProgram([...limited, bundledScript(child), 'markdown', folder, 'append', '60'], {
      cwd: path.dirname(child),
      program: ['-e', script],
    });
    let output = '';
    program.child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    expect([await program.exited, program.stderr()]).toMatchObject([{ code: 0 }, '']);
    const linesAfter = (sign: string) => output.split('\n').filter((line) => line.startsWith(sign));
    const acknowledged = linesAfter('+ ').map((line) => line.slice(2));
    expect(linesAfter('? ').length).toBeGreaterThan(0);
    expect(acknowledged.length).toBeGreaterThan(20);
    const listed = idsOf(await journal.list());
    expect(acknowledged.filter((id) => !listed.includes(id))).toEqual([]);
    expect(journal.damage()).toEqual([]);
  });

  it('is told in plain words, and leaves no heap of files', async (context) => {
    const disk = path.dirname(path.dirname(folder));
    if (!mountOver(disk, '-t', 'tmpfs', '-o', 'size=128k', 'worktrail-test')) {
      context.skip('needs the right to mount a small disk');
    }
    const entries: JournalEntry[] = [];
    const refusals: unknown[] = [];
    while (refusals.length < 10) {
      const entry = makeEntry({ patch: { description: 'x'.repeat(9_000) } });
      await journal.append(entry).then(
        () => entries.push(entry),
        (error: unknown) => refusals.push(error),
      );
    }
    expect(refusals[0]).toBeInstanceOf(JournalUnavailable);
    expect(String(refusals[0])).toContain('the disk is full');
    const listed = idsOf(await journal.list());
    expect(listed).toEqual(expect.arrayContaining(idsOf(entries)));
    expect(journal.damage()).toEqual([]);
    expect((await filesLeft()).length).toBeLessThan(4);
    await journal.remove(listed);
    expect(await filesLeft()).toEqual([]);
  });
});

it('can be read on a read-only disk', async (context) => {
  const entry = makeEntry();
  await journal.append(entry);
  const disk = path.dirname(path.dirname(folder));
  if (!mountReadOnly(disk)) context.skip('needs the right to mount a read-only file system');
  expect(await another().list()).toEqual([entry]);
  await expect(another().append(makeEntry())).rejects.toThrow('read-only');
  await expect(another().remove([entry.id])).rejects.toThrow(JournalUnavailable);
});

// Imports that a client asks for: rehearsed unless told otherwise, of files inside the project, as often as one likes.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { rows } from './calls.ts';
import { describeTwoSurfaces } from './surfaces.ts';

describeTwoSurfaces((surface) => {
  const put = (name: string, text: string): string => {
    const file = path.join(surface.project(), name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  };

  describe('import_status_file', () => {
    it('rehearses, imports with five checks, and then has nothing to do', async () => {
      const vendor = surface.unique('legacy');
      const name = `${surface.unique('status').replace(' ', '-')}.md`;
      const text = `## Vendors (7)\n- ${vendor}: operational (1/2 tests passed, 0 skipped) [CSV] v1\n- odd\n`;
      const file = put(name, text);
      const before = await surface.feedPosition();
      const rehearsed = await surface.call('import_status_file', { path: name });
      expect(rehearsed).toMatchObject({ outcome: 'rehearsed', dry_run: true, backup: null });
      expect(await surface.feedPosition()).toBe(before);

      const imported = await surface.call('import_status_file', { path: file, dry_run: false });
      expect(imported).toMatchObject({
        outcome: 'imported',
        records: { vendors: { created: 1 } },
        wrong_counts: [{ line: 1, said: '7', found: '1' }],
        not_understood: [{ line: 3, text: '- odd' }],
      });
      expect(rows(imported['checks']).map(({ match }) => match)).toEqual([true, true, true, true, true]);
      expect(await surface.call('query_vendor_status', { name: vendor })).toMatchObject({
        extractor_version: '1',
      });
      expect(readFileSync(file, 'utf8')).toBe(text);
      const after = await surface.feedPosition();
      expect(await surface.call('import_status_file', { path: name, dry_run: false })).toMatchObject({
        outcome: 'unchanged',
      });
      expect(await surface.feedPosition()).toBe(after);
    });
  });

  describe('import_session_prompts', () => {
    it('rehearses, imports, and tells what it left out', async () => {
      const folder = surface.unique('prompts').replace(' ', '-');
      put(`${folder}/good.md`, '---\nschema_version: "1.0"\ntitle: From a file\n---\nGo.\n');
      put(`${folder}/bad.md`, '---\na: [\n---\n');
      const skipped = [{ file: `${folder}/bad.md` }];
      expect(await surface.call('import_session_prompts', { path: folder })).toMatchObject({
        ...{ dry_run: true, created: 1, skipped },
      });
      const made = await surface.call('import_session_prompts', { path: folder, dry_run: false });
      expect(made).toMatchObject({ dry_run: false, created: 1, skipped });
      expect(await surface.call('import_session_prompts', { path: folder, dry_run: false })).toMatchObject({
        ...{ created: 0, unchanged: 1 },
      });
    });
  });

  it.each(['import_status_file', 'import_session_prompts'])('%s stays inside the project', async (tool) => {
    const link = surface.unique('link').replace(' ', '-');
    symlinkSync(os.tmpdir(), path.join(surface.project(), link));
    for (const wanted of ['../x.md', os.tmpdir(), link, '', 'a\0b']) {
      expect(await surface.refuseField('path', tool, { path: wanted })).not.toBe('');
    }
  });

  it('says of a URL that it is one, and takes a folder whose name begins with two dots', async () => {
    for (const tool of ['import_status_file', 'import_session_prompts']) {
      for (const url of ['https://example.com/status.md', 'file:///etc/hosts']) {
        expect(await surface.refuseField('path', tool, { path: url })).toContain('not a URL');
      }
    }
    put('..kept/good.md', '---\nschema_version: "1.0"\ntitle: In an odd folder\n---\nGo.\n');
    expect(await surface.call('import_session_prompts', { path: '..kept' })).toMatchObject({ dry_run: true });
  });
});

// A process with jobs of its own: `job-child.ts DATA_DIR run COUNT` ends that many; `… hang` runs one for ever,
// `… lock` keeps the file locked as strictly as SQLite can.
import path from 'node:path';
import Database from 'better-sqlite3';
import { Operations } from '../../../src/storage/operations/operations.ts';

const [dataDir = '', verb, count = '0'] = process.argv.slice(2);
const jobs = new Operations(dataDir);
if (verb === 'hang') {
  await jobs.run('import', async (job) => {
    job.report({ phase: 'write', done: 1, total: 2 });
    console.log(job.id);
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  });
}
if (verb === 'lock') {
  const database = new Database(path.join(dataDir, 'operations.db'));
  database.pragma('locking_mode = exclusive');
  database.exec('begin exclusive');
  database.prepare('select count(*) from jobs').get();
  console.log('locked');
  await new Promise((resolve) => setTimeout(resolve, 600_000));
}
for (let n = 0; n < Number(count); n += 1) {
  await jobs.run('export', async (job) => {
    job.report({ phase: 'read', done: n, total: Number(count) });
    job.counts({ number: n });
    job.snapshot({ kind: 'export', reference: `${process.pid}-${n}` });
    await new Promise((resolve) => setTimeout(resolve, 1));
  });
}
jobs.close();

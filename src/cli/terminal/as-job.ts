/** Long work of a command that opens no app: recorded as a job, with a bar while a person waits. */
import type { Job, JobKind } from '../../domain/job.ts';
import { withProgressBar } from './progress-bar.ts';

/** @param dataDir the tracker's folder; nothing is recorded while it is missing */
export async function asJob<T>(kind: JobKind, dataDir: string, work: (job: Job) => Promise<T>): Promise<T> {
  const { Operations } = await import('../../storage/operations/operations.ts');
  const jobs = new Operations(dataDir);
  try {
    return await withProgressBar((onProgress) => jobs.run(kind, work, { onProgress }));
  } finally {
    jobs.close();
  }
}

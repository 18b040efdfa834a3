/** What a store that was replaced as a whole needs before anybody else comes: its status file, and what waits. */
import type { GlobalOptions } from './global-options.ts';
import { say } from './output.ts';
import { withApp } from './with-app.ts';
import { describeFailure } from '../../storage/database/driver-errors.ts';

/** Opens the tracker once: what waits is applied, and the status file is written. Trouble is told and ends nothing. */
export async function useOnce(options: GlobalOptions): Promise<void> {
  try {
    await withApp(options, ({ context }) => {
      context.onChange();
      return Promise.resolve();
    });
  } catch (error) {
    say(`warning: the status file was not written: ${describeFailure(error)}`);
  }
}

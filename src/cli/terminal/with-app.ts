/** Configuration, store and use cases around one command. */
import type { App } from '../../app.ts';
import type { Config, Settings } from '../../config/config.ts';
import { sessionAround } from '../../config/identity.ts';
import type { Caller } from '../../use-cases/support/context.ts';
import type { GlobalOptions } from './global-options.ts';
import { say } from './output.ts';

const CLIENT = 'cli';

/**
 * The settings that hold for a command, with a database that may be used.
 * @throws ValidationError naming the file or variable and the key; DatabaseError where nobody agreed to the database, and
 * for a folder that must not be used
 */
export async function readConfig(options: GlobalOptions): Promise<Config> {
  const { agreedConfig } = await import('../../config/config.ts');
  return agreedConfig(await readSettings(options));
}

/**
 * The same, whether or not anybody agreed to the database: for what does not use it.
 * @throws ValidationError naming the file or variable and the key; DatabaseError for a folder that must not be used
 */
export async function readSettings(options: GlobalOptions): Promise<Settings> {
  const { readSettings: read } = await import('../../config/config.ts');
  const { checkDataDir } = await import('../../storage/opening/data-folder.ts');
  const settings = read(options, process.env, process.cwd());
  checkDataDir(settings.dataDir);
  return settings;
}

/** Opens the project's store for `work` and closes it afterwards, whatever happens. */
export async function withApp<T>(
  options: GlobalOptions,
  work: (app: App, config: Config) => Promise<T>,
): Promise<T> {
  const config = await readConfig(options);
  const { openApp } = await import('../../app.ts');
  const app = await openApp(config, say);
  try {
    return await work(app, config);
  } finally {
    await app.close();
  }
}

/** Who writes from the command line: the person who works here, in the session of the client that runs the command. */
export function commandLineCaller(): Caller {
  const session = sessionAround(process.env);
  return { client: CLIENT, ...(session !== undefined && { session }) };
}

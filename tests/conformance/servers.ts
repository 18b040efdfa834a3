// The two builds that the suite is run against.
import { createHmac, randomBytes } from 'node:crypto';
import { openApp } from '../../src/app.ts';
import { agreedConfig, readSettings } from '../../src/config/config.ts';
import { startHttp as listen } from '../../src/http/server.ts';
import { createServerFactory } from '../../src/mcp/server.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { startHttp, temporaryProject } from '../support/program.ts';
import type { Build } from './exceptions.ts';
import { offer } from './offer.ts';
import { ServerWithFixtures } from './server-with-fixtures.ts';

/** Start a server with a tracker of its own; each resolves to its address. */
export const BUILDS: Readonly<Record<Build, () => Promise<string>>> = {
  product: async () => {
    const project = await temporaryProject();
    return (await startHttp({ project, args: ['--toolsets', 'all'] })).url;
  },
  fixtures: async () => {
    const project = await temporaryProject();
    const config = agreedConfig(readSettings({ project, toolsets: 'all', port: '0' }, {}, project));
    const log = () => undefined;
    const app = await openApp(config, log);
    cleanUpLater(() => app.close());
    const key = randomBytes(32);
    const seal = (data: string) => createHmac('sha256', key).update(data).digest('hex');
    const { host, port, toolsets, dataDir } = config;
    const server = await listen({
      ...{ host, port, place: dataDir, log },
      factory: createServerFactory({
        ...offer,
        ...{ serverClass: ServerWithFixtures, version: '0', toolsets, log },
        app: () => Promise.resolve(app),
      }),
      store: () => Promise.resolve(app.context.store),
      sealing: { of: seal, isOwn: (data, given) => seal(data) === given },
    });
    cleanUpLater(() => server.close());
    return server.url;
  },
};

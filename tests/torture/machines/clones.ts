// Projects on a real PostgreSQL: two clones of a repository, each with a network of its own to one database.
import { rmSync } from 'node:fs';
import path from 'node:path';
import { schemaName } from '../../../src/storage/opening/open-primary.ts';
import { CACHE_FILE, openStore } from '../../../src/storage/opening/open-store.ts';
import { openPostgres } from '../../../src/storage/primary/postgres.ts';
import { openSqlite } from '../../../src/storage/primary/sqlite.ts';
import { systemClock, type Clock } from '../../../src/platform/clock.ts';
import { freshDatabase, inFolder } from '../../storage/backends.ts';
import { allRows } from '../../storage/tiers/filled-session.ts';
import { cleanUpLater } from '../../support/cleanup.ts';
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { newScene, oneValue, rivalOf, type Scene } from '../scene.ts';
import { CURSOR, type Place, type Project } from './project.ts';

interface Clones {
  databaseUrl: string;
  scene: Scene;
  clones: Clone[];
}

interface Clone {
  folder: string;
  proxy: TcpProxy;
}

export async function newClones(): Promise<Clones> {
  const databaseUrl = await freshDatabase();
  const scene = await newScene(databaseUrl, { behindProxy: false });
  const rival = await rivalOf(scene, databaseUrl);
  const clones = await Promise.all(
    [scene, rival].map(async ({ project }) => {
      const proxy = await startProxy(databaseUrl);
      cleanUpLater(() => proxy.stop());
      return { folder: project, proxy };
    }),
  );
  return { databaseUrl, scene, clones };
}

/** A new project in folders that know none; closing it leaves them that way. */
export async function newProject({ databaseUrl, scene, clones }: Clones, slug: string): Promise<Project> {
  const places: Place[] = [];
  for (const clone of clones) places.push(await openPlace(clone, slug));
  const schema = schemaName(slug);
  const { session: primary } = await openPostgres({ url: databaseUrl, schema });
  return {
    places,
    primary,
    close: async () => {
      await Promise.all([...places.map(({ store }) => store.close()), primary.close()]);
      for (const { options, mend } of places) {
        await mend();
        rmSync(options.dataDir, { recursive: true, force: true });
      }
      await scene.rows(`drop schema "${schema}" cascade`);
    },
  };
}

async function openPlace({ folder, proxy }: Clone, slug: string): Promise<Place> {
  const place = inFolder(folder, proxy.url);
  const options = { ...place, slug: { value: slug, explicit: true }, clock: fastClock };
  const cacheFile = path.join(options.dataDir, CACHE_FILE);
  return {
    options,
    store: await openStore(options),
    cut: () => proxy.setMode('refuse'),
    cutSoon: (random) => proxy.setMode({ cut: { afterBytes: random.int(10_000) } }),
    mend: () => proxy.setMode('pass'),
    cursor: () => oneValue(cacheFile, CURSOR) ?? null,
    cached: async () => {
      const { session } = await openSqlite({ file: cacheFile });
      return await allRows(session).finally(() => session.close());
    },
  };
}

/** Times as fast as the real one: the pauses of the tiers get shorter, what happens in them stays the same. */
const SPEED = 30;
const STARTED_AT = Date.now();
const fastClock: Clock = {
  ...systemClock,
  now: () => STARTED_AT + (Date.now() - STARTED_AT) * SPEED,
  sleep: (ms) => systemClock.sleep(ms / SPEED),
};

// A project on the model of PostgreSQL, in simulated time: between each process and the database lies a link.
import { databaseError } from '../../../src/domain/errors.ts';
import { codedError } from '../../../src/storage/database/driver-errors.ts';
import type { Primary } from '../../../src/storage/primary/sql-store.ts';
import { inFolder } from '../../storage/backends.ts';
import { allRows } from '../../storage/tiers/filled-session.ts';
import type { ModelProcess } from '../model/machine.ts';
import type { World } from '../model/world.ts';
import { CURSOR, type Place, type Project } from './project.ts';

const LOOK_PAUSE_MS = 2_000;

/** @param world one whose processes are `behindLink` */
export async function newModelProject(world: World): Promise<Project> {
  const places: Place[] = [];
  for (const machine of world.machines) {
    const process = await machine.start();
    if (process === undefined) throw new Error('the process does not start');
    const link = linkOf(process);
    const { database } = machine.cache;
    places.push({
      options: inFolder('/nowhere', undefined),
      store: process.store,
      cut: async () => void (link.callsLeft = 0),
      cutSoon: async (random) => void (link.callsLeft = random.int(20)),
      mend: async () => void (link.callsLeft = Number.POSITIVE_INFINITY),
      cursor: () => database.get<{ cursor: number }>(CURSOR)?.cursor ?? null,
      cached: () => allRows({ read: (work) => work(database.connection) }),
    });
  }
  return {
    places,
    primary: { read: (work) => world.server.read(work) },
    pause: () => world.time.sleep(LOOK_PAUSE_MS),
    close: () => Promise.resolve(),
  };
}

/** How many calls of a process still reach the database; of the last one the answer is lost. */
interface Link {
  callsLeft: number;
}

const links = new WeakMap<ModelProcess, Link>();

function linkOf(process: ModelProcess): Link {
  const link = links.get(process) ?? { callsLeft: Number.POSITIVE_INFINITY };
  links.set(process, link);
  return link;
}

/** The database as a process reaches it through its link. */
export function behindLink(primary: Primary, process: ModelProcess): Primary {
  const link = linkOf(process);
  const through = async <T>(call: () => Promise<T>): Promise<T> => {
    const isLast = link.callsLeft === 1;
    if (link.callsLeft === 0) throw unreachable(codedError('ECONNREFUSED', 'refused'));
    link.callsLeft -= 1;
    const answer = await call();
    if (isLast) throw unreachable(codedError('ECONNRESET', 'cut'));
    return answer;
  };
  return {
    source: primary.source,
    read: (work, options) => through(() => primary.read(work, options)),
    write: (changes) => through(() => primary.write(changes)),
    replay: (write) => through(() => primary.replay(write)),
    probe: () => through(() => primary.probe()),
    inSnapshot: (work) => through(() => primary.inSnapshot(work)),
    hints: (onHint) => primary.hints(onHint),
    health: () => primary.health(),
    close: () => primary.close(),
  };
}

const unreachable = (cause: Error) =>
  databaseError('postgres', 'it cannot be reached', 'Repeat the call.', cause);

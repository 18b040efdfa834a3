// The ways in which a stdio server is brought to its end, and how long it takes.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { STATUS_FILE } from '../../src/storage/status-file/status-file-name.ts';
import { defaultProgram } from '../support/child-program.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { watchStarvation } from '../support/starvation.ts';
import type { Place } from './place.ts';
import { Server } from './server.ts';

/** The promise itself: a server ends within two seconds, not counting those in which the machine did not let it run. */
const END_MAX_MS = 2_000;
/** What a server takes at most for what can be done later as well (`CLOSE_LIMIT_MS` of the program). */
const CLOSE_MS = 700;
const PARENT_PROGRAM = fileURLToPath(new URL('fixtures/parent.js', import.meta.url));

export const CAUSES = [
  'stdin closing',
  'SIGTERM',
  'SIGHUP',
  'SIGINT',
  'a broken pipe',
  'the death of its parent',
] as const;
export type Cause = (typeof CAUSES)[number];

/** A server for a cause: one that is to lose its parent is started through another process. */
export async function startFor(cause: Cause, place: Place): Promise<Server> {
  if (cause !== 'the death of its parent') return await Server.start(place);
  const server = await Server.start(place, { program: [PARENT_PROGRAM, ...defaultProgram()] });
  const pid = childPid(server);
  cleanUpLater(() => {
    // Still connected: it did not end with its parent, so the process id is still its own.
    if (!server.rpc.program.child.stdout.closed) process.kill(pid, 'SIGKILL');
  });
  return server;
}

/** How a server ended. */
export interface Ended {
  /** Nothing of what it does at its end was cut off. */
  hadTime: boolean;
}

/** Ends a server and checks how: in time, with exit code 0, and without a word that is not protocol. */
export async function expectEnd(server: Server, cause: Cause): Promise<Ended> {
  const end = watchEnd(cause === 'the death of its parent' ? childPid(server) : server.rpc.program.pid);
  await bringAbout(cause, server);
  const exit = await server.rpc.program.exited;
  const ended = end.expectInTime(`from ${cause} to the end\n${server.rpc.program.stderr()}`);
  // An orphan's exit code goes to the system; here is that of the parent that was killed. `exited` waited for
  // the pipes, which both of them held, so the orphan is gone too.
  const killedParent = { code: null, signal: 'SIGKILL' };
  expect(exit, server.rpc.program.stderr()).toEqual(
    cause === 'the death of its parent' ? killedParent : { code: 0, signal: null },
  );
  expect(server.rpc.strayLines()).toEqual([]);
  return ended;
}

/** Begins to measure how long the end of a server takes. */
export function watchEnd(pid: number): { expectInTime(what: string): Ended } {
  const started = performance.now();
  const starvation = watchStarvation(pid);
  return {
    expectInTime: (what) => {
      const took = performance.now() - started;
      const starved = starvation.stop();
      const message = `${took.toFixed()} ms, ${starved.toFixed()} of them without a processor, ${what}`;
      expect(took - starved, message).toBeLessThan(END_MAX_MS);
      return { hadTime: took < CLOSE_MS };
    },
  };
}

/** What was saved stands in the status file at the end, unless the machine gave no time for that: then the next server writes it. */
export async function expectInStatusFile(
  project: string,
  titles: readonly string[],
  { hadTime }: Ended,
): Promise<void> {
  if (!hadTime) return;
  const status = await readFile(path.join(project, STATUS_FILE), 'utf8');
  for (const title of titles) expect(status).toContain(title);
}

async function bringAbout(cause: Cause, server: Server): Promise<void> {
  const { rpc } = server;
  switch (cause) {
    case 'stdin closing':
      return rpc.closeStdin();
    case 'a broken pipe':
      rpc.program.child.stdout.destroy();
      // Only writing shows a program that nobody reads any more.
      return rpc.send({ jsonrpc: '2.0', id: 'unread', method: 'tools/list' });
    case 'the death of its parent':
      return rpc.program.kill('SIGKILL');
    case 'SIGTERM':
    case 'SIGHUP':
    case 'SIGINT':
      return rpc.program.kill(cause);
  }
}

function childPid(server: Server): number {
  const pid = /^child (\d+)$/m.exec(server.rpc.program.stderr())?.[1];
  if (pid === undefined)
    throw new Error(`the parent did not name its child:\n${server.rpc.program.stderr()}`);
  return Number(pid);
}

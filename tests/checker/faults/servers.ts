// What happens to the program itself.
import type { Server } from '../server.ts';
import type { Stage } from '../stage.ts';
import type { Fault, Faults } from './fault.ts';

const onProgram = (begin: (server: Server) => ReturnType<Fault['begin']>): Fault => ({
  target: ({ servers }, random) => `server ${random.pick(servers).setup.name}`,
  begin: (stage, target) => begin(serverNamed(stage, target.slice('server '.length))),
});

export const SERVER_FAULTS: Faults = {
  'server killed': onProgram(async (server) => {
    await server.kill();
    return { end: () => server.start() };
  }),

  'server paused': onProgram((server) => {
    server.pause();
    return Promise.resolve({ end: () => server.goOn() });
  }),

  'server stopped in order': onProgram(async (server) => {
    await server.stop();
    return { end: () => server.start() };
  }),
};

function serverNamed({ servers }: Stage, name: string): Server {
  const server = servers.find(({ setup }) => setup.name === name);
  if (server === undefined) throw new Error(`there is no server ${name}`);
  return server;
}

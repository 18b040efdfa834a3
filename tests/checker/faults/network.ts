// What happens between one clone and the database.
import type { ProxyMode, TcpProxy } from '../../support/tcp-proxy.ts';
import type { Random } from '../random.ts';
import type { Stage } from '../stage.ts';
import type { Fault, Faults } from './fault.ts';

const onWay = (modeFor: (random: Random) => ProxyMode, cutsOff: boolean): Fault => ({
  target: ({ folders }, random) => `network of ${random.pick(folders).name}`,
  begin: async (stage, target, random) => {
    const folder = target.slice('network of '.length);
    const proxy = proxyOf(stage, folder);
    const mode = modeFor(random);
    await proxy.setMode(mode);
    return {
      detail: JSON.stringify(mode),
      ...(cutsOff && { severs: [folder] }),
      end: () => proxy.setMode('pass'),
    };
  },
});

export const LOST_COMMITS: Faults = {
  'the reply to COMMIT is lost': onWay(
    (random) => ({
      dropCommit: { passOn: random.chance(0.8), then: random.pick(['pass', 'refuse'] as const) },
    }),
    false,
  ),
};

export const NETWORK_FAULTS: Faults = {
  slow: onWay((random) => ({ slow: { delayMs: random.between(5, 300) } }), false),
  'cut after some bytes': onWay((random) => ({ cut: { afterBytes: random.between(1, 4_000) } }), false),
  ...LOST_COMMITS,
  'nothing arrives': onWay(() => 'blackhole', true),
  'no answer arrives': onWay(() => 'requests only', true),
  'no request arrives': onWay(() => 'answers only', true),
  refused: onWay(() => 'refuse', true),
  reset: onWay(() => 'reset', true),
};

function proxyOf({ folders }: Stage, name: string): TcpProxy {
  const proxy = folders.find((folder) => folder.name === name)?.proxy;
  if (proxy === undefined) throw new Error(`the folder ${name} has no network of its own`);
  return proxy;
}

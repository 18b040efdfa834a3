import type { Scene } from './scene.ts';

/** One thing that a repository may bring along. */
export interface HostileCase {
  name: string;
  build: (scene: Scene) => Promise<void> | void;
  /**
   * What an honest write in that very repository meets: it is saved; or it is refused, by an error that matches, until a
   * person has looked.
   */
  honestWrite: 'saved' | RegExp;
}

// What the sessions of a schedule share: the items they meet on, and the record of their calls.
import type { Outcome } from './client.ts';
import type { Call, Deed, JsonObject } from './history.ts';
import type { Server } from './server.ts';

export class Board {
  readonly calls: Call[] = [];
  /** The items that everybody works on. */
  readonly items: string[] = [];
  isOver = false;
  #lastCall = 0;

  /** Makes a call and records it; undefined if the schedule was over before the server was there. */
  async call(
    server: Server,
    session: string,
    tool: string,
    args: JsonObject,
    deed?: Deed,
    through = session,
  ): Promise<Call | undefined> {
    const client = await server.client(through, () => this.isOver);
    if (client === undefined) return undefined;
    const n = (this.#lastCall += 1);
    const start = Date.now();
    const { outcome, answer }: Outcome = await client.call(tool, args);
    const call: Call = {
      n,
      session,
      folder: server.setup.folder,
      tool,
      args,
      start,
      end: Date.now(),
      outcome,
      answer,
      ...(deed !== undefined && { deed }),
    };
    this.calls.push(call);
    return call;
  }
}

/** `subscriptions/listen` of the 2026 era over HTTP: each request is answered by a stream of its own. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { ServerEventBus } from '@modelcontextprotocol/server';
import type { ServerFactory } from './server.ts';
import { errorOf, listenOf } from './stdio-listening.ts';
import type { Subscriber } from './subscriptions.ts';

export interface HttpListening {
  /** For the SDK's handler: a stream that it opens hears of the resources that its own request named. */
  bus: ServerEventBus;
  /** Answers a request with `serve`, which finds the subscriptions it asks for made. */
  around(body: unknown, serve: () => Promise<Response>): Promise<Response>;
}

export function createHttpListening(factory: Pick<ServerFactory, 'subscriptions'>): HttpListening {
  const opening = new AsyncLocalStorage<{ subscriber: Subscriber; isTaken: boolean }>();
  return {
    bus: {
      publish: () => undefined,
      subscribe: (listener) => {
        const asked = opening.getStore();
        if (asked === undefined) return () => undefined;
        asked.isTaken = true;
        asked.subscriber.open((uri) => listener({ kind: 'resource_updated', uri }));
        return () => asked.subscriber.close();
      },
    },
    around: async (body, serve) => {
      const asked = listenOf(body);
      if (asked === undefined) return await serve();
      const subscriber = (await factory.subscriptions()).subscriber();
      try {
        await subscriber.add(asked.uris);
      } catch (error) {
        subscriber.close();
        return Response.json({ jsonrpc: '2.0', id: asked.id, error: errorOf(error) });
      }
      const stream = { subscriber, isTaken: false };
      try {
        return await opening.run(stream, serve);
      } finally {
        // Refused by the SDK.
        if (!stream.isTaken) subscriber.close();
      }
    },
  };
}

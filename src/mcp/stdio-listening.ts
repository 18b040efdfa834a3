/**
 * `subscriptions/listen` of the 2026 era over stdio. The SDK acknowledges a stream and ends it, but does not say which
 * resources it is about: that is read off the messages as they pass. The request goes on to the SDK only when nothing
 * can be missed any more, and updates go out only after the acknowledgement.
 */
import {
  ProtocolError,
  SUBSCRIPTION_ID_META_KEY,
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type RequestId,
  type Transport,
} from '@modelcontextprotocol/server';
import type { ServerFactory } from './server.ts';
import type { Subscriber } from './subscriptions.ts';

/** Puts itself between the transport and who has taken it over. */
export function listenOverStdio(transport: Transport, factory: Pick<ServerFactory, 'subscriptions'>): void {
  const streams = new Map<RequestId, Subscriber | 'opening'>();
  const { onmessage, onclose } = transport;
  const deliver = (message: JSONRPCMessage) => onmessage?.call(transport, message);
  const send = transport.send.bind(transport);

  const open = async (message: JSONRPCMessage, id: RequestId, uris: string[]): Promise<void> => {
    streams.set(id, 'opening');
    try {
      const subscriber = (await factory.subscriptions()).subscriber();
      await subscriber.add(uris);
      if (streams.get(id) === 'opening') streams.set(id, subscriber);
      else return subscriber.close();
    } catch (error) {
      if (!streams.delete(id)) return;
      await send({ jsonrpc: '2.0', id, error: errorOf(error) });
      return;
    }
    deliver(message);
  };

  const end = (id: RequestId): void => {
    const stream = streams.get(id);
    streams.delete(id);
    if (stream !== 'opening') stream?.close();
  };

  transport.onmessage = (message) => {
    const asked = listenOf(message);
    if (asked !== undefined && !streams.has(asked.id)) return void open(message, asked.id, asked.uris);
    if ('method' in message && message.method === 'notifications/cancelled') {
      const { requestId } = (message.params ?? {}) as { requestId?: RequestId };
      const isOpening = requestId !== undefined && streams.get(requestId) === 'opening';
      if (requestId !== undefined) end(requestId);
      // The SDK has not heard of it.
      if (isOpening) return;
    }
    deliver(message);
  };
  transport.send = async (message, options) => {
    await send(message, options);
    const id = acknowledgedBy(message);
    const stream = id === undefined ? undefined : streams.get(id);
    if (stream !== undefined && stream !== 'opening') {
      stream.open((uri) => void send(updated(uri, id as RequestId)).catch(() => undefined));
    }
    if ((isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message)) && message.id !== undefined) {
      end(message.id);
    }
  };
  transport.onclose = () => {
    for (const id of [...streams.keys()]) end(id);
    onclose?.call(transport);
  };
}

/** The resources that a message asks to hear of; undefined for any other message. */
export function listenOf(message: unknown): { id: RequestId; uris: string[] } | undefined {
  if (!isJSONRPCRequest(message) || message.method !== 'subscriptions/listen') return undefined;
  const { notifications } = (message.params ?? {}) as { notifications?: { resourceSubscriptions?: unknown } };
  const uris = notifications?.resourceSubscriptions;
  // What else is wrong with it, the SDK says.
  if (!Array.isArray(uris) || uris.length === 0 || !uris.every((uri) => typeof uri === 'string'))
    return undefined;
  return { id: message.id, uris };
}

export function errorOf(error: unknown): { code: number; message: string; data?: unknown } {
  if (!(error instanceof ProtocolError)) throw error;
  const { code, message, data } = error;
  return { code, message, ...(data !== undefined && { data }) };
}

function acknowledgedBy(message: JSONRPCMessage): RequestId | undefined {
  if (!('method' in message) || message.method !== 'notifications/subscriptions/acknowledged')
    return undefined;
  const { _meta } = (message.params ?? {}) as { _meta?: Record<string, unknown> };
  return _meta?.[SUBSCRIPTION_ID_META_KEY] as RequestId | undefined;
}

function updated(uri: string, id: RequestId): JSONRPCMessage {
  return {
    jsonrpc: '2.0',
    method: 'notifications/resources/updated',
    params: { uri, _meta: { [SUBSCRIPTION_ID_META_KEY]: id } },
  };
}

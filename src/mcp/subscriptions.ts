/**
 * Who is subscribed to which resources, in this process, over any transport and in both eras of the protocol. The
 * feed is followed only while somebody is. What a change altered is worked out once per resource, however many are
 * subscribed to it, and each subscriber hears of a resource once per stretch of changes.
 */
import { INVALID_REQUEST, ProtocolError } from '@modelcontextprotocol/server';
import type { Context } from '../use-cases/support/context.ts';
import { TouchedRecords } from '../use-cases/support/touched-records.ts';
import { protocolError } from './protocol-errors.ts';
import { unknownResource } from './resource-calls.ts';
import { resourceAt } from './resource-registry.ts';
import type { ServerOptions } from './server-options.ts';
import type { FeedNews } from '../storage/contract/feed-news.ts';

/** Of one client's connection, or of one stream of subscriptions. */
const URIS_PER_SUBSCRIBER_MAX = 200;
const URIS_MAX = 5_000;

export type SubscriptionsOptions = Pick<ServerOptions, 'app' | 'log' | 'resources'>;

export class Subscriptions {
  readonly #subscribers = new Set<Subscriber>();
  #following: Promise<() => void> | undefined;
  /** Stretches are dealt with one after the other. */
  #telling: Promise<void> = Promise.resolve();

  constructor(readonly options: SubscriptionsOptions) {}

  /** @param tell sends the client that a resource may have changed; undefined until it may be sent anything */
  subscriber(tell?: (uri: string) => void): Subscriber {
    return new Subscriber(this, tell);
  }

  /** Resolves when no change from now on can be missed. @throws ProtocolError */
  async enter(subscriber: Subscriber, uris: readonly string[]): Promise<void> {
    const total = [...this.#subscribers].reduce((sum, one) => sum + one.uris.size, 0);
    if (total + uris.length > URIS_MAX) throw tooMany(URIS_MAX, 'of all clients of this server together');
    this.#subscribers.add(subscriber);
    try {
      this.#following ??= this.#follow();
      await this.#following;
    } catch (error) {
      this.leave(subscriber);
      throw protocolError(error, this.options.log);
    }
  }

  leave(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
    if (this.#subscribers.size > 0) return;
    const following = this.#following;
    this.#following = undefined;
    following?.then((stop) => stop()).catch(() => undefined);
  }

  async #follow(): Promise<() => void> {
    const { context } = await this.options.app();
    return await context.store.watch((news) => {
      // One stretch that cannot be told must not keep the next ones from it.
      this.#telling = this.#telling
        .then(() => this.#tell(context, news))
        .catch((error: unknown) => this.options.log(error instanceof Error ? error.message : String(error)));
    });
  }

  async #tell(context: Context, news: FeedNews): Promise<void> {
    const touched = new TouchedRecords(context, news);
    const answers = new Map<string, Promise<boolean>>();
    for (const subscriber of this.#subscribers) {
      for (const uri of subscriber.uris) {
        let answer = answers.get(uri);
        if (answer === undefined) answers.set(uri, (answer = this.#isTouched(uri, touched)));
        if (await answer) subscriber.hear(uri);
      }
    }
  }

  /** When that cannot be found out, the client finds out by reading. */
  async #isTouched(uri: string, touched: TouchedRecords): Promise<boolean> {
    const found = resourceAt(uri, this.options.resources);
    if (found === undefined) return false;
    try {
      return await found.resource.isTouched(touched, found.variable);
    } catch (error) {
      this.options.log(error instanceof Error ? error.message : String(error));
      return true;
    }
  }
}

export class Subscriber {
  readonly uris = new Set<string>();
  /** What changed before it could be told. */
  readonly #untold = new Set<string>();
  #isClosed = false;

  constructor(
    private readonly all: Subscriptions,
    private tell: ((uri: string) => void) | undefined,
  ) {}

  /**
   * Resolves when no change to them from now on can be missed.
   * @throws ProtocolError for a URI that is none of this server's, or too many of them
   */
  async add(uris: readonly string[]): Promise<void> {
    const { resources } = this.all.options;
    const unknown = uris.find((uri) => resourceAt(uri, resources) === undefined);
    if (unknown !== undefined) throw unknownResource(unknown, resources);
    const added = uris.filter((uri) => !this.uris.has(uri));
    if (this.uris.size + new Set(added).size > URIS_PER_SUBSCRIBER_MAX) {
      throw tooMany(URIS_PER_SUBSCRIBER_MAX, 'of one client');
    }
    await this.all.enter(this, added);
    if (this.#isClosed) return this.all.leave(this);
    for (const uri of added) this.uris.add(uri);
  }

  remove(uri: string): void {
    this.uris.delete(uri);
    this.#untold.delete(uri);
    if (this.uris.size === 0) this.all.leave(this);
  }

  hear(uri: string): void {
    if (this.#isClosed || !this.uris.has(uri)) return;
    if (this.tell === undefined) this.#untold.add(uri);
    else this.tell(uri);
  }

  /** From now on it may be told; what was held back is told now. */
  open(tell: (uri: string) => void): void {
    this.tell = tell;
    for (const uri of this.#untold) tell(uri);
    this.#untold.clear();
  }

  close(): void {
    this.#isClosed = true;
    this.uris.clear();
    this.all.leave(this);
  }
}

function tooMany(max: number, whose: string): ProtocolError {
  return new ProtocolError(
    INVALID_REQUEST,
    `At most ${max} resources ${whose} can be subscribed to at a time. Unsubscribe from some first; worktrail://status changes with every record.`,
    { limit: max },
  );
}

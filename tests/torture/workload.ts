// Clients that make items, change and link them and read them back, and a record of what they were told.
import type { Answer, Failure, Outcome, Server } from '../processes/server.ts';
import type { Random } from './model/random.ts';
import { isPrimary } from './scene.ts';
import { isProvisional, knownVersion } from '../../src/domain/provisional-version.ts';

/** What became of a write, as far as its maker was told; `unknown`: its server died before it answered. */
export type Told = 'acknowledged' | 'unknown' | 'refused';

/**
 * One write. Its token stands nowhere else: as title and as key of the metadata of an item, or for a link as the two
 * ids. That finds it again in the database, however it got there.
 */
export interface Deed {
  token: string;
  kind: 'create' | 'update' | 'link';
  told: Told;
  /** Whether others wrote to the same record from the same version: only then may it end as a conflict. */
  isContested: () => boolean;
}

export interface Item {
  id: string;
  version: number;
  /** The last title that was acknowledged. */
  title: string;
  depth: number;
  /** Acknowledged updates. */
  updates: { token: string; durability: string; at: number }[];
  createdAt: number;
  /** Several clients change it, or a write to it was not answered, or its maker was told of an older state. */
  isContested: boolean;
}

export interface Call {
  tool: string;
  server: Server;
  startedAt: number;
  ms: number;
  /** Where the server stood by its own log when the call began and when it was answered. */
  before: Stand;
  after: Stand;
}

/** `open`: it knows that the database is away; `back`: it replays what waits. */
export type Stand = 'online' | 'open' | 'back';

/** What all clients of one project were told. */
export class Ledger {
  readonly deeds = new Map<string, Deed>();
  readonly items: Item[] = [];
  readonly shared: Item[] = [];
  /** Answers that were not good, or not true about themselves. */
  readonly violations: string[] = [];
  readonly calls: Call[] = [];
  /** Writes refused because a copy stood in that did not know the newest state yet, and said from when it is. */
  behind = 0;
  /** Acknowledged writes that were durable in the outbox first. */
  journaled = 0;
  #tokens = 0;

  token(): string {
    this.#tokens += 1;
    return `deed-${this.#tokens}`;
  }

  begin(kind: Deed['kind'], token: string, isContested: () => boolean): Deed {
    const deed: Deed = { token, kind, told: 'unknown', isContested };
    this.deeds.set(token, deed);
    return deed;
  }
}

/** A server that ended in the middle of a call, as it was made to. */
export class ServerGone extends Error {}

export interface ClientOptions {
  server: Server;
  ledger: Ledger;
  random: Random;
  /** Whether the server is killed on purpose; else a call without an answer is a failure of the test. */
  mayDie?: boolean;
}

/** So few that they meet each other, and every item is changed several times. */
const ITEMS_IN_USE = 8;
const UPDATES_PER_ITEM_MAX = 20;
const LIST_LIMIT = 3;
/** Clocks tell milliseconds: two moments nearer than this have no certain order. */
const CLOCK_MARGIN_MS = 5;
/** What an answer of the database may say: another process of the folder may be without it at that moment. */
const ALLOWED_ABOVE = new Set(['open_conflicts', 'pending_changes']);
/** What an answer of the cache may say beside where it is from. */
const ALLOWED_BELOW = new Set([
  'primary_unavailable',
  'replaying',
  'pending_changes',
  'saved_locally',
  'outcome_unknown',
  'open_conflicts',
  'went_back',
]);

/** One call at a time. Outlives its server: another one may take its place between two calls. */
export class Client {
  server: Server;
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #mayDie: boolean;
  readonly #own: Item[] = [];
  readonly #linked = new Set<string>();
  /** Versions of the shared items as this client saw them last. */
  readonly #seen = new Map<string, number>();

  constructor({ server, ledger, random, mayDie = false }: ClientOptions) {
    this.server = server;
    this.#ledger = ledger;
    this.#random = random;
    this.#mayDie = mayDie;
  }

  /** @throws ServerGone */
  async step(): Promise<void> {
    const act = this.#random.weighted<() => Promise<void>>([
      [4, async () => void (await this.#create())],
      [6, () => this.#updateOwn()],
      [2, () => this.updateShared()],
      [2, () => this.#link()],
      [3, () => this.#readOwn()],
      [1, async () => void (await this.#call('list_work_items', { limit: LIST_LIMIT }))],
      [1, async () => void (await this.#call('query_history', { limit: LIST_LIMIT }))],
    ]);
    await act();
  }

  /** An item that every client of the ledger changes. */
  async createShared(): Promise<void> {
    const item = await this.#create();
    if (item === undefined) throw new Error('the shared item was not made');
    item.isContested = true;
    this.#ledger.shared.push(item);
    this.#own.splice(this.#own.indexOf(item), 1);
  }

  async #create(): Promise<Item | undefined> {
    const token = this.#ledger.token();
    const parent = this.#random.chance(0.3) ? this.#pickOwn(({ depth }) => depth === 0) : undefined;
    const deed = this.#ledger.begin('create', token, () => parent?.isContested === true);
    const asked = { item_type: 'task', title: token, ...(parent && { parent_id: parent.id }) };
    const { answer } = await this.#write(
      'create_work_item',
      asked,
      deed,
      parent === undefined ? [] : [parent],
    );
    if (answer === undefined) return undefined;
    const item: Item = {
      id: String(answer['id']),
      version: Number(answer['version']),
      title: token,
      depth: parent === undefined ? 0 : 1,
      updates: [],
      createdAt: Date.now(),
      isContested: false,
    };
    if (answer['title'] !== token) this.#violation('create_work_item', 'answers another title', answer);
    this.#ledger.items.push(item);
    this.#own.push(item);
    if (this.#own.length > ITEMS_IN_USE) this.#own.shift();
    return item;
  }

  async #updateOwn(): Promise<void> {
    const item = this.#pickOwn(({ updates }) => updates.length < UPDATES_PER_ITEM_MAX);
    if (item === undefined) return void (await this.#create());
    const before = item.version;
    const answer = await this.#update(item, before);
    if (answer === undefined) return void (await this.#reread(item));
    const after = Number(answer['version']);
    item.version = after;
    if (item.isContested) return;
    const isNext = isProvisional(after) ? knownVersion(after) === before : after === before + 1;
    if (!isProvisional(before) && !isNext)
      this.#violation('update_work_item', `makes version ${before} of its maker's own item`, answer);
  }

  /** Changes an item that others change too, if there is one. */
  async updateShared(): Promise<void> {
    const { shared } = this.#ledger;
    if (shared.length === 0) return;
    const item = this.#random.pick(shared);
    const answer = await this.#update(item, this.#seen.get(item.id) ?? 1);
    if (answer !== undefined) this.#seen.set(item.id, Number(answer['version']));
    else await this.#reread(item);
  }

  async #update(item: Item, version: number): Promise<Answer | undefined> {
    const token = this.#ledger.token();
    const deed = this.#ledger.begin('update', token, () => item.isContested);
    const title = this.#random.chance(0.5) ? { title: token } : {};
    const asked = { id: item.id, version, ...title, metadata: { [token]: true } };
    const { answer } = await this.#write('update_work_item', asked, deed, [item]);
    if (answer === undefined) return undefined;
    item.updates.push({ token, durability: String(answer['durability']), at: Date.now() });
    if ('title' in title) item.title = token;
    // What is long is saved and not sent back.
    const { [token]: isSaved = 'metadata' in ((answer['saved'] ?? {}) as Answer) } = (answer['metadata'] ??
      {}) as Answer;
    // Of what nothing could check, only what was asked for is answered.
    const isTitled =
      item.isContested || codesOf(answer).includes('unchecked') || answer['title'] === item.title;
    const isWhole = isSaved === true && isTitled;
    if (!isWhole) this.#violation('update_work_item', 'does not answer what was asked', answer);
    return answer;
  }

  async #link(): Promise<void> {
    const [source, target] = [this.#pickOwn(), this.#pickOwn()];
    if (source === undefined || target === undefined || source === target) return;
    const token = [source.id, target.id].sort().join(' ');
    if (this.#linked.has(token)) return;
    this.#linked.add(token);
    const deed = this.#ledger.begin('link', token, () => source.isContested || target.isContested);
    const asked = { source_id: source.id, target_id: target.id, dependency_type: 'discovered_from' };
    await this.#write('link_work_items', asked, deed, [source, target]);
  }

  async #readOwn(): Promise<void> {
    const item = this.#pickOwn();
    if (item !== undefined) await this.#read(item);
  }

  /** Takes what is there as the state to go on from. */
  async #reread(item: Item): Promise<void> {
    const answer = await this.#read(item);
    if (answer === undefined) return;
    if (this.#ledger.shared.includes(item)) this.#seen.set(item.id, Number(answer['version']));
    else item.version = Number(answer['version']);
  }

  async #read(item: Item): Promise<Answer | undefined> {
    const { answer, failure } = await this.#call('query_work_item', { id: item.id, max_tokens: 20_000 });
    if (failure !== undefined) {
      if (!this.#isExplained(failure, [item])) this.#violation('query_work_item', 'fails', failure);
      return undefined;
    }
    if (item.isContested) return answer;
    const metadata = (answer['metadata'] ?? {}) as Answer;
    // What waits in the outbox is in every answer, unless that says otherwise.
    const hasWaiting = !isPrimary(answer['data_source']) || !codesOf(answer).includes('pending_changes');
    const missing = item.updates.filter(({ token, durability, at }) => {
      if (metadata[token] === true) return false;
      return durability === 'outbox' ? hasWaiting : isPrimary(answer['data_source']) || isBefore(at, answer);
    });
    const told = {
      source: answer['data_source'],
      as_of: answer['as_of'],
      version: answer['version'],
      missing,
    };
    if (missing.length > 0) this.#violation('query_work_item', 'lacks what was acknowledged', told);
    return answer;
  }

  async #write(tool: string, asked: Answer, deed: Deed, items: readonly Item[]): Promise<Outcome> {
    let outcome: Outcome;
    try {
      outcome = await this.#call(tool, asked, true);
    } catch (error) {
      // It may have been saved: from now on that is a rival of what its maker does next.
      for (const item of items) item.isContested = true;
      throw error;
    }
    deed.told = outcome.answer === undefined ? 'refused' : 'acknowledged';
    const { answer, failure } = outcome;
    if (failure === undefined) {
      if (answer['durability'] === 'outbox') this.#ledger.journaled += 1;
      return outcome;
    }
    const isRival = failure.error === 'VersionConflictError' && items.some(({ isContested }) => isContested);
    if (isRival) return outcome;
    if (this.#isExplained(failure, items)) {
      this.#ledger.behind += 1;
      for (const item of items) item.isContested = true;
    } else this.#violation(tool, `is refused (${JSON.stringify(asked)})`, failure);
    return outcome;
  }

  /** A copy stands in that is from before the newest state of the items, or of a contested one, and says so. */
  #isExplained({ error, details }: Failure, items: readonly Item[]): boolean {
    const [, as_of] = /as of (\S+): it does not have it/.exec(String(details['reason'])) ?? [];
    if (error === 'DatabaseError' && as_of !== undefined)
      return items.some(({ createdAt }) => !isBefore(createdAt, { as_of }));
    if (error !== 'NotFoundError' && error !== 'VersionConflictError') return false;
    if (details['data_source'] === undefined || isPrimary(details['data_source'])) return false;
    return items.some(
      ({ createdAt, updates }) =>
        !isBefore(createdAt, details) ||
        updates.some(({ durability, at }) => isPrimary(durability) && !isBefore(at, details)),
    );
  }

  async #call(tool: string, asked: Answer, isWrite = false): Promise<Outcome> {
    const { server } = this;
    const before = standOf(server);
    const [startedAt, started] = [Date.now(), performance.now()];
    let outcome: Outcome;
    try {
      outcome = await server.call(tool, asked);
    } catch (error) {
      if (this.#mayDie && /ended \(exit SIGKILL\)/.test(String(error))) throw new ServerGone(String(error));
      throw error;
    }
    const ms = performance.now() - started;
    this.#ledger.calls.push({ tool, server, startedAt, ms, before, after: standOf(server) });
    if (outcome.answer !== undefined) this.#judge(tool, outcome.answer, isWrite);
    return outcome;
  }

  /** Whether what an answer says about itself goes together. */
  #judge(tool: string, answer: Answer, isWrite: boolean): void {
    const { data_source, durability } = answer;
    const as_of = answer['as_of'] as string | undefined;
    const codes = codesOf(answer);
    const about = { data_source, as_of, durability, warnings: answer['warnings'] };
    const wrong = (why: string) => this.#violation(tool, why, about);
    if (isPrimary(data_source)) {
      if (as_of !== undefined) wrong('is from the database and from an earlier moment');
      if (!codes.every((code) => ALLOWED_ABOVE.has(code)))
        wrong('is from the database and warns of its absence');
      if (isWrite && durability !== data_source) wrong('is durable elsewhere');
      return;
    }
    if (data_source !== 'sqlite_cache') return wrong('is not from the cache, which is there');
    // The copy lags behind what was seen of the record, so that the write was held against nothing.
    const isUnchecked = isWrite && codes.includes('unchecked');
    const isExplained = (code: string) => ALLOWED_BELOW.has(code) || (isUnchecked && code === 'unchecked');
    if (!codes.every(isExplained)) wrong('has a warning that nothing explains');
    if (isUnchecked) {
      if (as_of !== undefined) wrong('names a moment and was held against nothing');
    } else if (as_of === undefined || Number.isNaN(Date.parse(as_of))) wrong('does not say from when it is');
    else if (Date.parse(as_of) > Date.now()) wrong('is from the future');
    // A write whose reply was lost, and which has come to the cache from the database meanwhile, is like a read.
    if (!isWrite || isPrimary(durability)) {
      if (!codes.includes('primary_unavailable') && !codes.includes('replaying')) wrong('does not say why');
      return;
    }
    if (durability !== 'outbox') wrong('is not durable in the outbox, which is there');
    if (!codes.includes('saved_locally')) wrong('does not say that it is saved here only');
  }

  #violation(tool: string, what: string, details: unknown): void {
    const at = new Date().toISOString();
    this.#ledger.violations.push(`${at} ${tool} ${what}: ${JSON.stringify(details)?.slice(0, 900)}`);
  }

  #pickOwn(suits: (item: Item) => boolean = () => true): Item | undefined {
    const suitable = this.#own.filter(suits);
    return suitable.length === 0 ? undefined : this.#random.pick(suitable);
  }
}

const STANDS: readonly (readonly [said: string, stand: Stand])[] = [
  ['PostgreSQL is away', 'open'],
  ['PostgreSQL is not used', 'open'],
  ['PostgreSQL is there', 'back'],
  ['PostgreSQL is in use', 'online'],
];

/** What the server's log said last of the database; it says nothing while all is well from the start. */
function standOf({ rpc }: Server): Stand {
  const log = rpc.program.stderr();
  const [last] = STANDS.map(([said, stand]) => ({ stand, at: log.lastIndexOf(said) })).sort(
    (a, b) => b.at - a.at,
  );
  return last === undefined || last.at < 0 ? 'online' : last.stand;
}

function codesOf({ warnings = [] }: Answer): string[] {
  const codes = (warnings as { code: string }[]).map(({ code }) => code);
  // That one is about what was asked, wherever it is answered: a token is no known key of metadata.
  return codes.filter((code) => code !== 'unknown_metadata_key');
}

/** Whether something that was answered at `at` has to be in an answer that is from its `as_of`. */
function isBefore(at: number, { as_of }: Answer): boolean {
  return typeof as_of === 'string' && at + CLOCK_MARGIN_MS < Date.parse(as_of);
}

/** The value that `share` of the values stay below or equal; 0 without any. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

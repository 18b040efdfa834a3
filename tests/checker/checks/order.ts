// What one session wrote to one item is applied in that order, and what somebody wrote after reading something of that
// item comes after it. Only notes may pass what waits for a person to settle a conflict.
import type { Call, History, Violation } from '../history.ts';
import {
  eachWrite,
  isForgotten,
  itemsOf,
  makeLedger,
  mayBeLost,
  placeInFeed,
  push,
  type Ledger,
  type Write,
} from '../ledger.ts';
import { shownBy } from '../shown.ts';

export function checkOrder(history: History): Violation[] {
  const ledger = makeLedger(history);
  const bySession = new Map<string, Placed[]>();
  for (const placed of eachPlaced(ledger)) push(bySession, placed.call.session, placed);
  return [...bySession.values()].flatMap((placed) => [
    ...checkOwnOrder(ledger, placed),
    ...checkWritesFollowReads(ledger, placed),
  ]);
}

/** An acknowledged write that took effect by itself. */
interface Placed {
  write: Write;
  call: Call;
  item: string;
  seq: number;
}

function eachPlaced(ledger: Ledger): Placed[] {
  return eachWrite(ledger)
    .flatMap((write) => {
      const { acknowledged: call, deed } = write;
      const seq = placeInFeed(ledger, write);
      // The first of several tries may have been applied long before its repetition was acknowledged.
      const isPlain = write.calls.length === 1 && deed.item !== null && deed.kind !== 'link';
      return isPlain && call !== undefined && seq !== undefined && deed.item !== null
        ? [{ write, call, item: deed.item, seq }]
        : [];
    })
    .sort((a, b) => a.call.start - b.call.start);
}

function checkOwnOrder(ledger: Ledger, placed: readonly Placed[]): Violation[] {
  const latest = new Map<string, Placed>();
  const found: Violation[] = [];
  for (const later of placed) {
    const earlier = latest.get(later.item);
    const isAfter = earlier !== undefined && earlier.call.end <= later.call.start;
    if (isAfter && earlier.seq > later.seq && !mayPass(ledger, later, earlier.write)) {
      found.push({
        guarantee: 'the writes of one session to one item keep their order',
        what: `${markOf(later)} was applied before ${markOf(earlier)}`,
        calls: [earlier.call.n, later.call.n],
      });
    }
    if (earlier === undefined || earlier.seq < later.seq) latest.set(later.item, later);
  }
  return found;
}

function checkWritesFollowReads(ledger: Ledger, placed: readonly Placed[]): Violation[] {
  const session = placed[0]?.call.session;
  const reads = ledger.history.calls.filter((call) => call.session === session);
  const found: Violation[] = [];
  for (const { call, item, seq, write } of placed) {
    const seen = reads
      .filter(({ end }) => end <= call.start)
      .flatMap(shownBy)
      .filter((shown) => shown.item === item)
      .flatMap(({ marks }) => [...marks]);
    for (const mark of new Set(seen)) {
      const other = ledger.writes.get(mark);
      if (other === undefined || other === write || other.calls[0]?.session === session) continue;
      if (comesBackLater(ledger, call, other)) continue;
      const before = placeInFeed(ledger, other);
      if (before === undefined || before < seq || mayPass(ledger, { call, write }, other)) continue;
      found.push({
        guarantee: 'writes follow reads',
        what: `${String(write.deed.marks[0])} was applied before ${mark}, which its maker had read`,
        calls: [other.calls[0]?.n ?? 0, call.n],
      });
    }
  }
  return found;
}

/** What a primary forgot of another folder comes back when somebody says so there. */
function comesBackLater({ history }: Ledger, { folder }: Call, { acknowledged }: Write): boolean {
  return acknowledged !== undefined && acknowledged.folder !== folder && isForgotten(history, acknowledged);
}

/** Others are to see a note at once, and not only when somebody has decided; and what lies in a lost journal is passed. */
function mayPass(
  { history, heldItems }: Ledger,
  { call, write }: Pick<Placed, 'call' | 'write'>,
  other: Write,
): boolean {
  if (mayBeLost(history, other, call)) return true;
  const isNote = write.deed.kind === 'note' && other.deed.kind !== 'note';
  return isNote && itemsOf(other.deed).some((item) => heldItems.has(item));
}

function markOf({ write }: Placed): string {
  return String(write.deed.marks[0]);
}

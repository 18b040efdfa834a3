// What happened in one schedule, as an outsider sees it: every call with its answer and its times, every fault, and the
// tables at the end. All checks are functions of this, so that a history that was kept can be judged again.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = Record<string, Json>;

/**
 * What a write sets out to do. Each of its `marks` is a word that occurs nowhere else and that the record of changes
 * shows once the write was applied, so that a write is recognised without knowing its id.
 */
export interface Deed {
  kind: 'create' | 'note' | 'update' | 'plan' | 'bulk' | 'link' | 'claim' | 'resolve';
  marks: string[];
  /** The item that it alters; null where it makes new ones. */
  item: string | null;
  /** The call whose answer showed the record that this update is based on, by item for a bulk update. */
  basis?: Record<string, number | number[]>;
}

export interface Call {
  n: number;
  /** Also the name that the client gives to the server, so that changes tell whose they are. */
  session: string;
  folder: string;
  tool: string;
  args: JsonObject;
  /** Milliseconds since 1970; `end` is when the answer came, or nobody waited for it any longer. */
  start: number;
  end: number;
  /** `lost`: no answer came, so nobody knows. */
  outcome: 'answered' | 'refused' | 'lost';
  /** The structured answer, or the body of the error. */
  answer: JsonObject;
  deed?: Deed;
}

export interface FaultRecord {
  fault: string;
  /** `postgres`, `table notes`, a folder or a server. */
  target: string;
  from: number;
  to: number;
  detail?: string;
  /** The folders that could not reach the primary in all this time. */
  severs?: string[];
  /** The folder whose waiting writes are documented to be lost by this. */
  destroysJournalsOf?: string;
  /** What the primary acknowledged from then on is gone from it; the folders give it back. */
  primaryForgetsFrom?: number;
  /** Clocks are not one clock any more: times of answers say nothing. */
  bendsTime?: boolean;
}

export interface RecordedChange {
  seq: number;
  change_id: string;
  client: string;
  entity: string;
  entity_id: string;
  related_id: string | null;
  kind: string;
  version: number | null;
  fields: { field: string; from: Json; to: Json }[];
}

export interface ItemRow {
  id: string;
  version: number;
  item_type: string;
  status: string;
  title: string;
  description: string | null;
  labels: string[];
  metadata: JsonObject;
}

export interface ConflictRow {
  id: string;
  kind: string;
  changes: Json;
  reason: string;
  resolution: string | null;
}

/** The truth: read from the tables when everything had settled and nobody wrote any more. */
export interface Tables {
  changes: RecordedChange[];
  items: ItemRow[];
  notes: { id: string; item_id: string; text: string }[];
  conflicts: ConflictRow[];
  claims: { item_id: string; token: number; holder: string | null }[];
  dependencies: { source_id: string; target_id: string; dependency_type: string }[];
  counts: { item_type: string; status: string; items: number }[];
  ready: string[];
  feed: number;
}

export interface History {
  seed: string;
  schedule: string;
  /** What an answer of the primary calls itself. */
  primary: 'postgres' | 'sqlite';
  calls: Call[];
  faults: FaultRecord[];
  tables: Tables;
  /** What was seen beside the calls and is wrong by itself: lines on stdout that are no protocol, a server that died. */
  oddities: string[];
  /** What was still waiting when nobody waited any longer. */
  unsettled: string[];
}

export interface Violation {
  /** The guarantee, as its check names it. */
  guarantee: string;
  what: string;
  /** The calls that show it. */
  calls: number[];
}

/** Keeps a history; answers the path of the file. WORKTRAIL_CHECKER_HISTORIES names the folder. */
export function keepHistory(history: History): string {
  const folder =
    process.env['WORKTRAIL_CHECKER_HISTORIES'] ?? path.join(os.tmpdir(), 'worktrail-checker-histories');
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
  const name = `${history.schedule}-${history.seed}-${Date.now()}`.replaceAll(/[^\w-]+/g, '_');
  const file = path.join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(history));
  return file;
}

export function readHistory(file: string): History {
  return JSON.parse(readFileSync(file, 'utf8')) as History;
}

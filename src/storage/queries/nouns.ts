/** What questions must know of each noun: how one record of it is found, and what it is called. */
import type { PgColumn } from 'drizzle-orm/pg-core';
import { ENTITIES, type Entity } from '../../domain/change.ts';
import type { Connection } from '../database/connection.ts';
import type { Tables } from '../database/schema.ts';
import { findConfiguration } from './configuration.ts';
import { findConflict } from './conflicts.ts';
import { findDeployment } from './deployments.ts';
import { findEnhancement } from './enhancements.ts';
import { findNote } from './notes.ts';
import { findVendors } from './vendors.ts';
import { findWorkItem } from './work-items.ts';

type Find = (c: Connection, id: string) => Promise<object | undefined>;

interface Noun<OwnFind = Find> {
  /** A record by its id, as it is now; null where records have no id of their own. */
  find: OwnFind;
  /** Whether all its fields are recorded as they change, so that a past state can be told. */
  hasPast: boolean;
  hasVersion: boolean;
  /** Where what people call it stands; null for what has no name. */
  name: ((t: Tables) => { id: PgColumn; name: PgColumn }) | null;
}

export const NOUNS: { readonly [E in Entity]: Noun<E extends 'dependency' ? null : Find> } = {
  work_item: {
    find: findWorkItem,
    hasPast: true,
    hasVersion: true,
    name: ({ workItems: t }) => ({ id: t.id, name: t.title }),
  },
  /** Filed under the items that it links. */
  dependency: { find: null, hasPast: false, hasVersion: false, name: null },
  note: { find: findNote, hasPast: true, hasVersion: false, name: null },
  enhancement: {
    find: findEnhancement,
    hasPast: true,
    hasVersion: true,
    name: ({ enhancements: t }) => ({ id: t.id, name: t.title }),
  },
  vendor: {
    find: async (c, id) => (await findVendors(c, [id]))[0],
    hasPast: true,
    hasVersion: true,
    name: ({ vendors: t }) => ({ id: t.id, name: t.name }),
  },
  deployment: { find: findDeployment, hasPast: true, hasVersion: true, name: null },
  configuration: { find: findConfiguration, hasPast: true, hasVersion: true, name: null },
  conflict: { find: findConflict, hasPast: false, hasVersion: false, name: null },
};

export const ENTITIES_WITH_PAST: readonly Entity[] = ENTITIES.filter((entity) => NOUNS[entity].hasPast);

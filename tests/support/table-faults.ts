// Tables of a tracker that refuse to be written for a while: a right that is missing, a table that is away.
import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { cleanUpLater } from './cleanup.ts';

export const TABLE_FAULTS = ['right', 'renamed'] as const;
export type TableFault = (typeof TABLE_FAULTS)[number];

export interface FaultyTables {
  /** The address of the database for a user who owns nothing there. */
  url: string;
  /** Makes the fault. @returns what ends it */
  break(table: string, fault: TableFault): Promise<() => Promise<void>>;
}

/** @param url of a superuser, in whose database the schema of the tracker is already */
export async function faultyTables(url: string, schema: string): Promise<FaultyTables> {
  const admin = postgres(url, { max: 1, onnotice: () => undefined });
  const role = `limited_${randomBytes(5).toString('hex')}`;
  await admin.unsafe(`create role ${role} login password 'limited'`);
  await admin.unsafe(
    `grant usage on schema ${schema} to ${role};
     grant select, insert, update, delete on all tables in schema ${schema} to ${role};
     grant usage, select on all sequences in schema ${schema} to ${role}`,
  );
  cleanUpLater(async () => {
    await admin.unsafe(`drop owned by ${role}; drop role ${role}`);
    await admin.end();
  });
  const address = new URL(url);
  address.username = role;
  address.password = 'limited';
  return {
    url: address.href,
    break: async (table, fault) => {
      const name = `${schema}.${table}`;
      const rights = 'insert, update, delete';
      const [begin, end] =
        fault === 'right'
          ? [`revoke ${rights} on ${name} from ${role}`, `grant ${rights} on ${name} to ${role}`]
          : [`alter table ${name} rename to ${table}_away`, `alter table ${name}_away rename to ${table}`];
      await admin.unsafe(begin);
      return async () => void (await admin.unsafe(end));
    },
  };
}

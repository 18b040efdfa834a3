// Statements to PostgreSQL past the tracker, over a connection of their own.
import postgres from 'postgres';

/** @param schema where names without one are looked for. Default: as the server does. */
export async function runSql(url: string, statements: readonly string[], schema?: string): Promise<void> {
  const connection = postgres(url, {
    max: 1,
    onnotice: () => undefined,
    ...(schema !== undefined && { connection: { search_path: schema } }),
  });
  try {
    for (const statement of statements) await connection.unsafe(statement);
  } finally {
    await connection.end();
  }
}

/** The name of the database that an address leads to. */
export const nameOf = (url: string): string => new URL(url).pathname.slice(1);

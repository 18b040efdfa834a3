// Looking into JSON Schemas.

/** Every keyword used anywhere in a schema; names of properties do not count. */
export function schemaKeywords(schema: unknown): Set<string> {
  const found = new Set<string>();
  visit(schema, false);
  return found;

  function visit(node: unknown, namesAreProperties: boolean): void {
    if (Array.isArray(node)) {
      for (const entry of node) visit(entry, false);
    } else if (typeof node === 'object' && node !== null) {
      for (const [key, value] of Object.entries(node)) {
        if (!namesAreProperties) found.add(key);
        visit(value, !namesAreProperties && key === 'properties');
      }
    }
  }
}

/** Frontmatter and configuration of other trackers, as data. */
import { isPlainObject } from '../domain/json.ts';
import { UnsuitableYaml, parseYaml } from './yaml.ts';

export type YamlMapping =
  | { data: Record<string, unknown> }
  /** Why it is not understood, and in which of its lines that begins, from 1. */
  | { reason: string; line: number };

/** A mapping of keys to values, without aliases. Never throws. A number that would lose digits stays text: `1.0`. */
export function readMapping(yaml: string): YamlMapping {
  try {
    const data = parseYaml(yaml, { keepSpelling: true });
    return isPlainObject(data) ? { data } : { reason: 'it is not a mapping of keys to values', line: 1 };
  } catch (error) {
    if (!(error instanceof UnsuitableYaml)) throw error;
    const { reason, line } = error;
    return { reason, line };
  }
}

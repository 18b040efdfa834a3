/** Frontmatter as data. Never run: YAML of the core schema only, without aliases, bounded in size. */
import { LineCounter, isScalar, parseDocument, visit } from 'yaml';
import { parseYaml } from '../backlog-markdown.ts';

export type Frontmatter =
  | { data: Record<string, unknown> }
  /** Why it is not understood, and in which of its lines that begins, from 1. */
  | { reason: string; line: number };

/** Never throws. A number keeps its spelling as text where the two differ: `1.0` is `"1.0"`. */
export function readFrontmatter(yaml: string): Frontmatter {
  const parsed = parseYaml(yaml);
  if ('data' in parsed) return parsed;
  const reason = parsed.reason.replace(/ at line \d+, column \d+:?$/, '');
  return { reason, line: startOfProblem(yaml) ?? parsed.line };
}

/** Where YAML finds a quote unclosed only at the end, the line that matters is the one where it was opened. */
function startOfProblem(yaml: string): number | undefined {
  try {
    const lines = new LineCounter();
    const document = parseDocument(yaml, { lineCounter: lines, logLevel: 'error', schema: 'core' });
    const [problem] = document.errors;
    if (problem?.code !== 'MISSING_CHAR') return undefined;
    let start = problem.pos[0];
    visit(document, (_key, node) => {
      const isAround =
        isScalar(node) && node.range != null && node.range[0] < start && node.range[2] >= start;
      if (isAround && /^["']/.test(yaml.slice(node.range?.[0]))) start = node.range?.[0] ?? start;
    });
    return lines.linePos(start).line;
  } catch {
    return undefined;
  }
}

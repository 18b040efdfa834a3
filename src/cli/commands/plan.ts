import path from 'node:path';
import type { Command } from 'commander';
import type { AppliedPlan } from '../../use-cases/records/plans.ts';
import { validationError } from '../../domain/errors.ts';
import { UnsuitableFile, readPlainFile } from '../../platform/plain-file.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { count, plainLine, shortId } from '../terminal/plain-text.ts';
import { runUseCase } from '../terminal/run-use-case.ts';

interface PlanOptions {
  dryRun?: true;
  key?: string;
}

/** `worktrail plan FILE`: makes a whole tree of items with its dependencies, all or nothing. */
export function addPlanCommand(program: Command): Command {
  return program
    .command('plan')
    .description('create a tree of items with dependencies from a file, all or nothing')
    .argument('<file>', 'JSON or YAML: a list of items, or an object with "items"; "-" for standard input')
    .option('--dry-run', 'check the plan and create nothing')
    .option('--key <key>', 'idempotency key: a repeated call creates nothing more')
    .addHelpText(
      'after',
      `
Each item has a key, an item_type and a title, and may have a parent, depends_on and blocks (keys of the plan, or ids
of items that are there) and every other field of an item: status, priority, labels, metadata, …

  - { key: shop, item_type: project, title: Shop }
  - { key: api, item_type: task, title: API, parent: shop }
  - { key: ui, item_type: task, title: UI, parent: shop, depends_on: [api] }

Examples:
  worktrail plan plan.yaml --dry-run
  worktrail plan plan.yaml
  worktrail plan - < plan.json`,
    )
    .action(async (file: string, _options: unknown, command: Command) => {
      const options = optionsOf<PlanOptions>(command);
      const items = await readPlan(file);
      const load = async () => (await import('../../use-cases/records/plans.ts')).applyPlan;
      const fields = {
        items,
        ...(options.dryRun === true && { dry_run: true }),
        ...(options.key !== undefined && { idempotency_key: options.key }),
      };
      await runUseCase(options, load, fields, renderPlan);
    });
}

async function readPlan(file: string): Promise<unknown> {
  const { UnsuitableYaml, parseYaml } = await import('../../formats/yaml.ts');
  const { MESSAGE_MAX_BYTES } = await import('../../domain/limits.ts');
  const refuse = (constraint: string) =>
    validationError(
      { field: 'file', constraint, value: file },
      'Correct the file, then call again; nothing was created.',
    );
  const text = file === '-' ? await readInput(MESSAGE_MAX_BYTES) : readGiven(file, MESSAGE_MAX_BYTES, refuse);
  if (text === undefined) throw refuse(`must have at most ${MESSAGE_MAX_BYTES} bytes`);
  let content: unknown;
  try {
    // JSON is YAML too, and both say on which line they are wrong.
    content = parseYaml(text, { maxAliases: ALIASES_MAX });
  } catch (error) {
    if (!(error instanceof UnsuitableYaml)) throw error;
    throw refuse(`is not usable as JSON or YAML: line ${error.line}: ${error.reason}`);
  }
  const isObject = typeof content === 'object' && content !== null && !Array.isArray(content);
  if (!isObject) {
    if (Array.isArray(content)) return content;
    throw refuse('must hold a list of items, or an object with "items"');
  }
  const others = Object.keys(content as object).filter((name) => name !== 'items');
  if (others.length > 0)
    throw refuse(`has ${others.map((name) => JSON.stringify(name)).join(', ')} beside "items"`);
  return (content as { items?: unknown }).items;
}

/** A pipe or a device in its place is not waited for. A link may lead anywhere: the person named it. */
function readGiven(file: string, maxBytes: number, refuse: (constraint: string) => Error): string {
  try {
    const inside = path.parse(path.resolve(file)).root;
    const content = readPlainFile(path.resolve(file), { maxBytes, inside });
    if (content !== undefined) return content.toString('utf8');
  } catch (error) {
    if (error instanceof UnsuitableFile) throw refuse(error.reason);
    throw error;
  }
  throw refuse('is not there');
}

/** Standard input up to its end; undefined when it is longer than is read. */
async function readInput(maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const ALIASES_MAX = 100;

function renderPlan({ ids, items_created, links_created, dry_run, repeated }: AppliedPlan): string {
  const counts = `${count(items_created, 'item')} and ${count(links_created, 'link')}`;
  if (dry_run === true) return `The plan is sound: it would create ${counts}. Nothing was created.`;
  const head =
    repeated === true ? `Created by an earlier call with this key: ${counts}` : `Created ${counts}`;
  return [head, ...Object.entries(ids).map(([key, id]) => `  ${shortId(id)}  ${plainLine(key)}`)].join('\n');
}

import type { Command } from 'commander';
import { validationError } from '../../domain/errors.ts';
import type { ClaimedItem, NothingReady } from '../../use-cases/records/claims.ts';
import { fieldsFrom, numberFrom } from '../terminal/arguments.ts';
import { ExitCode } from '../terminal/exit-codes.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { printAnswer } from '../terminal/output.ts';
import { count, plainLine, shortId, spokenTime } from '../terminal/plain-text.ts';
import { withAnswer } from '../terminal/run-use-case.ts';
import { waitingTable } from './ready.ts';

const FIELDS = {
  token: 'claim_token',
  minutes: 'lease_minutes',
  to: 'to',
  label: 'label',
  type: 'item_type',
  parent: 'parent_id',
  as: 'claimed_by',
  key: 'idempotency_key',
} as const;

interface ClaimOptions {
  renew?: true;
  release?: true;
  to?: string;
}

/** `worktrail claim [ID]`: take an item to work on, keep it, give it back, hand it over. */
export function addClaimCommand(program: Command): Command {
  return program
    .command('claim')
    .description('take a work item, or the next ready one, so that nobody else works on it')
    .argument('[id]', 'its id, or the first 6 or more characters of it (default: the next ready item)')
    .option('--label <label>', 'of ready items, only one that has this label')
    .option('--type <type>', 'of ready items, only a project, session, task or research')
    .option('--parent <id>', 'of ready items, only one anywhere below this item')
    .option(
      '--minutes <number>',
      'how long the claim holds, 1 to 1440 (default: 30; when renewed, as long as before)',
      numberFrom,
    )
    .option('--renew', 'keep the claim for longer')
    .option('--release', 'give the item back')
    .option('--to <name>', 'hand the claim over to a person or client, who takes it by claiming the item')
    .option('--token <number>', 'the claim_token, where somebody else claimed the item', numberFrom)
    .option('--as <name>', 'the name under which the item is claimed (default: yours)')
    .option('--key <key>', 'idempotency key: a repeated call gives the first result')
    .addHelpText(
      'after',
      `
A claim that is neither renewed nor released ends by itself, and the item is free again.
Exit codes: 0 done, 1 somebody else holds the item, or nothing is ready.

Examples:
  worktrail claim --label backend
  worktrail claim 3f2a9c1e --minutes 120
  worktrail claim 3f2a9c1e --renew
  worktrail claim 3f2a9c1e --to grace`,
    )
    .action(async (id: string | undefined, _options: unknown, command: Command) => {
      const options = optionsOf<ClaimOptions>(command);
      const load = async () => (await import('../../use-cases/records/claims.ts')).claimWorkItem;
      const action = actionOf(options);
      const fields = { ...(id !== undefined && { id }), ...fieldsFrom(options, FIELDS), action };
      await withAnswer(options, load, fields, (answer) => {
        if ('nothing_ready' in answer.data) process.exitCode = ExitCode.finding;
        printAnswer(answer, options.json, (data) =>
          'nothing_ready' in data ? renderNothing(data) : renderClaimed(data, action),
        );
      });
    });
}

function actionOf({ renew, release, to }: ClaimOptions): string {
  const asked = [
    ...(renew === true ? ['renew'] : []),
    ...(release === true ? ['release'] : []),
    ...(to === undefined ? [] : ['hand_over']),
  ];
  if (asked.length <= 1) return asked[0] ?? 'take';
  throw validationError(
    { field: 'action', constraint: 'must be one of --renew, --release and --to', value: asked.join(' and ') },
    'Give one of the three, or none to take the item. Nothing was changed.',
  );
}

function renderNothing({ waiting, waiting_count }: NothingReady): string {
  if (waiting_count === 0) return 'Nothing is ready: no open work item matches.';
  const shown = waiting.length < waiting_count ? `; the first ${waiting.length}:` : ':';
  return `Nothing is ready. ${count(waiting_count, 'open work item')} not ready${shown}\n\n${waitingTable(waiting)}`;
}

const DONE: Readonly<Record<string, string>> = {
  take: 'Claimed',
  renew: 'Renewed the claim on',
  hand_over: 'Handed over',
};

function renderClaimed(item: ClaimedItem, action: string): string {
  const { id, item_type, title, claimed_by, claim_expires_at, claim_token, repeated } = item;
  const what = `${item_type} ${shortId(id)}: ${plainLine(title)}`;
  const earlier = repeated === true ? ' (by an earlier call with this key)' : '';
  if (claim_token === null) return `Released ${what}${earlier}`;
  const until = `${plainLine(claimed_by ?? '')} until ${spokenTime(claim_expires_at ?? '')} UTC`;
  // The new holder gets the token by claiming the item.
  const token = action === 'hand_over' ? '' : `, token ${claim_token}`;
  return `${DONE[action]} ${what}${earlier}\nHeld by ${until}${token}`;
}

import type { Command } from 'commander';
import { validationError } from '../../domain/errors.ts';
import type { NoteList } from '../../use-cases/records/notes.ts';
import { numberFrom } from '../terminal/arguments.ts';
import { optionsOf } from '../terminal/global-options.ts';
import { paint } from '../terminal/output.ts';
import { count, plainLine, quoted, shortId, spokenTime } from '../terminal/plain-text.ts';
import { runUseCase } from '../terminal/run-use-case.ts';

interface NoteOptions {
  list?: true;
  limit?: number | string;
  cursor?: string;
  key?: string;
}

/** `worktrail note ID TEXT`: adds a comment; `--list` shows all of them. */
export function addNoteCommand(program: Command): Command {
  return program
    .command('note')
    .description('add a note to a work item, or list its notes')
    .argument('<id>', "the item's id, or the first 6 or more characters of it")
    .argument('[text...]', 'the note; - reads it from standard input')
    .option('--list', 'show all notes of the item instead')
    .option('--limit <number>', 'notes on a page with --list, 1 to 100 (default: 50)', numberFrom)
    .option('--cursor <cursor>', 'the next page, as the previous one named it')
    .option('--key <key>', 'idempotency key: a repeated call with it adds nothing new')
    .addHelpText(
      'after',
      `
Examples:
  worktrail note 3f2a9c1e "The vendor answers on Monday"
  git log -1 --format=%B | worktrail note 3f2a9c1e -
  worktrail note 3f2a9c1e --list`,
    )
    .action(async (id: string, words: string[], _options: unknown, command: Command) => {
      const options = optionsOf<NoteOptions>(command);
      const { list, limit, cursor, key } = options;
      if (list === true) {
        const page = { ...(limit !== undefined && { limit }), ...(cursor !== undefined && { cursor }) };
        const load = async () => (await import('../../use-cases/records/notes.ts')).listNotes;
        return await runUseCase(options, load, { id, ...page }, renderNotes);
      }
      const text = words.length === 1 && words[0] === '-' ? await standardInput() : words.join(' ');
      const load = async () => (await import('../../use-cases/records/notes.ts')).addNote;
      const fields = { id, text, ...(key !== undefined && { idempotency_key: key }) };
      await runUseCase(options, load, fields, ({ item_id }) => `Added a note to ${shortId(item_id)}.`);
    });
}

/** @throws ValidationError for more than a note holds: what never ends is not read to its end */
async function standardInput(): Promise<string> {
  const { MESSAGE_MAX_BYTES, NOTE_MAX_BYTES } = await import('../../domain/limits.ts');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    bytes += (chunk as Buffer).length;
    if (bytes > MESSAGE_MAX_BYTES) {
      const constraint = `must have at most ${NOTE_MAX_BYTES} bytes in UTF-8 (standard input has over ${MESSAGE_MAX_BYTES})`;
      throw validationError({ field: 'text', constraint, value: '-' });
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8').trimEnd();
}

function renderNotes({ items, total_count, next_cursor }: NoteList): string {
  if (items.length === 0) return total_count === 0 ? 'No notes.' : 'No notes on this page.';
  const notes = items.map(
    ({ text, created_at, created_by }) =>
      `${paint('dim', `${spokenTime(created_at)} UTC by ${plainLine(created_by)}`)}\n${quoted(text).join('\n')}`,
  );
  const more = next_cursor === null ? '' : `; the next page: --cursor ${next_cursor}`;
  return `${notes.join('\n\n')}\n\n${items.length} of ${count(total_count, 'note')}${more}`;
}

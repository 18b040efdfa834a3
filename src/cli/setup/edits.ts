/** What is put into a file of others, and taken out again: nothing else of it is touched. Pure. */
import { WordedError } from '../../platform/worded-error.ts';

export interface Edit {
  /** Where it is, in words: `mcpServers.worktrail`. */
  place: string;
  /** What of ours is there. `other` is what somebody else wrote in our place: it stays. */
  state(text: string): 'missing' | 'ours' | 'old' | 'other';
  /** @throws NotEditable for a text that is broken or has something else in the way */
  put(text: string): string;
  /** Takes it out, whatever was changed around it since. The text itself, where it is not there. @throws NotEditable */
  take(text: string): string;
}

/** A file that is left as it is; the message goes after its name. */
export class NotEditable extends WordedError {
  override readonly name = 'NotEditable';
}

/** The line break that a text has; that of Unix where it has none. */
export const lineBreakOf = (text: string): string => /\r?\n/.exec(text)?.[0] ?? '\n';

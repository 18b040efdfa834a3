/** The token of `serve --http`: from a file, from the environment, or made for this run. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { ifSet } from '../../config/project-folder.ts';
import { validationError } from '../../domain/errors.ts';
import { UnsuitableFile, readPlainFile } from '../../platform/plain-file.ts';

export const TOKEN_VARIABLE = 'WORKTRAIL_HTTP_TOKEN';
const TOKEN_BYTES = 32;
const FILE_MAX_BYTES = 4_096;
/** What a header can carry without quoting; short ones can be guessed. */
const TOKEN = /^[A-Za-z0-9._~+/=-]{16,512}$/;

export interface TokenFlags {
  token?: boolean;
  tokenFile?: string | undefined;
}

export interface HttpToken {
  value: string;
  /** Made for this run: nobody knows it who is not told. */
  isNew: boolean;
}

/**
 * @returns undefined where none is asked for
 * @throws ValidationError for one that cannot be used; never with the token in it
 */
export function httpToken(flags: TokenFlags, environment: NodeJS.ProcessEnv): HttpToken | undefined {
  const file = ifSet(flags.tokenFile);
  if (file !== undefined) return { value: checked('--token-file', contentOf(file)), isNew: false };
  const fixed = ifSet(environment[TOKEN_VARIABLE]);
  if (fixed !== undefined) return { value: checked(TOKEN_VARIABLE, fixed), isNew: false };
  return flags.token === true
    ? { value: randomBytes(TOKEN_BYTES).toString('base64url'), isNew: true }
    : undefined;
}

function contentOf(file: string): string {
  try {
    const absolute = path.resolve(file);
    // The person names it on the command line: it may lie, and lead, anywhere.
    const content = readPlainFile(absolute, { maxBytes: FILE_MAX_BYTES, inside: path.parse(absolute).root });
    if (content !== undefined) return content.toString('utf8').trim();
  } catch (error) {
    if (!(error instanceof UnsuitableFile)) throw error;
    throw wrongToken('--token-file', `must name a readable file: ${error.message}`);
  }
  throw wrongToken('--token-file', `must name a file that is there: ${file}`);
}

function checked(source: string, token: string): string {
  if (TOKEN.test(token)) return token;
  throw wrongToken(source, 'must hold a token of 16 to 512 of A–Z, a–z, 0–9 and . _ ~ + / = -');
}

function wrongToken(field: string, constraint: string) {
  return validationError(
    { field, constraint, value: null },
    'A good one: openssl rand -base64 32. Or start with --token alone, which makes one.',
  );
}

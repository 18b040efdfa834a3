/** What is known of some clients, by the names and versions that they give: `npm run clients` shows what they really do. */

/** Claude Code shows a model the names of tools, and the rest of those that it searches for or that it was told to load. */
export const loadsOnDemand = (client: string): boolean => client.startsWith('claude-code');

/**
 * They show a model the structured content of an answer, in place of its text or beside it. Their next major version may
 * not: then it gets both forms, as everybody does.
 */
const SHOW_STRUCTURED_CONTENT = ['claude-code/2.', 'codex-mcp-client/0.', 'copilot-cli/1.'];

/**
 * Whether a client is sent the text of answers alone, which says the same in two thirds of the tokens.
 * @param client its name, a slash and its version
 */
export const takesTextOnly = (client: string): boolean =>
  SHOW_STRUCTURED_CONTENT.some((known) => client.startsWith(known));

/**
 * Takes a text that is JSON for structured content, and shows a model the text and what it made of it, each escaped within
 * JSON of its own.
 */
const PARSES_TEXT = 'gemini-cli-mcp-client/0.';

/** Whether a client is sent errors as a text that is not JSON as a whole. @param client its name, a slash and its version */
export const parsesText = (client: string): boolean => client.startsWith(PARSES_TEXT);

/** Who works here: the person, and the session that a client is in. */
import { createHash, randomUUID } from 'node:crypto';
import os from 'node:os';
import { presentable } from '../domain/worker.ts';
import { gitUserName } from '../platform/git-user.ts';

/** Where neither the settings nor git nor the system has a name, as in a container without a passwd entry. */
const NOBODY = 'unknown';

/**
 * The person: the setting, else git's `user.name` in the folder, else the system's user. Git is asked at the first call, and
 * once.
 */
export function personIn(folder: string, setting: string | undefined): () => Promise<string> {
  let asked: Promise<string> | undefined;
  return () => (asked ??= find());

  async function find(): Promise<string> {
    return setting ?? (presentable(await gitUserName(folder)) || presentable(systemUser()) || NOBODY);
  }
}

/** How a client names its session to the programs that it starts, by the beginning of its name. */
const SESSION_VARIABLES = [
  ['claude-code', 'CLAUDE_CODE_SESSION_ID'],
  ['codex', 'CODEX_THREAD_ID'],
] as const;

/** How a client names its session with a call, where it does not tell the programs that it starts. */
const SESSION_IN_CALLS = [['codex', 'threadId']] as const;

/** Of clients that name none, one for as long as this program runs. */
const ownSession = randomUUID();

/**
 * The session of the one client of this program. A variable counts for the client that sets it: another client that was
 * started from there inherits it.
 * @param meta what the client sent along with a call
 */
export function sessionOf(
  client: string,
  environment: NodeJS.ProcessEnv,
  meta: Readonly<Record<string, unknown>> = {},
): string {
  const key = SESSION_IN_CALLS.find(([name]) => client.startsWith(name))?.[1];
  const variable = SESSION_VARIABLES.find(([name]) => client.startsWith(name))?.[1];
  return (key && presentable(meta[key])) || (variable && presentable(environment[variable])) || ownSession;
}

/** The session of the client that runs this command; undefined where no client does. */
export function sessionAround(environment: NodeJS.ProcessEnv): string | undefined {
  return SESSION_VARIABLES.map(([, variable]) => presentable(environment[variable])).find(
    (session) => session !== '',
  );
}

/** The session of commands that no client runs: one for a user of the system in a folder, whatever the person is called. */
export function commandSession(device: string): string {
  const digest = createHash('sha256')
    .update(`${device} ${systemUser() ?? ''}`)
    .digest('hex');
  return `cli-${digest.slice(0, 8)}`;
}

function systemUser(): string | undefined {
  try {
    return os.userInfo().username;
  } catch {
    return undefined;
  }
}

/**
 * What git gets to see of us, and what it is told before it reads any file: nothing that a repository's own settings
 * name is started, nobody is asked, and nothing is fetched. Settings on the command line win over those in files.
 */
import { statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A program that does nothing and fails. */
const NO_PROGRAM = 'false';

const SETTINGS = [
  // Programs that git starts by itself.
  `core.hooksPath=${os.devNull}`,
  'core.fsmonitor=false',
  'core.pager=cat',
  'core.editor=:',
  'core.askPass=',
  'core.alternateRefsCommand=:',
  `core.attributesFile=${os.devNull}`,
  'diff.external=',
  'interactive.diffFilter=',
  'log.showSignature=false',
  'commit.gpgSign=false',
  'tag.gpgSign=false',
  `gpg.program=${NO_PROGRAM}`,
  `gpg.openpgp.program=${NO_PROGRAM}`,
  `gpg.ssh.program=${NO_PROGRAM}`,
  `gpg.ssh.defaultKeyCommand=${NO_PROGRAM}`,
  `gpg.x509.program=${NO_PROGRAM}`,
  'gc.auto=0',
  'maintenance.auto=false',
  // The way to other machines.
  `core.sshCommand=${NO_PROGRAM}`,
  `core.gitProxy=${NO_PROGRAM}`,
  'credential.helper=',
  'protocol.allow=never',
  // A folder of a project that is made like a repository is none.
  'safe.bareRepository=explicit',
  // Every byte is on the disk before git reports success, and refs keep no log.
  'core.fsync=all',
  'core.fsyncMethod=fsync',
  'core.logAllRefUpdates=false',
];

export const GLOBAL_ARGUMENTS: readonly string[] = [
  '--no-pager',
  '--no-optional-locks',
  '--no-replace-objects',
  ...SETTINGS.flatMap((setting) => ['-c', setting]),
];

/** What git and the system's libraries need to find themselves and the user's own settings. */
const KEPT = [
  'HOME',
  'XDG_CONFIG_HOME',
  'TMPDIR',
  'TEMP',
  'TMP',
  // By which git, run as root, knows whose repositories it may use.
  'SUDO_UID',
  // Which of its developer tools macOS starts.
  'DEVELOPER_DIR',
  'SystemRoot',
  'SystemDrive',
  'windir',
  'USERPROFILE',
  'HOMEDRIVE',
  'HOMEPATH',
  'APPDATA',
  'LOCALAPPDATA',
  'ProgramData',
  'ProgramFiles',
  'PATHEXT',
  // Where this git is, which files it reads, and how far it looks for a repository.
  'GIT_EXEC_PATH',
  'GIT_CONFIG_NOSYSTEM',
  'GIT_CONFIG_SYSTEM',
  'GIT_CONFIG_GLOBAL',
  'GIT_ATTR_NOSYSTEM',
  'GIT_CEILING_DIRECTORIES',
  'GIT_DISCOVERY_ACROSS_FILESYSTEM',
];

const FIXED = {
  LC_ALL: 'C',
  GIT_TERMINAL_PROMPT: '0',
  GIT_OPTIONAL_LOCKS: '0',
  // Empty: nothing is started. Unset: a setting of the repository would be.
  GIT_ASKPASS: '',
  GIT_PAGER: 'cat',
  GIT_EDITOR: ':',
  GIT_SEQUENCE_EDITOR: ':',
  GIT_SSH_COMMAND: NO_PROGRAM,
  GIT_SSH: NO_PROGRAM,
  GIT_PROXY_COMMAND: NO_PROGRAM,
  // Git before 2.45 does not know the first; with the second there is no way to fetch by.
  GIT_NO_LAZY_FETCH: '1',
  GIT_ALLOW_PROTOCOL: 'none',
  GIT_PROTOCOL_FROM_USER: '0',
  GIT_TRACE2: '0',
  GIT_TRACE2_EVENT: '0',
  GIT_TRACE2_PERF: '0',
};

/**
 * A selection of this process's environment: neither its secrets, nor what leads git to another repository. Which
 * folders are safe (`safe.directory`) may be said in variables; of such settings, only these are passed on.
 * @param settings more settings, for keys that stand in no argument
 */
export function gitEnvironment(settings: readonly [key: string, value: string][] = []) {
  const kept = KEPT.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const all = [...safeDirectories(), ...settings];
  const numbered = all.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return {
    ...(Object.fromEntries(kept) as Record<string, string>),
    PATH: searchPath().join(path.delimiter),
    ...FIXED,
    ...(all.length > 0 && { GIT_CONFIG_COUNT: String(all.length) }),
    ...(Object.fromEntries(numbered) as Record<string, string>),
  };
}

function safeDirectories(): [key: string, value: string][] {
  const count = Math.min(Number(process.env['GIT_CONFIG_COUNT'] ?? 0) || 0, 100);
  return Array.from({ length: count }, (_, index) => index).flatMap((index) => {
    const value = process.env[`GIT_CONFIG_VALUE_${index}`];
    const isSafe = process.env[`GIT_CONFIG_KEY_${index}`]?.toLowerCase() === 'safe.directory';
    return isSafe && value !== undefined ? [['safe.directory', value] as [string, string]] : [];
  });
}

/** The folders that programs are looked for in; a relative one would be in the repository. */
function searchPath(): string[] {
  return (process.env['PATH'] ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
}

/** Windows looks in the folder that a program shall run in first, and that is the repository. */
export function gitProgram(): string {
  if (process.platform !== 'win32') return 'git';
  const files = searchPath().map((folder) => path.join(folder, 'git.exe'));
  // Without any, a path that is not there: the search by name must not come back.
  return (
    files.find((file) => statSync(file, { throwIfNoEntry: false })?.isFile()) ?? 'C:\\git.exe is missing'
  );
}

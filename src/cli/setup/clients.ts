/**
 * The AI clients that can be set up, and the files in a project by which each knows its MCP servers, what it is told, and its
 * hooks. The places and forms are those that each client documents, as of November 2026.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import { isPlainObject, type JsonObject, type JsonValue } from '../../domain/json.ts';
import { NotEditable, type Edit } from './edits.ts';
import { jsonEntry } from './json-entry.ts';
import { HASH, MARKDOWN, markedBlock, type Said } from './marked-block.ts';

export interface ClientFile {
  /** Below the project's folder. */
  path: string;
  edits: readonly Edit[];
  /** The names of those that read it. */
  clients?: readonly string[];
  /** Nothing is put into it, but something of ours may be in it. */
  isForUndo?: true;
}

export interface SetUpClient {
  name: string;
  title: string;
  /** What shows that it is used: here or in the user's folder, or by the name of its program. */
  signs: { project: readonly string[]; home: readonly string[]; program: string };
  files: (project: string, command: Command) => ClientFile[];
  /** What is left to a person. */
  hint?: string;
}

/** How the program is started. */
export interface Command {
  command: string;
  args: readonly string[];
}

const NAME = 'worktrail';

const ADVICE = [
  '## Worktrail',
  '',
  'The work on this project is tracked with the worktrail tools (at a terminal: `worktrail`), shared with other sessions.',
  '',
  '- Call get_brief first, and again after a compaction.',
  '- Claim an item before you work on it, note on it what you find, and close it with what proves that it is done.',
];

const advice = (file: string): ClientFile => ({ path: file, edits: [markedBlock(MARKDOWN, ADVICE)] });

const server = (file: string, key: string, value: JsonObject, blank?: string): ClientFile => ({
  path: file,
  edits: [jsonEntry({ path: [key], key: NAME, value, ...(blank !== undefined && { blank }) })],
});

const started = ({ command, args }: Command): JsonObject => ({ command, args: [...args, 'serve'] });

/** Read by Claude Code and by Copilot CLI. */
const shared = (command: Command) =>
  server('.mcp.json', 'mcpServers', { type: 'stdio', ...started(command) });

const HOOKS = {
  SessionStart: 'session-start',
  Stop: 'stop',
  PreCompact: 'pre-compact',
  SessionEnd: 'session-end',
} as const;
type HookEvent = keyof typeof HOOKS;

/** Seconds until the client goes on without it. */
const HOOK_TIMEOUT = 10;

function hooks(events: readonly HookEvent[], command: Command, options: string[] = []): Edit[] {
  return events.map((event) => {
    const line = [
      ...[command.command, ...command.args].map(shellWord),
      'hook',
      HOOKS[event],
      ...options,
    ].join(' ');
    return jsonEntry({
      path: ['hooks', event],
      value: { hooks: [{ type: 'command', command: line, timeout: HOOK_TIMEOUT }] },
      part: { list: 'hooks', isOurs: (hook) => isOurHook(hook, HOOKS[event]) },
    });
  });
}

/** Started by the name of the program or by its file, wherever that is: not every `cli.js` is ours. */
function isOurHook(hook: JsonValue, event: string): boolean {
  const line = isPlainObject(hook) ? hook['command'] : undefined;
  const [program, words] = typeof line === 'string' ? line.split(' hook ', 2) : [];
  return (
    program !== undefined &&
    words?.split(' ', 1)[0] === event &&
    /(?:^|[\s/\\'"])worktrail(?:\.cmd|\.exe)?['"]?$|[/\\]dist[/\\]cli\.js['"]?$/.test(program)
  );
}

const shellWord = (word: string): string =>
  /^[\w./@:+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

function codexServer({ command, args }: Command): ClientFile {
  const list = [...args, 'serve'].map((word) => JSON.stringify(word)).join(', ');
  const lines = [`[mcp_servers.${NAME}]`, `command = ${JSON.stringify(command)}`, `args = [${list}]`];
  return { path: '.codex/config.toml', edits: [markedBlock(HASH, lines, readToml)] };
}

function readToml(text: string): Said {
  try {
    const { mcp_servers: servers, ...rest } = parse(text);
    if (!isPlainObject(servers)) return { isThere: false, rest: { ...rest, servers: servers ?? {} } };
    const { [NAME]: ours, ...others } = servers;
    return { isThere: ours !== undefined, rest: { ...rest, servers: others } };
  } catch (error) {
    const [first = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new NotEditable(`is not TOML that can be read: ${first}`);
  }
}

export const CLIENTS: readonly SetUpClient[] = [
  {
    name: 'claude-code',
    title: 'Claude Code',
    signs: { project: ['.claude', 'CLAUDE.md'], home: ['.claude', '.claude.json'], program: 'claude' },
    files: (_project, command) => [
      shared(command),
      advice('CLAUDE.md'),
      {
        path: '.claude/settings.json',
        edits: hooks(['SessionStart', 'Stop', 'PreCompact', 'SessionEnd'], command),
      },
    ],
    hint: 'asks once whether this project may start the server and its hooks',
  },
  {
    name: 'codex',
    title: 'Codex',
    signs: { project: ['.codex'], home: ['.codex'], program: 'codex' },
    files: (_project, command) => [
      codexServer(command),
      advice('AGENTS.md'),
      {
        path: '.codex/hooks.json',
        edits: hooks(['SessionStart', 'Stop'], command, ['--client', 'codex']),
      },
    ],
    hint: 'reads them in folders that it trusts; /hooks lets its hooks run',
  },
  {
    name: 'gemini',
    title: 'Gemini CLI',
    signs: { project: ['.gemini', 'GEMINI.md'], home: ['.gemini'], program: 'gemini' },
    files: (_project, command) => [
      server('.gemini/settings.json', 'mcpServers', started(command)),
      advice('GEMINI.md'),
    ],
    hint: 'starts servers in folders that it trusts',
  },
  {
    name: 'vscode',
    title: 'VS Code',
    signs: { project: ['.vscode'], home: ['.vscode'], program: 'code' },
    files: (_project, command) => [
      server('.vscode/mcp.json', 'servers', { type: 'stdio', ...started(command) }),
      advice('AGENTS.md'),
    ],
    hint: 'asks once whether it may start the server',
  },
  {
    name: 'copilot-cli',
    title: 'Copilot CLI',
    signs: { project: ['.github/mcp.json'], home: ['.copilot'], program: 'copilot' },
    files: (_project, command) => [shared(command), advice('AGENTS.md')],
    hint: 'starts servers in folders that it trusts',
  },
  {
    name: 'cursor',
    title: 'Cursor',
    signs: { project: ['.cursor'], home: ['.cursor'], program: 'cursor' },
    files: (_project, command) => [
      server('.cursor/mcp.json', 'mcpServers', started(command)),
      advice('AGENTS.md'),
    ],
    hint: 'asks once whether the server may run',
  },
  {
    name: 'opencode',
    title: 'opencode',
    signs: {
      project: ['opencode.json', 'opencode.jsonc', '.opencode'],
      home: ['.config/opencode'],
      program: 'opencode',
    },
    files: (project, { command, args }) => [
      ...opencodeFiles(project).map((file, at) => ({
        ...server(
          file,
          'mcp',
          { type: 'local', command: [command, ...args, 'serve'], enabled: true },
          '{\n  "$schema": "https://opencode.ai/config.json"\n}\n',
        ),
        ...(at > 0 && { isForUndo: true as const }),
      })),
      advice('AGENTS.md'),
    ],
  },
];

/** Both of its names, first the one that is used: the other may have been, earlier. */
function opencodeFiles(project: string): string[] {
  const names = ['opencode.json', 'opencode.jsonc'];
  return existsSync(path.join(project, 'opencode.jsonc')) ? names.reverse() : names;
}

/** The files of several clients, each with the name of its client. */
export function filesOf(clients: readonly SetUpClient[], project: string, command: Command): ClientFile[] {
  return clients.flatMap(({ name, files }) =>
    files(project, command).map((file) => ({ ...file, clients: [name] })),
  );
}

/** Whether a client shows that it is used in the project or by the user. */
export function isUsed({ signs }: SetUpClient, project: string, home: string, searchPath: string): boolean {
  return (
    signs.project.some((name) => existsSync(path.join(project, name))) ||
    signs.home.some((name) => existsSync(path.join(home, name))) ||
    onPath(signs.program, searchPath) !== undefined
  );
}

/** Where a program is, by its name; undefined where it is on no folder of the path. */
export function onPath(program: string, searchPath: string): string | undefined {
  const names = process.platform === 'win32' ? [`${program}.cmd`, `${program}.exe`] : [program];
  const files = searchPath
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder))
    .flatMap((folder) => names.map((name) => path.join(folder, name)));
  return files.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

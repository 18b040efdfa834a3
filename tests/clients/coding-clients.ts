// The clients: how each is installed, started without a person, and pointed at a model on loopback. How each knows the tracker
// is what `worktrail init` writes; over HTTP, the entry that its documentation names.
import type { Package } from './packages.ts';

export interface RunOf {
  /** The folder of the project. */
  project: string;
  /** Of the scripted model, without a slash at the end. */
  model: string;
}

export interface CodingClient {
  name: string;
  title: string;
  package: Package;
  program: string;
  needsNewerNode?: true;
  /** Its name for `worktrail init`. */
  init: string;
  args: readonly string[];
  env?: (run: RunOf) => Record<string, string>;
  /** Files in its home that point it at the model and let it run unattended. */
  home: (run: RunOf) => Record<string, string>;
  /** The file of the project, and what it holds where the tracker is reached over HTTP. */
  overHttp: (url: string) => { file: string; content: string };
}

const PROMPT = 'Work a session on this project with worktrail.';
const KEY = 'scripted';

const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;
const mcpJson = (url: string) => ({
  file: '.mcp.json',
  content: json({ mcpServers: { worktrail: { type: 'http', url } } }),
});

export const CODING_CLIENTS: readonly CodingClient[] = [
  {
    name: 'claude',
    title: 'Claude Code',
    package: { folder: 'claude', name: '@anthropic-ai/claude-code', version: '2.1.332' },
    program: 'claude',
    init: 'claude-code',
    args: ['-p', PROMPT, '--model', 'claude-sonnet-4-5', '--output-format', 'stream-json', '--verbose'],
    env: ({ model }) => ({
      ANTHROPIC_BASE_URL: model,
      ANTHROPIC_API_KEY: KEY,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
    }),
    home: () => ({
      '.claude/settings.json': json({
        enableAllProjectMcpServers: true,
        permissions: { allow: ['mcp__worktrail'] },
      }),
    }),
    overHttp: mcpJson,
  },
  {
    name: 'codex',
    title: 'Codex',
    package: { folder: 'codex', name: '@openai/codex', version: '0.171.0' },
    program: 'codex',
    init: 'codex',
    args: [
      ...['exec', '--json', '--sandbox', 'read-only'],
      // Nobody is there to be asked, and a turn would begin without a server that is not ready yet.
      ...['-c', 'mcp_servers.worktrail.default_tools_approval_mode="approve"'],
      ...['-c', 'mcp_servers.worktrail.required=true', PROMPT],
    ],
    home: ({ project, model }) => ({
      '.codex/config.toml': [
        'model = "gpt-5.4"',
        'model_provider = "scripted"',
        'check_for_update_on_startup = false',
        '[analytics]',
        'enabled = false',
        '[model_providers.scripted]',
        'name = "scripted"',
        `base_url = "${model}/v1"`,
        'wire_api = "responses"',
        'supports_websockets = false',
        `[projects.${JSON.stringify(project)}]`,
        'trust_level = "trusted"',
        '',
      ].join('\n'),
    }),
    overHttp: (url) => ({
      file: '.codex/config.toml',
      content: `[mcp_servers.worktrail]\nurl = "${url}"\n`,
    }),
  },
  {
    name: 'gemini',
    title: 'Gemini CLI',
    package: { folder: 'gemini', name: '@google/gemini-cli', version: '0.61.0' },
    program: 'gemini',
    init: 'gemini',
    args: ['-p', PROMPT, '--approval-mode', 'yolo', '-m', 'gemini-2.5-pro', '-o', 'json'],
    env: ({ model }) => ({ GOOGLE_GEMINI_BASE_URL: model, GEMINI_API_KEY: KEY }),
    home: () => ({
      '.gemini/settings.json': json({
        security: { folderTrust: { enabled: false }, auth: { selectedType: 'gemini-api-key' } },
        privacy: { usageStatisticsEnabled: false },
        telemetry: { enabled: false },
        general: { enableAutoUpdate: false },
      }),
    }),
    overHttp: (url) => ({
      file: '.gemini/settings.json',
      content: json({ mcpServers: { worktrail: { type: 'http', url } } }),
    }),
  },
  {
    name: 'opencode',
    title: 'opencode',
    package: { folder: 'opencode', name: 'opencode-ai', version: '1.18.33' },
    program: 'opencode',
    init: 'opencode',
    args: ['run', '-m', 'scripted/scripted', PROMPT],
    env: () => ({ OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_AUTOUPDATE: '1' }),
    home: ({ model }) => ({
      '.config/opencode/opencode.json': json({
        ...{
          autoupdate: false,
          share: 'disabled',
          model: 'scripted/scripted',
          small_model: 'scripted/scripted',
        },
        provider: {
          scripted: {
            npm: '@ai-sdk/openai-compatible',
            options: { baseURL: `${model}/v1`, apiKey: KEY },
            models: { scripted: { tool_call: true, limit: { context: 200_000, output: 8_000 } } },
          },
        },
      }),
    }),
    overHttp: (url) => ({
      file: 'opencode.json',
      content: json({ mcp: { worktrail: { type: 'remote', url, enabled: true } } }),
    }),
  },
  {
    name: 'copilot',
    title: 'Copilot CLI',
    package: { folder: 'copilot', name: '@github/copilot', version: '1.0.102' },
    program: 'copilot',
    needsNewerNode: true,
    init: 'copilot-cli',
    args: ['-p', PROMPT, '--allow-all-tools', '--disable-builtin-mcps'],
    env: ({ model }) => ({
      COPILOT_PROVIDER_BASE_URL: `${model}/v1`,
      COPILOT_PROVIDER_API_KEY: KEY,
      COPILOT_MODEL: 'gpt-5.4',
      COPILOT_AUTO_UPDATE: 'false',
    }),
    home: ({ project }) => ({ '.copilot/config.json': json({ trusted_folders: [project] }) }),
    overHttp: mcpJson,
  },
];

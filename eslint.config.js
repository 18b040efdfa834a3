import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Imports go down only: a layer may not know the ones above it. */
const LAYERS = {
  platform: [
    'cli',
    'app',
    'mcp',
    'http',
    'services',
    'storage',
    'formats',
    'domain',
    'config',
    'config-schema',
  ],
  domain: ['cli', 'app', 'mcp', 'http', 'services', 'storage', 'formats', 'config', 'config-schema'],
  formats: ['cli', 'app', 'mcp', 'http', 'services', 'storage', 'config', 'config-schema'],
  storage: ['cli', 'app', 'mcp', 'http', 'services', 'config'],
  services: ['cli', 'app', 'mcp', 'http'],
  mcp: ['cli', 'app', 'http'],
  http: ['cli', 'app'],
};

const layerRules = Object.entries(LAYERS).map(([layer, above]) => ({
  files: [`src/${layer}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `^(\\.\\./)+(${above.join('|')})(/|\\.ts$)`,
            message: `src/${layer} may not import from the layers above it (see CLAUDE.md).`,
          },
          ...(layer === 'mcp'
            ? []
            : [
                {
                  group: ['@modelcontextprotocol/*'],
                  message: 'The MCP SDK is known to src/mcp only.',
                },
              ]),
        ],
      },
    ],
  },
}));

const STDOUT_MESSAGE = 'stdout belongs to the protocol; only src/cli may write to it.';

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'drizzle', 'contracts', '.worktrail', '**/*.generated.ts'] },
  eslint.configs.recommended,
  ...tseslint.configs.strict,
  {
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', URL: 'readonly', setTimeout: 'readonly' },
    },
    rules: {
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-dynamic-delete': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/cli/**'],
    rules: {
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'exit', message: 'Only src/cli ends the process.' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector:
            "CallExpression[callee.object.type='MemberExpression'][callee.object.object.name='process'][callee.object.property.name='stdout'][callee.property.name='write']",
          message: STDOUT_MESSAGE,
        },
        {
          selector: 'ImportDeclaration[source.value="zod"] ImportSpecifier',
          message:
            "Use `import * as z from 'zod'`: the namespace object carries every locale into the bundle.",
        },
      ],
    },
  },
  ...layerRules,
  {
    files: ['tests/checker/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '/(src|torture/(?!scale))',
              message: 'The checker is an outsider: it knows neither the program nor the model.',
            },
          ],
        },
      ],
    },
  },
);

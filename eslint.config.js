import path from 'node:path';
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';
import { whyNotImport } from './scripts/layers.js';

const source = path.join(import.meta.dirname, 'src');

const downwards = {
  create(context) {
    const file = path.relative(source, context.filename);
    const check = (node) => {
      const specifier = node.source?.value;
      if (typeof specifier !== 'string' || !specifier.startsWith('.')) return;
      const message = whyNotImport(file, specifier);
      if (message !== undefined) context.report({ node, message });
    };
    return {
      ImportDeclaration: check,
      ImportExpression: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      TSImportType: (node) => check({ ...node, source: node.argument.literal ?? node.argument }),
    };
  },
};

/** The parts of the MCP SDK that serve both protocol eras, and older clients on purpose. */
const KEPT_THOUGH_DEPRECATED = ['Server', 'getClientVersion', 'SSEClientTransport'];

/** Rules that ask the type checker. */
const typedRules = [
  ...tseslint.configs.recommendedTypeCheckedOnly,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', { checkThenables: true }],
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-deprecated': [
        'error',
        {
          allow: ['client', 'server', 'sdk'].map((name) => ({
            from: 'package',
            package: `@modelcontextprotocol/${name}`,
            name: KEPT_THOUGH_DEPRECATED,
          })),
        },
      ],
      // Whether a cast is needed depends on who takes the value; without it other rules may object.
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
      // An async function without await turns what it throws into a rejection, as its interface promises.
      '@typescript-eslint/require-await': 'off',
      // Many of our objects are made of closures; their functions need no `this`.
      '@typescript-eslint/unbound-method': 'off',
      // Fields of records and changes are JSON of any kind for the compiler, and texts to whoever prints them.
      '@typescript-eslint/no-base-to-string': 'off',
    },
  },
].map((config) => ({ ...config, files: ['**/*.ts'] }));

/** Matchers and rows of SQL are `any`; the product knows none. */
const UNTYPED_IN_TESTS = ['argument', 'assignment', 'call', 'member-access', 'return'];

const STDOUT_MESSAGE = 'stdout belongs to the protocol; only src/cli may write to it.';

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'drizzle', 'contracts', '.worktrail', '**/*.generated.ts'] },
  eslint.configs.recommended,
  ...tseslint.configs.strict,
  ...typedRules,
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
  {
    files: ['src/**/*.ts'],
    plugins: { house: { rules: { downwards } } },
    rules: { 'house/downwards': 'error' },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/mcp/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['@modelcontextprotocol/*'],
              message: 'The MCP SDK is known to src/mcp only.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['tests/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts'],
    rules: Object.fromEntries(
      UNTYPED_IN_TESTS.map((what) => [`@typescript-eslint/no-unsafe-${what}`, 'off']),
    ),
  },
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

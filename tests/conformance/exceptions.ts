// All that the suite checks and that does not succeed, or succeeds for nothing, each with its reason. What is not here
// succeeds, and what is here does not: the test fails either way round.
import type { Era } from './suite.ts';

/** `product` is the program as it is shipped, `fixtures` the same server with what the suite calls. */
export type Build = 'product' | 'fixtures';

export interface Exception {
  /** `scenario`, or `scenario:check` for one check of it. */
  of: readonly string[];
  reason: string;
  /** Where it is so; left out, in both. */
  build?: Build;
  era?: Era;
  /** It succeeds, whatever the server does. */
  passes?: 'vacuously';
}

export const EXCEPTIONS: readonly Exception[] = [
  {
    of: ['logging-set-level', 'tools-call-with-logging'],
    era: '2025-11-25',
    reason:
      'The server logs nothing to clients: a capability that it need not have, deprecated in the 2026 era.',
  },
  {
    of: ['server-stateless:sep-2575-server-no-log-without-loglevel'],
    era: '2026-07-28',
    passes: 'vacuously',
    reason: 'The server logs nothing to clients, whatever they ask for.',
  },
  {
    of: [
      'server-stateless:sep-2575-server-sends-prompts-list-changed-on-subscription',
      'server-stateless:sep-2575-server-sends-tools-list-changed-on-subscription',
    ],
    era: '2026-07-28',
    reason: 'What is offered does not change while a server runs, so no change of it is announced.',
  },
  {
    of: ['server-stateless:sep-2575-server-honors-notification-filter'],
    era: '2026-07-28',
    passes: 'vacuously',
    reason: 'The suite waits for the news of a changed list, which there is never.',
  },
  {
    of: ['server-sse-polling:server-sse-priming-event', 'server-sse-polling:server-sse-retry-field'],
    era: '2025-11-25',
    reason:
      'Not scored. A stream cannot be resumed: a call whose answer was lost is repeated, with its idempotency key where it writes.',
  },
  {
    of: ['json-schema-2020-12'],
    reason:
      'Not scored. Tools advertise flat schemas on purpose: some hosts refuse references and conditions.',
  },
  {
    of: ['http-custom-header-server-validation'],
    era: '2026-07-28',
    reason: 'Not scored. No tool has an argument that is sent as a header too (x-mcp-header).',
  },
  {
    of: [
      'tasks-lifecycle',
      'tasks-capability-negotiation',
      'tasks-wire-fields',
      'tasks-request-state-removal',
      'tasks-mrtr-input',
      'tasks-request-headers',
      'tasks-dispatch-and-envelope',
      'tasks-status-notifications',
      'tasks-required-task-error',
      'tasks-mrtr-composition',
    ],
    era: '2026-07-28',
    reason: 'Not scored. The tasks extension is not offered: jobs are asked about with get_job.',
  },
  {
    build: 'product',
    of: [
      'completion-complete',
      'tools-call-image',
      'tools-call-audio',
      'tools-call-embedded-resource',
      'tools-call-mixed-content',
      'tools-call-with-progress',
      'resources-read-text',
      'resources-read-binary',
      'resources-templates-read',
      'prompts-get-simple',
      'prompts-get-with-args',
      'prompts-get-embedded-resource',
      'prompts-get-with-image',
    ],
    reason: 'Calls a tool, resource or prompt that only the fixtures have.',
  },
  {
    build: 'product',
    era: '2025-11-25',
    of: [
      'tools-call-sampling',
      'tools-call-elicitation',
      'elicitation-sep1034-defaults',
      'elicitation-sep1330-enums',
      'resources-subscribe',
      'resources-unsubscribe',
      'server-sse-polling:incoming-sse-event',
    ],
    reason: 'Calls a tool or resource that only the fixtures have.',
  },
  {
    build: 'product',
    era: '2026-07-28',
    of: [
      'server-stateless:sep-2575-server-rejects-undeclared-capability',
      'server-stateless:sep-2575-missing-capability-http-400',
      'input-required-result-basic-elicitation',
      'input-required-result-basic-sampling',
      'input-required-result-basic-list-roots',
      'input-required-result-request-state',
      'input-required-result-multiple-input-requests',
      'input-required-result-multi-round',
      'input-required-result-missing-input-response',
      'input-required-result-non-tool-request',
      'input-required-result-result-type',
      'input-required-result-tampered-state',
      'input-required-result-capability-check',
      'input-required-result-validate-input',
    ],
    reason: 'Calls a tool or prompt that asks its client for something: only the fixtures have such.',
  },
  {
    build: 'product',
    of: ['tools-call-simple-text', 'tools-call-error'],
    passes: 'vacuously',
    reason: 'Calls a tool that only the fixtures have, and takes the error about that for its answer.',
  },
  {
    build: 'product',
    era: '2026-07-28',
    of: [
      'server-stateless:sep-2575-http-server-no-independent-requests-on-stream',
      'input-required-result-unsupported-methods',
      'input-required-result-ignore-extra-params',
    ],
    passes: 'vacuously',
    reason: 'The product asks its clients for nothing, so that nothing of it can be wrong.',
  },
];

// What existing clients rely on in the arguments of the eight first tools, and calls that keep to it.
import type { Row } from './calls.ts';
import type { Surface } from './surfaces.ts';

export interface ContractTool {
  name: string;
  /** Marked with * in the contract. */
  required: string[];
  /** The contract's other arguments. */
  optional: string[];
  /** Added since; all of them optional. */
  added: string[];
  readOnly: boolean;
  /** Arguments of a call that succeeds, made in the surface's store. */
  valid(surface: Surface): Promise<Row>;
  /** Laid over the valid arguments, these make it another operation. */
  other: Row;
}

export const COMMIT = '0123456789abcdef0123456789abcdef01234567';

export const DEPLOYMENT = {
  deployed_at: '2026-01-31T09:30:00+02:00',
  commit_hash: COMMIT,
  metadata: {
    pr_number: 7,
    pr_title: 'Add CSV',
    test_summary: { unit: 150, integration: 30 },
    constitutional_compliance: true,
  },
};

const FIELDS_AT_CREATION = [
  'status',
  'priority',
  'description',
  'labels',
  'assignee',
  'commit_hash',
  'pr_number',
];

export const CONTRACT_TOOLS: readonly ContractTool[] = [
  {
    name: 'create_work_item',
    required: ['item_type', 'title'],
    optional: [
      'parent_id',
      'metadata',
      'branch_name',
      'created_by',
      'idempotency_key',
      ...FIELDS_AT_CREATION,
    ],
    added: [],
    readOnly: false,
    valid: () => Promise.resolve({ item_type: 'task', title: 'Fix login' }),
    other: { title: 'Fix logout' },
  },
  {
    name: 'update_work_item',
    required: ['id', 'version'],
    optional: [
      ...['title', 'status', 'metadata', 'parent_id', 'description', 'priority', 'labels', 'assignee'],
      ...[
        'branch_name',
        'commit_hash',
        'pr_number',
        'deleted_at',
        'updated_by',
        'on_conflict',
        'claim_token',
      ],
      'idempotency_key',
    ],
    added: ['append_description', 'position', 'cascade', 'clear'],
    readOnly: false,
    valid: async (surface) => ({ id: (await surface.item())['id'], version: 1, status: 'blocked' }),
    other: { status: 'cancelled' },
  },
  {
    name: 'query_work_item',
    required: ['id'],
    optional: ['include_children', 'include_dependencies', 'max_depth'],
    added: ['field', 'offset', 'max_tokens'],
    readOnly: true,
    valid: async (surface) => ({ id: (await surface.item())['id'] }),
    other: { max_depth: 1 },
  },
  {
    name: 'list_work_items',
    required: [],
    optional: [
      ...['item_type', 'status', 'parent_id', 'assignee', 'label', 'ready', 'text', 'include_deleted'],
      ...['archived', 'sort', 'limit', 'offset', 'cursor'],
    ],
    added: ['explain', 'fields', 'max_tokens'],
    readOnly: true,
    valid: () => Promise.resolve({ limit: 2 }),
    other: { limit: 1 },
  },
  {
    name: 'record_deployment',
    required: ['deployed_at', 'commit_hash', 'metadata'],
    optional: ['affected_vendor_ids', 'affected_vendors', 'related_work_item_ids', 'created_by'],
    added: ['idempotency_key'],
    readOnly: false,
    valid: () => Promise.resolve(DEPLOYMENT),
    other: { deployed_at: '2025-01-01T00:00:00Z' },
  },
  {
    name: 'query_vendor_status',
    required: ['name'],
    optional: [],
    added: ['max_tokens'],
    readOnly: true,
    valid: async (surface) => ({ name: (await surface.vendor())['name'] }),
    other: {},
  },
  {
    name: 'update_vendor_status',
    required: ['name', 'version'],
    optional: ['status', 'extractor_version', 'metadata', 'updated_by'],
    added: ['on_conflict', 'idempotency_key'],
    readOnly: false,
    valid: async (surface) => ({ name: (await surface.vendor())['name'], version: 1, status: 'operational' }),
    other: { status: 'broken' },
  },
  {
    name: 'get_project_configuration',
    required: [],
    optional: [],
    added: ['max_tokens'],
    readOnly: true,
    valid: () => Promise.resolve({}),
    other: {},
  },
];

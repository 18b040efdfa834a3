/** What the records of a status file come to where the tracker stands now: the changes, and what must be true after them. */
import type { BatchPart } from '../../domain/batch.ts';
import { equalJson, type JsonObject, type JsonValue } from '../../domain/json.ts';
import { valueAt, type ExpectedRecords } from '../../domain/reconciliation.ts';
import { vendorNameKey, type Vendor } from '../../domain/vendor.ts';
import type { Reader } from '../../storage/queries/reader.ts';
import type { ChangeRequest, Workspace } from '../../use-cases/support/context.ts';
import { plannedId, type ImportPlan } from '../import/plan.ts';
import { prepareImport, settle, wasTouchedHere } from '../import/run.ts';
import type { SourceTaken } from '../import/settle-source.ts';
import {
  nameVendors,
  STATUS_SOURCE,
  type LineNote,
  type PlannedDeployment,
  type PlannedEnhancement,
} from './legacy-plan.ts';
import { KINDS, type RecordKind } from './legacy-records.ts';
import type { StatusSource } from './status-source.ts';

export interface KindOutcome {
  created: number;
  updated: number;
  unchanged: number;
  /** Changed here by somebody, and left as it is. */
  kept_local: number;
}

/** A record that is here otherwise than the file says, and stays so. */
export interface Kept {
  kind: RecordKind;
  name: string;
  message: string;
}

export interface StatusChanges {
  parts: BatchPart[];
  outcome: Record<RecordKind, KindOutcome>;
  expected: ExpectedRecords;
  kept_here: Kept[];
  /** Vendors that a deployment names and that neither the file nor the tracker has. */
  unknown_vendors: (LineNote & { name: string })[];
  /** Commits that could not be completed, and are kept as they stand. */
  unresolved_commits: (LineNote & { commit: string })[];
}

/** The questions that are asked; a tracker that does not exist yet has an answer to none. */
export type Known = Pick<
  Reader,
  | 'findVendorsByKeys'
  | 'findDeploymentsLike'
  | 'findEnhancementsByTitles'
  | 'findEnhancementMentions'
  | 'findWorkItems'
  | 'listChanges'
>;

/** @throws ValidationError (field `namespace`) where it cannot be told which source the file, or its prompts, are */
export async function findStatusChanges(
  reader: Reader,
  source: StatusSource,
  workspace: Pick<Workspace, 'projectDir'>,
): Promise<{ source: StatusSource; taken: SourceTaken[]; changes: StatusChanges }> {
  const items = await settle(reader, source.plan.items, workspace);
  const prompts = source.prompts === null ? undefined : await settle(reader, source.prompts, workspace);
  const { namespace } = items.taken;
  const settled: StatusSource = {
    ...source,
    namespace,
    plan: namespace === source.namespace ? source.plan : await source.planUnder(namespace),
    prompts: prompts?.plan ?? null,
  };
  const changes = await new Comparison(reader, settled).run((plan) =>
    prepareImport(reader, plan === prompts?.plan ? prompts : { ...items, plan }),
  );
  return {
    source: settled,
    taken: [items.taken, ...(prompts === undefined ? [] : [prompts.taken])],
    changes,
  };
}

/** The same for a tracker with nothing in it. */
export async function findChangesOnEmptyTracker(source: StatusSource): Promise<StatusChanges> {
  const nothing = () => Promise.resolve([]);
  const known = {
    findVendorsByKeys: nothing,
    findDeploymentsLike: nothing,
    findEnhancementsByTitles: nothing,
    findEnhancementMentions: nothing,
    findWorkItems: nothing,
    listChanges: () => Promise.resolve({ items: [], total_count: 0, next_cursor: null, limit: 1, offset: 0 }),
  } as unknown as Known;
  return await new Comparison(known, source).run(({ items }) =>
    Promise.resolve({
      requests: items.map(({ id }) => ({ entity: 'work_item', entity_id: id, kind: 'create', patch: {} })),
      outcome: { remarks: [] },
    }),
  );
}

interface PreparedItems {
  requests: ChangeRequest[];
  outcome: { remarks: { id: string; title: string; message: string }[] };
}

class Comparison {
  readonly #parts: BatchPart[] = [];
  readonly #outcome = Object.fromEntries(
    KINDS.map((kind) => [kind, { created: 0, updated: 0, unchanged: 0, kept_local: 0 }]),
  ) as Record<RecordKind, KindOutcome>;
  readonly #expected: ExpectedRecords = { vendors: [], deployments: [], enhancements: [], sessions: [] };
  readonly #kept: Kept[] = [];
  readonly #unknownVendors: StatusChanges['unknown_vendors'] = [];
  readonly #unresolved: StatusChanges['unresolved_commits'] = [];

  constructor(
    private readonly known: Known,
    private readonly source: StatusSource,
  ) {}

  async run(prepare: (plan: ImportPlan) => Promise<PreparedItems>): Promise<StatusChanges> {
    const { plan, prompts } = this.source;
    await this.#vendors();
    const own = new Set(plan.sessions.map(({ id }) => id));
    await this.#items(plan.items, await prepare(plan.items), (id) => own.has(id));
    if (prompts !== null) await this.#items(prompts, await prepare(prompts), () => true);
    await this.#deployments();
    await this.#enhancements();
    return {
      parts: this.#parts,
      outcome: this.#outcome,
      expected: this.#expected,
      kept_here: this.#kept,
      unknown_vendors: this.#unknownVendors,
      unresolved_commits: this.#unresolved,
    };
  }

  async #vendors(): Promise<void> {
    const { vendors } = this.source.plan;
    const found = await this.known.findVendorsByKeys(vendors.map(({ name }) => vendorNameKey(name)));
    const present = new Map(found.map((vendor) => [vendorNameKey(vendor.name), vendor]));
    for (const { name, status, extractor_version, metadata, fields } of vendors) {
      const current = present.get(vendorNameKey(name));
      const patch = { status, metadata, ...(extractor_version !== null && { extractor_version }) };
      let compared = fields;
      if (current === undefined) {
        const id = plannedId(STATUS_SOURCE, this.source.namespace, `vendor ${vendorNameKey(name)}`);
        this.#add('vendors', 'created', {
          entity: 'vendor',
          entity_id: id,
          kind: 'create',
          patch: { name, ...patch },
        });
      } else if (Object.entries(fields).every(([path, said]) => equalJson(valueAt(current, path), said))) {
        this.#outcome.vendors.unchanged += 1;
      } else if (await wasTouchedHere(this.known, 'vendor', current.id)) {
        this.#keep('vendors', name, 'is otherwise here than in the file; it was left as it is here');
        compared = {};
      } else this.#add('vendors', 'updated', this.#update('vendor', current, patch));
      this.#expected.vendors.push({ name, fields: compared });
    }
  }

  async #items(plan: ImportPlan, prepared: PreparedItems, isSession: (id: string) => boolean): Promise<void> {
    const { requests, outcome } = prepared;
    const kindOf = (id: string): RecordKind => (isSession(id) ? 'sessions' : 'work_items');
    const changed = new Map(requests.map(({ entity_id, kind }) => [entity_id, kind]));
    const kept = new Map(outcome.remarks.map((remark) => [remark.id, remark]));
    for (const { id, foreign_id } of plan.items) {
      const kind = kindOf(id);
      const change = changed.get(id);
      const remark = kept.get(id);
      if (remark !== undefined) this.#kept.push({ kind, name: foreign_id, message: remark.message });
      if (change !== undefined) this.#outcome[kind][change === 'create' ? 'created' : 'updated'] += 1;
      else this.#outcome[kind][remark === undefined ? 'unchanged' : 'kept_local'] += 1;
      if (isSession(id)) {
        this.#expected.sessions.push({
          id,
          file: foreign_id,
          compared: remark === undefined || change !== undefined,
        });
      }
    }
    for (const { entity, entity_id, kind, patch, base_version } of requests) {
      this.#parts.push({
        entity,
        entity_id,
        kind,
        patch,
        ...(base_version !== undefined && { base_version }),
      });
    }
  }

  async #deployments(): Promise<void> {
    const { deployments, vendors } = this.source.plan;
    const whole = deployments.map((one) => this.#commitOf(one));
    const rows = await this.known.findDeploymentsLike(
      deployments.map(({ id }) => id),
      [...new Set(whole.filter((commit) => commit !== ''))],
    );
    const parts = deployments.flatMap(({ vendor_parts }) => joinedNames(vendor_parts));
    const registered = await this.known.findVendorsByKeys([...new Set(parts.map(vendorNameKey))]);
    const names = new Set([...vendors, ...registered].map(({ name }) => vendorNameKey(name)));
    const items = await this.known.findWorkItems([
      ...new Set(deployments.flatMap((one) => one.work_item_ids)),
    ]);
    const deleted = new Set(items.filter(({ deleted_at }) => deleted_at !== null).map(({ id }) => id));
    for (const [at, deployment] of deployments.entries()) {
      const { id, pr_number } = deployment;
      const commit_hash = whole[at] ?? '';
      const isSame = (row: (typeof rows)[number]) =>
        row.commit_hash === commit_hash && (row.metadata['pr_number'] ?? null) === pr_number;
      const current =
        rows.find((row) => row.id === id) ?? rows.find((row) => commit_hash !== '' && isSame(row));
      if (current !== undefined) {
        const stored = (current.metadata['pr_number'] ?? null) as number | null;
        this.#expected.deployments.push({
          id: current.id,
          pr_number: stored,
          commit_hash: current.commit_hash,
        });
        const isLonger = commit_hash.startsWith(current.commit_hash) && stored === pr_number;
        if (isSame(current) || isLonger) this.#outcome.deployments.unchanged += 1;
        else
          this.#keep(
            'deployments',
            nameOf(deployment),
            'is otherwise here than in the file; a deployment never changes',
          );
        continue;
      }
      const linked = nameVendors(deployment.vendor_parts, names);
      this.#noteUnknown(deployment, linked.unknown);
      this.#add('deployments', 'created', {
        entity: 'deployment',
        entity_id: id,
        kind: 'create',
        patch: {
          deployed_at: deployment.deployed_at,
          commit_hash,
          metadata: {
            ...deployment.metadata,
            imported: this.#originOf(deployment, commit_hash, linked.unknown),
          },
          affected_vendor_ids: [],
          affected_vendors: linked.names,
          related_work_item_ids: deployment.work_item_ids.filter((item) => !deleted.has(item)),
          is_imported: true,
        },
      });
      this.#expected.deployments.push({ id, pr_number, commit_hash });
    }
  }

  /** Completed where git can, else as the file has it. */
  #commitOf({ commit }: PlannedDeployment): string {
    const found = this.source.commits.get(commit);
    return found !== undefined && 'hash' in found ? found.hash : commit;
  }

  #originOf({ origin, commit }: PlannedDeployment, commit_hash: string, unknown: string[]): JsonObject {
    return {
      ...origin,
      ...(commit !== commit_hash && { commit }),
      ...(unknown.length > 0 && { vendors: unknown }),
    };
  }

  #noteUnknown(deployment: PlannedDeployment, unknown: string[]): void {
    const { commit, commit_line, vendors_line } = deployment;
    for (const name of unknown) {
      const message = `${nameOf(deployment)} names the vendor "${name}", which neither the file nor the tracker has`;
      this.#unknownVendors.push({ line: vendors_line, name, message });
    }
    const found = this.source.commits.get(commit);
    if (found === undefined || !('reason' in found)) return;
    const message = `${nameOf(deployment)}: commit ${commit} is kept as it stands: ${found.reason}`;
    this.#unresolved.push({ line: commit_line, commit, message });
  }

  async #enhancements(): Promise<void> {
    const { enhancements } = this.source.plan;
    const titled = await this.known.findEnhancementsByTitles([
      ...new Set(enhancements.map(({ title }) => title)),
    ]);
    const mentioned = await this.known.findEnhancementMentions(enhancements.map(({ id }) => id));
    const taken = new Set<string>(enhancements.map(({ id }) => id));
    for (const planned of enhancements) {
      const { id, title, priority, target_quarter, description } = planned;
      const renamed = mentioned.find((one) => one.id === id && one.title !== title);
      if (renamed !== undefined) {
        this.#keep('enhancements', title, `is called "${renamed.title}" here; it was left as it is here`);
        this.#expected.enhancements.push({ id, title: renamed.title });
        continue;
      }
      const current =
        titled.find((one) => one.id === id) ??
        titled.find((one) => one.title === title && !taken.has(one.id));
      if (current !== undefined) taken.add(current.id);
      this.#expected.enhancements.push({ id: current?.id ?? id, title });
      const said = {
        priority,
        target_quarter,
        description,
        ...(planned.status !== null && { status: planned.status }),
      };
      if (current === undefined) this.#add('enhancements', 'created', creationOf(planned));
      else if (Object.entries(said).every(([field, value]) => equalJson(current[field as 'title'], value))) {
        this.#outcome.enhancements.unchanged += 1;
      } else if (await wasTouchedHere(this.known, 'enhancement', current.id)) {
        this.#keep('enhancements', title, 'is otherwise here than in the file; it was left as it is here');
      } else this.#add('enhancements', 'updated', this.#update('enhancement', current, said));
    }
  }

  #update(
    entity: 'vendor' | 'enhancement',
    current: Pick<Vendor, 'id' | 'version'>,
    patch: JsonObject,
  ): BatchPart {
    return { entity, entity_id: current.id, kind: 'update', base_version: current.version, patch };
  }

  #add(kind: RecordKind, what: 'created' | 'updated', part: BatchPart): void {
    this.#outcome[kind][what] += 1;
    this.#parts.push(part);
  }

  #keep(kind: RecordKind, name: string, message: string): void {
    this.#outcome[kind].kept_local += 1;
    this.#kept.push({ kind, name, message });
  }
}

function creationOf({
  id,
  title,
  description,
  priority,
  status,
  target_quarter,
}: PlannedEnhancement): BatchPart {
  const rest: Record<string, JsonValue> = { requires_constitutional_principles: [], depends_on: [] };
  return {
    entity: 'enhancement',
    entity_id: id,
    kind: 'create',
    patch: { title, description, priority, status: status ?? 'planned', target_quarter, ...rest },
  };
}

function nameOf({ pr_number, deployed_at }: PlannedDeployment): string {
  return pr_number === null ? `the deployment of ${deployed_at}` : `PR #${pr_number}`;
}

/** Every name that neighbouring parts between commas can spell; names with many commas are rare. */
function joinedNames(parts: readonly string[]): string[] {
  const joinedMax = 3;
  return parts.flatMap((_, at) =>
    Array.from({ length: Math.min(joinedMax, parts.length - at) }, (_unused, more) =>
      parts.slice(at, at + more + 1).join(', '),
    ),
  );
}

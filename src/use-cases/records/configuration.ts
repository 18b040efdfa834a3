/** The project configuration, with what git and the store say at this moment. */
import {
  type Configuration,
  getConfigurationInput,
  updateConfigurationInput,
} from '../../domain/configuration.ts';
import { readHead } from '../../storage/git/repository.ts';
import type { Answer } from '../../storage/contract/store.ts';
import { patchOf, refuseEmptyPatch, writeOne, type WriteOutcome } from '../support/context.ts';
import { findItemId } from '../support/find-id.ts';
import { lookUp } from '../support/look-up.ts';
import { warnOfConflicts } from '../support/open-conflicts.ts';
import { configurationShape, configurationViewShape, writeShape } from '../support/answer-shapes.ts';
import { defineUseCase } from '../support/define-use-case.ts';

/** The configuration with what git and the primary store say at this moment. */
export interface ConfigurationView extends Configuration {
  /** Null on a detached head and outside a repository. */
  git_branch: string | null;
  /** Null before the first commit and outside a repository. */
  git_head_commit: string | null;
  /** Whether the primary store answered just now. */
  database_healthy: boolean;
  last_health_check_at: string;
}

/** Reads the one configuration of the project. Never fails for git: without a repository its fields are null. */
export const getConfiguration = defineUseCase({
  name: 'get_project_configuration',
  kind: 'read',
  input: getConfigurationInput,
  output: () => configurationViewShape(),
  run: async (context): Promise<Answer<ConfigurationView>> => {
    const [answer, head] = await Promise.all([
      context.store.read(async (reader): Promise<Configuration & { open_conflicts?: number }> => {
        const { open_conflicts, ...found } = await reader.findConfigurationWithConflicts();
        return Number(open_conflicts) === 0 ? found : { ...found, open_conflicts: Number(open_conflicts) };
      }),
      readHead(context.workspace.workTree),
    ]);
    return {
      ...warnOfConflicts(answer, (configuration) => [configuration]),
      data: {
        ...answer.data,
        git_branch: head.branch,
        git_head_commit: head.commit,
        // The record itself has just been read from the primary, unless the answer says of when it is.
        database_healthy: answer.as_of === undefined,
        last_health_check_at: context.now().toISOString(),
      },
    };
  },
});

/**
 * Sets the given fields; `current_session_id` may be a prefix, or null.
 * @throws VersionConflictError for a stale version; NotFoundError for an unknown session; ValidationError without
 * a field
 */
export const updateConfiguration = defineUseCase({
  name: 'update_project_configuration',
  kind: 'change',
  input: updateConfigurationInput,
  output: () => ({ ...configurationShape(), ...writeShape() }),
  run: async (context, caller, input): Promise<Answer<Configuration & WriteOutcome>> => {
    const { version, updated_by, on_conflict, idempotency_key, current_session_id, ...fields } = input;
    const patch = patchOf(fields);
    const asked = { call: 'update_project_configuration', arguments: input };
    const known = await lookUp(context, asked, async (reader) => ({
      id: (await reader.findConfiguration()).id,
      session:
        current_session_id == null
          ? current_session_id
          : await findItemId(reader, current_session_id, 'current_session_id'),
    }));
    if (known.session !== undefined) patch['current_session_id'] = known.session;
    refuseEmptyPatch(
      patch,
      'active_context_type, current_session_id, default_token_budget, archive_after_days',
    );
    return await writeOne<Configuration>(context, caller, {
      entity: 'configuration',
      entity_id: known.id,
      kind: 'update',
      base_version: version,
      patch,
      on_conflict,
      actor: updated_by,
      idempotency_key,
    });
  },
});

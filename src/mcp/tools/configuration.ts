import { getConfiguration, updateConfiguration } from '../../use-cases/records/configuration.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { oneLine } from '../../domain/others-text.ts';
import { shortId } from '../definitions/text.ts';

export const getProjectConfigurationTool = defineTool(getConfiguration, {
  toolset: 'core',
  title: 'Read the settings',
  description:
    "Read the project's settings: context, current session, token budget, git branch and head, whether the database answers. Example: {}",
  parameters: {},
  text: (c) =>
    `v${c.version} context ${c.active_context_type}, session ${c.current_session_id === null ? 'none' : shortId(c.current_session_id)}, budget ${c.default_token_budget}, branch ${oneLine(c.git_branch ?? 'none')}, database ${c.database_healthy ? 'healthy' : 'away'}`,
});

export const updateProjectConfigurationTool = defineTool(updateConfiguration, {
  toolset: 'configuration',
  title: 'Change the settings',
  description:
    'Change the project\'s settings, based on the version you read; null ends the current session. Example: {"version":1,"active_context_type":"maintenance"}',
  parameters: {
    active_context_type: 'feature, maintenance or research',
    current_session_id: 'The session that is worked in; null: none',
    default_token_budget: 'Tokens, 1000 to 1000000',
    archive_after_days: 'Closed items move to the archive after so long',
  },
  text: (c) => `Saved configuration v${c.version}: context ${c.active_context_type}`,
});

import { getConfiguration, updateConfiguration } from '../../use-cases/records/configuration.ts';
import { defineTool } from '../definitions/define-tool.ts';
import { changedOf, withoutEmpty } from '../definitions/shown.ts';
import { fieldsText } from '../definitions/text.ts';

export const getProjectConfigurationTool = defineTool(getConfiguration, {
  toolset: 'core',
  title: 'Read the settings',
  description:
    "Read the project's settings: context, current session, token budget, git branch and head, whether the database answers. Example: {}",
  parameters: {},
  show: (configuration) => withoutEmpty(configuration),
  text: ({ version, ...configuration }) => `Configuration v${version}${fieldsText(configuration, [])}`,
});

export const updateProjectConfigurationTool = defineTool(updateConfiguration, {
  toolset: 'configuration',
  title: 'Change the settings',
  description:
    'Change the project\'s settings, based on the version you read. Example: {"version":1,"active_context_type":"maintenance"}',
  parameters: {
    active_context_type: 'What the work is about',
    current_session_id: 'The session that is worked in',
    clear: 'current_session_id: no session is worked in',
    default_token_budget: 'Tokens, 1000 to 1000000',
    archive_after_days: 'Closed items move to the archive after so long',
  },
  show: (configuration, input) => changedOf(configuration, input, ['id', 'version', 'active_context_type']),
  text: ({ version, ...configuration }) =>
    `Saved configuration v${version}${fieldsText(configuration, ['id'])}`,
});

import { getBrief } from '../../use-cases/brief/brief.ts';
import { briefText } from '../../use-cases/brief/brief-text.ts';
import { defineTool } from '../definitions/define-tool.ts';

export const getBriefTool = defineTool(getBrief, {
  toolset: 'core',
  description:
    'Call this first: project, current session, what you hold, ready and blocked work, broken vendors, what changed since you were here (or since a position). Example: {"max_tokens":1000}',
  text: briefText,
});

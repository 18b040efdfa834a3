import { getBriefInput } from '../../domain/brief.ts';
import { getBrief } from '../../services/brief.ts';
import { briefText } from '../../services/brief-text.ts';
import { briefShape } from '../answers.ts';
import { READS, answerSchema, defineTool } from '../define-tool.ts';

export const getBriefTool = defineTool({
  name: 'get_brief',
  toolset: 'core',
  description:
    'Call this first: project, current session, what you hold, ready and blocked work, broken vendors, what changed since you were here (or since a position). Example: {"max_tokens":1000}',
  input: getBriefInput,
  output: answerSchema(briefShape),
  annotations: READS,
  run: getBrief,
  text: briefText,
});

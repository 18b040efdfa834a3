import { getBriefInput } from '../../domain/brief.ts';
import { getBrief } from '../../use-cases/brief/brief.ts';
import { briefText } from '../../use-cases/brief/brief-text.ts';
import { briefShape } from '../definitions/answers.ts';
import { READS, answerSchema, defineTool } from '../definitions/define-tool.ts';

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

import { BRIEF_TOKENS_DEFAULT } from '../../domain/brief.ts';
import { getBrief } from '../../use-cases/brief/brief.ts';
import { BRIEF_PARTS, briefText, briefView } from '../../use-cases/brief/brief-text.ts';
import { defineTool } from '../definitions/define-tool.ts';

export const getBriefTool = defineTool(getBrief, {
  toolset: 'core',
  title: 'Get the brief',
  isLoadedFirst: true,
  hint: 'session start summary, overview, catch up, what to do next',
  description:
    'Call this first: project, current session, what you hold, ready and blocked work, broken vendors, what changed since you were here (or since a position). Example: {"max_tokens":1000}',
  parameters: {
    since: 'What changed after this position of the feed; default: after your last change',
    max_tokens: 'Tokens the brief may cost, 300 to 20000; default 2000',
  },
  budget: BRIEF_TOKENS_DEFAULT,
  show: briefView,
  parts: BRIEF_PARTS,
  text: briefText,
});

import * as z from 'zod';
import { queryHistoryInput } from '../../domain/change.ts';
import { queryHistory } from '../../services/history.ts';
import { changeShape, listShape } from '../answers.ts';
import { READS, answerSchema, defineTool } from '../define-tool.ts';
import { changeLine, listText } from '../text.ts';

export const queryHistoryTool = defineTool({
  name: 'query_history',
  toolset: 'history',
  description:
    'Every change with who, when and each field before and after: of one record (id or vendor), by an actor, in a time range; newest first. since N gives what came after feed position N, oldest first. Example: {"id":"3f2a9c1b"}',
  input: queryHistoryInput,
  output: answerSchema({ ...listShape(changeShape), latest_seq: z.int() }),
  annotations: READS,
  run: (context, _caller, input) => queryHistory(context, input),
  text: (history, maxTokens) =>
    `${listText(history, 'changes', changeLine, maxTokens)}\nlatest_seq ${history.latest_seq}`,
});

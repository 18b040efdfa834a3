import { BRIEF_TOKENS_DEFAULT } from '../../domain/brief.ts';
import { briefToRead } from '../../use-cases/brief/brief.ts';
import { briefText } from '../../use-cases/brief/brief-text.ts';
import { defineResource } from '../definitions/define-resource.ts';

export const briefResource = defineResource({
  uri: 'worktrail://brief',
  name: 'brief',
  title: 'Brief',
  description:
    'What a client needs when it starts: what it holds, ready and blocked work, what changed since it was here.',
  mimeType: 'text/markdown',
  read: async (context, _variable, caller) => {
    const { data, ...answer } = await briefToRead.run(context, caller, { max_tokens: BRIEF_TOKENS_DEFAULT });
    return { ...answer, data: briefText(data) };
  },
  isTouched: () => true,
});

import type { SourceItem } from '../import/source-item.ts';

export interface BeadsIssue extends SourceItem {
  line: number;
  row: Record<string, unknown>;
}

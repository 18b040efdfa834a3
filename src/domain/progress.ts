/** How far a long piece of work is; told to whoever waits for it, and to the record of jobs. */
export interface Progress {
  /** A short word for what is being done now, as `copy` or `verify`; never text of a record. */
  phase: string;
  /** Steps done in this phase. */
  done: number;
  /** Steps in this phase; null where that is not known. */
  total: number | null;
}

/** Called as often as the work likes; whoever shows it takes what it needs. Never throws. */
export type ReportProgress = (progress: Progress) => void;

/** The phases of long work in their order, each with its share of the time that all of it takes as a rule. */
export type Phases = Readonly<Record<string, number>>;

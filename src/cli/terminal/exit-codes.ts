/** How a command ends. */
export const ExitCode = { ok: 0, finding: 1, usage: 2, unavailable: 3 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

// Names that examples in the docs and in TSDoc may use without declaring them. `npm run check` compiles every example
// with this file; keep it short, so that examples stay readable without it.

/** An AbortSignal that the reader has from somewhere. */
declare const signal: AbortSignal

/** The reader's own work. */
declare function work(): Promise<void>
declare function repair(): void
declare function use(...values: unknown[]): void

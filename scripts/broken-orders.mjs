export const BREAKS = {}

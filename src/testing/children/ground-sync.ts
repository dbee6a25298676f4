// testing: scenarios for the tests of sync/.

import type { Scenario } from './ground-main.js'

export const syncScenarios: Readonly<Record<string, Scenario>> = {}

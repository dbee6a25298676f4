// testing: scenarios for the tests of memory/.

import type { Scenario } from './ground-main.js'

export const memoryScenarios: Readonly<Record<string, Scenario>> = {}

// testing: scenarios for the tests of segment/.

import type { Scenario } from './ground-main.js'

export const segmentScenarios: Readonly<Record<string, Scenario>> = {}

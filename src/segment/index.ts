// segment: the room's door.

export { Attached } from './attached.js'
export { checksum, type Header } from './header.js'
export { SLOTS_MAX } from './header.layout.js'
export { checkName, NAME_MAX, namespaceOf, objectName, parseObjectName } from './name.js'
export {
  CREATE_OPTIONS,
  type CreateOptions,
  type Lifetime,
  NAME_OPTIONS,
  type NameOptions,
  OPEN_OPTIONS,
  type OpenOptions,
  PARTICIPANTS,
  type SegmentOpenOptions,
  type SegmentOptions,
} from './options.js'
export { incarnationOf, type Participant, type ParticipantInfo, type PublishedWait, slotOf } from './participants.js'
export { type Departure, Departures, type DeparturesOptions, type Owned, type Peer, peersOf } from './peers.js'
export {
  freeDeadSlots,
  inspectSegment,
  listSegments,
  removeHalfMade,
  type SegmentInfo,
  surveySegments,
} from './registry.js'
export { Segment } from './segment.js'

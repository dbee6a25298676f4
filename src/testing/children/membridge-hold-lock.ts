// testing: takes the lock of a view and keeps it until killed. Arguments: name, "read" or "write".

import { Attachment } from '../../interop/membridge/attachment.js'
import { ViewLock } from '../../interop/membridge/view-lock.js'
import { ShmObject } from '../../memory/index.js'

const [name = '', how = ''] = process.argv.slice(2)
const object = ShmObject.open(name.slice(1))
const lock = new ViewLock(new Attachment(name, object, object.stat().size, false))
lock.acquire(how === 'read' ? lock.reading : lock.writing, -1)
console.log('holding')
// It must not be dropped, or the engine may collect it with what it holds.
setInterval(() => lock, 1000)

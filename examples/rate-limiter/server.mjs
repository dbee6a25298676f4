// An HTTP server with several workers and one limiter.   node server.mjs [port] [workers] [name]

import cluster from 'node:cluster'
import { createServer } from 'node:http'
import { SharedMap } from 'memlane'
import { RateLimiter } from './limiter.mjs'

const [port = '8080', workers = '4', name = 'limits'] = process.argv.slice(2)
const LIMIT = { capacity: 20, perSecond: 1 }

if (cluster.isPrimary) {
  // The primary shares the port: each request goes to the next worker.
  cluster.schedulingPolicy = cluster.SCHED_RR
  for (let i = 0; i < Number(workers); i++) cluster.fork()
  // A worker that dies takes nothing with it: the next one goes on with the same buckets.
  let closing = false
  cluster.on('exit', () => {
    if (!closing) cluster.fork()
  })
  let ready = 0
  cluster.on('listening', (worker, { port }) => {
    if (++ready === Number(workers))
      console.log(`http://127.0.0.1:${port} with ${workers} workers; kill one: kill -9 ${worker.process.pid}`)
  })
  process.on('SIGTERM', () => {
    closing = true
    for (const worker of Object.values(cluster.workers)) worker.kill()
    SharedMap.unlink(name)
    process.exit(0)
  })
} else {
  const limiter = new RateLimiter(name, LIMIT)
  setInterval(() => limiter.sweep(), 10_000).unref()
  createServer((request, response) => {
    const client = new URL(request.url, 'http://x').searchParams.get('client') ?? request.socket.remoteAddress
    const allowed = limiter.take(client)
    response.writeHead(allowed ? 200 : 429, {
      'content-type': 'text/plain',
      'x-worker': String(process.pid),
      connection: 'close',
    })
    response.end(allowed ? 'welcome\n' : 'too many requests\n')
  }).listen(Number(port), '127.0.0.1')
}

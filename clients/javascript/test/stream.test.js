/** Streams of events against a server whose connections break. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import test from 'node:test'

import { ALL, Client, RefusedError, UnavailableError, UnexpectedError } from '../src/index.js'
import { events } from '../src/stream.js'
import { problem, start } from './scripted-server.js'

/** @import { Writes } from './scripted-server.js' */

/**
 * Returns the text of an event.
 *
 * @param {string} id
 * @param {boolean | null} [success]
 */
const event = (id, success = null) =>
  `id: ${id}\nevent: operation_x\ndata: {"id":"${id}","success":${success}}\n\n`

/**
 * Sends a stream, and then closes the connection, breaks it or leaves it open.
 *
 * @param {string} text
 * @param {'close' | 'break' | 'open'} [then]
 * @returns {Writes}
 */
const stream =
  (text, then = 'close') =>
  (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(text, () => {
      if (then === 'close') response.end()
      if (then === 'break') request.socket.destroy()
    })
  }

/** The pause before a reconnect: 1 ms. */
const SOON = 'retry: 1\n\n'

/**
 * @param {AsyncIterable<{ id: string }>} stream
 */
async function ids(stream) {
  const found = []
  for await (const { id } of stream) found.push(id)
  return found
}

test('a stream goes on where it broke, and ends with the operation', async (t) => {
  const server = await start(t, [
    stream(`${SOON}${event('pending')}id: run`, 'break'),
    problem(503),
    stream(event('running')),
    stream(event('completed', true), 'open'),
  ])
  const found = await ids(new Client(server.url).events('/operations/7?at=x'))
  assert.deepEqual(found, ['pending', 'running', 'completed'])
  assert.deepEqual(server.requests(), Array(4).fill('GET /operations/7/events?at=x'))
  assert.deepEqual(server.headers('last-event-id'), [undefined, 'pending', 'pending', 'running'])
})

test('a stream ends at 204', async (t) => {
  const server = await start(t, [{ status: 204 }])
  assert.deepEqual(
    await ids(new Client(server.url).events('operations/7', { after: 'completed' })),
    [],
  )
  assert.deepEqual(server.headers('last-event-id'), ['completed'])
})

test('a stream over all goes on after an id without data and after ends', async (t) => {
  const server = await start(t, [
    stream(`${SOON}id: 3.32767\n\n`),
    stream(event('4.2', true)),
    problem(400),
  ])
  let opened = 0
  const all = new Client(server.url).events(ALL, { user_id: 'ada', onOpen: () => opened++ })
  assert.equal((await all.next()).value?.id, '4.2')
  await assert.rejects(all.next(), RefusedError)
  assert.deepEqual(server.headers('last-event-id'), [undefined, '3.32767', '4.2'])
  assert.equal(server.requests()[0], 'GET /operations/events?user_id=ada')
  assert.equal(opened, 2)
})

test('a stream is open when the service has named a place', async () => {
  const chunks = [SOON, 'id: 3.32767\n\n', event('4.0'), event('4.2', true)]
  /** @type {number[]} */
  const openedBefore = []
  let opened = 0
  // Asks for a chunk only when the client has read the one before.
  const body = new ReadableStream(
    {
      pull(controller) {
        openedBefore.push(opened)
        controller.enqueue(new TextEncoder().encode(chunks.shift()))
      },
    },
    { highWaterMark: 0 },
  )
  const headers = { 'content-type': 'text/event-stream' }
  const fetch = async () => new Response(body, { headers })
  const client = new Client('http://127.0.0.1', { fetch })
  const all = client.events(ALL, { onOpen: () => opened++ })
  for await (const { id } of all) if (id === '4.2') break
  assert.deepEqual(openedBefore, [0, 0, 1, 1])
})

test('a page that is no stream is an error', async (t) => {
  const server = await start(t, [{ status: 200, body: '<html>' }])
  await assert.rejects(ids(new Client(server.url).events(ALL)), UnexpectedError)
})

test('a stream that cannot be opened for its patience is unavailable', async (t) => {
  const server = await start(t, [stream(SOON + event('1.0')), problem(503)])
  const all = new Client(server.url, { patience: 300 }).events(ALL)
  await all.next()
  const error = await all.next().catch((error) => error)
  assert.ok(error instanceof UnavailableError)
  assert.equal(error.problem?.status, 503)
  // The time of all attempts, and not of the last one.
  assert.ok(error.waited > 50, String(error.waited))
  assert.ok(server.asked.length > 2)
})

test("an error of the caller's code ends the stream", async (t) => {
  const server = await start(t, [stream(SOON + event('1.0'), 'open')])
  const onOpen = () => assert.fail('mine')
  await assert.rejects(ids(new Client(server.url).events(ALL, { onOpen })), { message: 'mine' })
  assert.equal(server.asked.length, 1)
})

test('a silent connection is abandoned', async (t) => {
  const server = await start(t, [stream(SOON + event('1.0'), 'open'), stream(event('2.0'), 'open')])
  const call = { fetch, name: 'GET /', url: server.url, method: 'GET', headers: {} }
  const all = events(call, 30_000, {}, 100)
  assert.deepEqual([(await all.next()).value?.id, (await all.next()).value?.id], ['1.0', '2.0'])
  await all.return()
})

test('the end of an iteration closes the connection, and so does a signal', async (t) => {
  /** @type {import('node:net').Socket[]} */
  const sockets = []
  /** @type {Writes} */
  const keeps = (request, response) => {
    sockets.push(request.socket)
    stream(event('1.0'), 'open')(request, response)
  }
  const server = await start(t, [keeps])
  const client = new Client(server.url)
  for await (const _ of client.events(ALL)) break
  if (!sockets[0].destroyed) await once(sockets[0], 'close')

  const aborted = new AbortController()
  const all = client.events(ALL, { signal: aborted.signal })
  await all.next()
  const next = all.next()
  aborted.abort('enough')
  await assert.rejects(next, (error) => error === 'enough')
  if (!sockets[1].destroyed) await once(sockets[1], 'close')
})

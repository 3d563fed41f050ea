/** The client against a server that fails in the ways that servers do. */

import assert from 'node:assert/strict'
import test from 'node:test'

import { sleep } from '../src/exchange.js'
import * as factline from '../src/index.js'
import { accepted, closedPort, operation, problem, start } from './scripted-server.js'

const { Client } = factline

/** Milliseconds within which everything here ends. */
const LONG = 30_000

/**
 * Returns the error of a call.
 *
 * @template {factline.FactlineError} E
 * @param {Promise<unknown>} call
 * @param {new (...parts: any[]) => E} kind
 * @returns {Promise<E>}
 */
async function failure(call, kind) {
  const error = await call.then(
    () => assert.fail('the call succeeded'),
    (error) => error,
  )
  assert.ok(error instanceof kind, String(error))
  return error
}

test('a command completes and is read', async (t) => {
  const pending = operation('pending', null)
  const found = { status: 200, body: { name: 'Ada' } }
  const server = await start(t, [accepted, pending, pending, operation('completed', true), found])
  const client = new Client(server.url, { patience: LONG })
  const sent = await client.send('/people', {})
  assert.deepEqual(
    [sent.operation, sent.resource, sent.retryAfter],
    ['operations/7', 'people/9', 1_000],
  )
  const ended = await client.wait(sent.location)
  assert.equal(ended.state, 'completed')
  const person = await client.read(sent.resource, { position: ended.position })
  assert.equal(person.name, 'Ada')
  const poll = 'GET /operations/7?at=x'
  assert.deepEqual(server.requests(), ['POST /people', poll, poll, poll, 'GET /people/9'])
  assert.equal(server.headers('factline-position').at(-1), '1abc')
  // The suggested second applies to clients that only poll.
  assert.ok(server.pauses()[1] < 500)
})

test('an executed command is one request if the service waits', async (t) => {
  const server = await start(t, [operation('completed', true)])
  const client = new Client(server.url, { patience: 5_500 })
  assert.equal((await client.execute('/people', {})).success, true)
  assert.deepEqual(server.requests(), ['POST /people'])
  assert.equal(server.headers('prefer')[0], 'wait=5')

  const slow = await start(t, [accepted, operation('rejected', false)])
  assert.equal((await new Client(slow.url).execute('/people', {})).state, 'rejected')
  assert.deepEqual(slow.requests(), ['POST /people', 'GET /operations/7?at=x'])
})

test('a service that waits is not polled', async (t) => {
  const open = operation('running', null, { 'preference-applied': 'wait=20' })
  const server = await start(t, [...Array(8).fill(open), operation('completed', true)])
  const began = performance.now()
  await new Client(server.url, { patience: LONG }).wait('operations/7')
  assert.equal(server.headers('prefer')[0], 'wait=20')
  // Polls would take 1.8 seconds or more.
  assert.ok(performance.now() - began < 1_500)
})

test('an open operation is returned in its last state', async (t) => {
  const server = await start(t, [operation('running', null)])
  const client = new Client(server.url, { patience: 200 })
  const error = await failure(client.wait('operations/7'), factline.StillOpenError)
  assert.equal(error.operation.state, 'running')
})

test('a transient failure is retried, not before Retry-After', async (t) => {
  const server = await start(t, [
    problem(503, 'not_accepted'),
    problem(429),
    problem(503, undefined, { 'retry-after': '1' }),
    accepted,
  ])
  await new Client(server.url, { patience: LONG }).send('/people', {})
  assert.equal(server.asked.length, 4)
  assert.ok(server.pauses()[2] >= 1_000, String(server.pauses()))
})

test('exhausted patience reports the last failure', async (t) => {
  const server = await start(t, [problem(503)])
  const error = await failure(
    new Client(server.url, { patience: 400 }).read('/people/9'),
    factline.UnavailableError,
  )
  assert.equal(error.problem?.title, 'Problem')
  assert.ok(server.asked.length > 1 && server.asked.length < 20, String(server.asked.length))

  // A wait that ends after the client's patience is useless, so the client gives up at once.
  const hour = await start(t, [problem(503, undefined, { 'retry-after': '3600' })])
  await failure(
    new Client(hour.url, { patience: LONG }).read('/people/9'),
    factline.UnavailableError,
  )
  assert.equal(hour.asked.length, 1)

  const refusing = await start(t, [problem(503, 'not_accepted')])
  const notAccepted = new Client(refusing.url, { patience: 100 }).send('/people', {})
  await failure(notAccepted, factline.UnavailableError)

  const nothing = new Client(await closedPort(), { patience: 100 })
  const notSent = await failure(nothing.send('/people', {}), factline.UnavailableError)
  assert.ok(notSent.cause)
})

test('a command with an unknown result is retried with its key', async (t) => {
  /** @type {import('./scripted-server.js').Writes} */
  const breaks = (request) => void request.socket.destroy()
  const server = await start(t, [problem(503, 'unknown'), problem(504), breaks, accepted])
  const client = new Client(server.url, { patience: LONG })
  await client.send('/people', {})
  await client.send('/people/9', {}, { method: 'PUT' })
  const keys = server.headers('idempotency-key')
  assert.equal(keys.length, 5)
  assert.match(String(keys[0]), /^"[0-9a-f]{32}"$/)
  assert.equal(new Set(keys.slice(0, 4)).size, 1)
  assert.notEqual(keys[4], keys[3], 'another command has another key')
  assert.equal(server.requests()[4], 'PUT /people/9')
})

test('an unknown result names the key for a retry', async (t) => {
  const server = await start(t, [problem(503, 'unknown')])
  const client = new Client(server.url, { patience: 100 })
  const error = await failure(client.send('/people', 1, { key: 'mi"ne\\' }), factline.UnknownError)
  assert.deepEqual(
    [error.key, error.operation, error.resource],
    ['mi"ne\\', 'operations/7', 'people/9'],
  )
  assert.ok(server.headers('idempotency-key').every((key) => key === '"mi\\"ne\\\\"'))

  // Later attempts that were certainly not accepted do not change what the first one may have done.
  const lost = await start(t, [problem(504), problem(503, 'not_accepted')])
  const repeatable = new Client(lost.url, { patience: 100 }).send('/people', 1, {
    repeatable: true,
  })
  assert.equal((await failure(repeatable, factline.UnknownError)).key, undefined)
  assert.equal(lost.headers('idempotency-key')[0], undefined)
})

test('it is unknown what a command did whose connection broke', async (t) => {
  const server = await start(t, [(request) => void request.socket.destroy()])
  const sent = new Client(server.url, { patience: 100 }).send('/people', 1)
  const { key } = await failure(sent, factline.UnknownError)
  assert.equal(server.headers('idempotency-key')[0], `"${key}"`)
})

test('a cancel is sent until it is accepted', async (t) => {
  const { 'x-resource': _, ...headers } = accepted.headers ?? {}
  const server = await start(t, [problem(503, 'unknown'), { ...accepted, headers }])
  const cancel = await new Client(server.url).cancel('/operations/3?at=x')
  assert.deepEqual([cancel.operation, cancel.resource], ['operations/7', ''])
  assert.deepEqual(server.requests(), Array(2).fill('DELETE /operations/3?at=x'))

  const ended = new Client((await start(t, [problem(409)])).url)
  await failure(ended.cancel('operations/3'), factline.RefusedError)
  const lost = new Client((await start(t, [problem(504)])).url, { patience: 100 })
  assert.equal((await failure(lost.cancel('operations/3'), factline.UnknownError)).key, undefined)
})

test('conditions are headers', async (t) => {
  const server = await start(t, [accepted])
  await new Client(server.url).send('/people', {}, { expectedVersion: 0, timeToLive: 1_500 })
  assert.equal(server.headers('factline-expected-version')[0], '0')
  assert.equal(server.headers('factline-time-to-live')[0], '1500')
})

test('a request that cannot be sent is not sent', async (t) => {
  const server = await start(t, [accepted])
  const client = new Client(server.url)
  await failure(client.send('/people', 1, { key: 'a\nb' }), factline.UnsendableError)
  await failure(client.send('/people', 1n), factline.UnsendableError)
  await failure(new Client('nowhere').read('/people'), factline.UnsendableError)
  assert.equal(server.asked.length, 0)
})

test('a refusal is a problem', async (t) => {
  const body = {
    type: 'x',
    title: 'The request is not valid',
    errors: [{ pointer: '/name', detail: 'is missing' }],
  }
  const server = await start(t, [{ status: 400, body }])
  const error = await failure(new Client(server.url).send('/people', {}), factline.RefusedError)
  assert.deepEqual([error.problem.status, error.problem.errors?.[0].pointer], [400, '/name'])
  assert.equal(
    error.message,
    'POST /people is refused: 400 The request is not valid; /name is missing',
  )
  assert.equal(server.asked.length, 1)

  const missing = new Client((await start(t, [problem(404)])).url)
  assert.equal(await missing.read('/people/9'), undefined)
  await failure(missing.wait('operations/7'), factline.RefusedError)
})

test('an unexpected response is an error', async (t) => {
  /** @type {import('./scripted-server.js').Writes} */
  const text = (_, response) => void response.end('<html>')
  const server = await start(t, [{ status: 202 }, text])
  const client = new Client(server.url)
  await failure(client.send('/people', {}), factline.UnexpectedError)
  await failure(client.wait('operations/7'), factline.UnexpectedError)
})

test('a list goes on after its last page', async (t) => {
  const page = { status: 200, body: { items: [1], next: 'a b' } }
  const server = await start(t, [page, { status: 200, body: { items: [2], next: null } }])
  const pages = []
  for await (const { items } of new Client(server.url).operations({ state: 'failed', limit: 1 }))
    pages.push(items)
  assert.deepEqual(pages, [[1], [2]])
  assert.deepEqual(server.requests(), [
    'GET /operations?state=failed&limit=1',
    'GET /operations?state=failed&limit=1&after=a+b',
  ])
})

test('a signal ends each call with its reason', async (t) => {
  const server = await start(t, [problem(503, undefined, { 'retry-after': '20' }), () => {}])
  const client = new Client(server.url, { patience: LONG })
  for (const call of ['pause', 'request']) {
    const began = performance.now()
    const signal = AbortSignal.timeout(100)
    await assert.rejects(client.read(call, { signal }), (error) => error === signal.reason)
    assert.ok(performance.now() - began < 5_000)
  }
  const signal = AbortSignal.abort('no')
  await assert.rejects(sleep(LONG, signal), (error) => error === 'no')
  await assert.rejects(client.execute('/people', {}, { signal }), (error) => error === 'no')
  assert.equal(server.asked.length, 2)
})

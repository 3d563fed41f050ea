/**
 * A server that answers each request with the next response of a list. It repeats the last one.
 *
 * @import { IncomingMessage, ServerResponse } from 'node:http'
 */

import { once } from 'node:events'
import { createServer } from 'node:http'

/**
 * A response; or a function that writes one.
 *
 * @typedef {{ status: number, body?: unknown, headers?: Record<string, string> }} Scripted
 * @typedef {(request: IncomingMessage, response: ServerResponse) => void} Writes
 *
 * @typedef {object} Asked
 * @property {number} at
 * @property {string} request
 * @property {import('node:http').IncomingHttpHeaders} headers
 */

/**
 * @param {import('node:test').TestContext} context
 * @param {(Scripted | Writes)[]} answers
 */
export async function start(context, answers) {
  /** @type {Asked[]} */
  const asked = []
  const left = [...answers]
  const server = createServer((request, response) => {
    asked.push({
      at: performance.now(),
      request: `${request.method} ${request.url}`,
      headers: request.headers,
    })
    const answer = left.length > 1 ? left.shift() : left[0]
    request.resume().on('end', () => {
      if (typeof answer === 'function') {
        answer(request, response)
      } else {
        response.writeHead(answer?.status ?? 500, answer?.headers)
        response.end(JSON.stringify(answer?.body ?? {}))
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    url: `http://127.0.0.1:${address.port}/`,
    asked,
    requests: () => asked.map(({ request }) => request),
    pauses: () => asked.slice(1).map(({ at }, before) => at - asked[before].at),
    /** @param {string} name */
    headers: (name) => asked.map(({ headers }) => headers[name]),
  }
}

/** Returns an address at which no process listens. */
export async function closedPort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = /** @type {import('node:net').AddressInfo} */ (server.address())
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${address.port}`
}

/** @type {Scripted} */
export const accepted = {
  status: 202,
  headers: {
    'x-operation': 'operations/7',
    'x-resource': 'people/9',
    location: '/operations/7?at=x',
    'retry-after': '1',
  },
}

/**
 * @param {string} state
 * @param {boolean | null} success
 * @param {Record<string, string>} [headers]
 * @returns {Scripted}
 */
export function operation(state, success, headers) {
  return {
    status: 200,
    headers,
    body: { id: '7', name: 'people.Greet', state, success, position: '1abc' },
  }
}

/**
 * @param {number} status
 * @param {string} [outcome]
 * @param {Record<string, string>} [headers]
 * @returns {Scripted}
 */
export function problem(status, outcome, headers) {
  const named = outcome && { outcome, operation: 'operations/7', resource: 'people/9' }
  return {
    status,
    headers,
    body: { type: 'https://factline.dev/problems/x', title: 'Problem', status, ...named },
  }
}

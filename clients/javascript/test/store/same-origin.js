/**
 * A web server that has the client and the cases, and forwards all other requests to the gateway:
 * the gateway allows no other origin (CORS), so a page and the gateway need one origin.
 */

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, request as forward } from 'node:http'

const FOLDER = new URL('../../', import.meta.url)

/**
 * Starts the server, and returns it and its address.
 *
 * @param {string} gateway
 */
export async function start(gateway) {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', gateway).pathname
    if (path === '/') {
      response.setHeader('content-type', 'text/html')
      response.end('<!doctype html><title>factline-client</title>')
    } else if (/^\/(src|test\/store)\/[a-z]+\.js$/.test(path)) {
      response.setHeader('content-type', 'text/javascript')
      response.end(await readFile(new URL(`.${path}`, FOLDER)))
    } else {
      const { method, headers } = request
      const forwarded = forward(gateway + request.url, { method, headers })
      // A page sees a broken connection where the gateway's breaks, or is refused.
      forwarded.on('error', () => response.destroy())
      forwarded.on('response', (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        response.flushHeaders()
        answer.on('error', () => response.destroy())
        answer.pipe(response)
      })
      response.on('close', () => forwarded.destroy())
      request.pipe(forwarded)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { server, origin: `http://127.0.0.1:${address.port}` }
}

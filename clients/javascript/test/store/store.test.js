/**
 * The cases against a real store, in Node.js and in Chromium, and the README's examples. `./dev js`
 * starts the store and says where it is.
 */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'

import { cases } from './cases.js'
import { start } from './same-origin.js'

/** @param {string} name */
function variable(name) {
  const value = process.env[name]
  assert.ok(value, `${name} is not set: \`./dev js\` runs these tests`)
  return value
}

const url = variable('FACTLINE_STORE_URL')
const tool = variable('FACTLINE_STORE_TOOL')
const home = variable('FACTLINE_HOME')

/** @param {string} service */
async function restart(service) {
  const { pid, port } = JSON.parse(readFileSync(join(home, 'run', `${service}.json`), 'utf8'))
  process.kill(pid, 'SIGKILL')
  // The kernel closes the port a moment later.
  while (await isOpen(port)) await setImmediate()
  await promisify(execFile)(tool, ['up'])
}

/** @param {number} port */
async function isOpen(port) {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** Time in which each case ends, in milliseconds. */
const timeout = 180_000

describe('in Node.js', () => {
  for (const [name, run] of Object.entries(cases)) {
    test(name, { timeout }, () => run({ url, restart }))
  }
})

describe('in Chromium', () => {
  /** @type {import('playwright-core').Browser} */
  let browser
  /** @type {import('playwright-core').Page} */
  let page
  /** @type {import('node:http').Server} */
  let server

  before(async () => {
    const started = await start(url)
    server = started.server
    browser = await chromium.launch({ executablePath: variable('FACTLINE_CHROMIUM') })
    page = await browser.newPage()
    await page.exposeFunction('restart', restart)
    await page.goto(started.origin)
  })

  after(async () => {
    await browser?.close()
    server?.closeAllConnections()
    server?.close()
  })

  for (const name of Object.keys(cases)) {
    test(name, { timeout }, () =>
      page.evaluate(async (name) => {
        const module = '/test/store/cases.js'
        const { cases } = await import(module)
        await cases[name]({ url: '', restart: Reflect.get(window, 'restart') })
      }, name),
    )
  }
})

describe('the README', () => {
  const folder = new URL('../../', import.meta.url).pathname
  const readme = readFileSync(join(folder, 'README.md'), 'utf8')
  const examples = [...readme.matchAll(/^```js\n(.*?)^```/gms)].map(([, code]) => code)
  assert.ok(examples.length > 0)
  for (const [number, code] of examples.entries()) {
    test(`its example ${number + 1} runs`, async (t) => {
      // In the package's folder, so that the example imports the package by its name.
      const file = join(folder, `.example-${process.pid}-${number}.mjs`)
      writeFileSync(file, code.replaceAll('http://127.0.0.1:8080', url))
      t.after(() => rmSync(file))
      await import(file)
    })
  }
})

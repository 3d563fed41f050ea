/**
 * Writes the types in `types/`: those of the wire from the OpenAPI document of a running service,
 * and those of the client from its sources. `node tools/types.js URL` only compares, and fails if
 * they differ; with FACTLINE_RENEW=1 it writes.
 *
 * Of the document it takes the routes that each Factline installation has, those of operations. The
 * others belong to an application, whose clients generate their types themselves: see the README.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import openapiTS, { astToString } from 'openapi-typescript'

const FOLDER = new URL('..', import.meta.url).pathname
const HEAD =
  '/** The types of the wire, generated from the OpenAPI document by tools/types.js. */\n\n'

/**
 * Returns the part of a document that describes operations, with all that it refers to.
 *
 * @param {any} document
 */
function ofOperations(document) {
  const paths = Object.entries(document.paths).filter(([path]) => /^\/operations(\/|$)/.test(path))
  /** @type {Record<string, Record<string, unknown>>} */
  const components = {}
  /** @param {unknown} part */
  const add = (part) => {
    for (const [, kind, name] of JSON.stringify(part).matchAll(
      /"#\/components\/(\w+)\/([^"]+)"/g,
    )) {
      const known = (components[kind] ??= {})
      if (name in known) continue
      known[name] = document.components[kind][name]
      add(known[name])
    }
  }
  add(paths)
  for (const kind of Object.keys(components)) {
    components[kind] = Object.fromEntries(Object.entries(components[kind]).sort())
  }
  return { ...document, paths: Object.fromEntries(paths), components }
}

/**
 * @param {string} url
 * @param {string} folder
 */
async function write(url, folder) {
  const response = await fetch(`${url}/openapi.json`)
  if (!response.ok) throw new Error(`GET ${url}/openapi.json: ${response.status}`)
  const types = astToString(await openapiTS(ofOperations(await response.json())))
  writeFileSync(join(folder, 'api.d.ts'), HEAD + types)
  const tsc = join(FOLDER, 'node_modules/.bin/tsc')
  const { status } = spawnSync(tsc, ['--outDir', folder], { cwd: FOLDER, stdio: 'inherit' })
  if (status !== 0) throw new Error('tsc reports errors in the sources')
}

/** @param {string} folder */
function read(folder) {
  const names = readdirSync(folder).sort()
  return names.map((name) => `=== ${name}\n${readFileSync(join(folder, name), 'utf8')}`).join('')
}

const url = process.argv[2]
if (!url) throw new Error('usage: node tools/types.js URL')
const committed = join(FOLDER, 'types')
if (process.env.FACTLINE_RENEW) {
  await write(url, committed)
} else {
  const folder = mkdtempSync(join(tmpdir(), 'factline-types-'))
  try {
    await write(url, folder)
    if (read(folder) !== read(committed)) {
      console.error(
        'types/ is not what the sources and the service say: FACTLINE_RENEW=1 ./dev js writes it',
      )
      process.exitCode = 1
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

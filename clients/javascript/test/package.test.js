/** The package as its users get it. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'

const read = (/** @type {string} */ path) => readFileSync(new URL(path, import.meta.url), 'utf8')
const manifest = JSON.parse(read('../package.json'))

test('the package has the version and the licence of the workspace', () => {
  const workspace = read('../../../Cargo.toml').split('[workspace.package]')[1]
  assert.equal(workspace.match(/^version = "(.*)"/m)?.[1], manifest.version)
  assert.equal(workspace.match(/^license = "(.*)"/m)?.[1], manifest.license)
})

test('the package has no dependencies, and its tools come from the public registry', () => {
  assert.equal(manifest.dependencies, undefined)
  const { version, packages } = JSON.parse(read('../package-lock.json'))
  assert.equal(version, manifest.version)
  for (const { resolved = 'https://registry.npmjs.org/' } of Object.values(packages)) {
    assert.match(resolved, /^https:\/\/registry\.npmjs\.org\//)
  }
})

test('the package is imported by its name', async () => {
  const { Client } = await import('factline-client')
  assert.equal(Client, (await import('../src/index.js')).Client)
})

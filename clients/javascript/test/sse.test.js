/** The parser of server-sent events. */

import assert from 'node:assert/strict'
import test from 'node:test'

import { Parser } from '../src/sse.js'

const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text)

/**
 * Returns the events of a stream that arrives in these chunks.
 *
 * @param {Uint8Array[]} chunks
 */
function parse(...chunks) {
  const parser = new Parser()
  const events = chunks.flatMap((chunk) => parser.push(chunk))
  return { parser, events }
}

const STREAM = [
  'retry: 1500\n\n',
  'id: 3.32767\n\n',
  ': a comment\n',
  'id: 4.0\nevent: operation_pending\ndata: {"name":"Tee – ☕ 𝄞"}\n\n',
  'id: 4.2\r\nevent: operation_completed\r\ndata:first\r\ndata: second\r\n\r\n',
  'data\rdata\r\r',
].join('')

const EVENTS = [
  { id: '4.0', type: 'operation_pending', data: '{"name":"Tee – ☕ 𝄞"}' },
  { id: '4.2', type: 'operation_completed', data: 'first\nsecond' },
  { id: '4.2', type: 'message', data: '\n' },
]

test('a stream has the same events wherever its chunks end', () => {
  const whole = bytes(STREAM)
  for (let first = 0; first <= whole.length; first++) {
    for (const size of [0, 1, 2, 3]) {
      const chunks = [
        whole.slice(0, first),
        whole.slice(first, first + size),
        whole.slice(first + size),
      ]
      assert.deepEqual(parse(...chunks).events, EVENTS, `split at ${first}, ${size}`)
    }
  }
  assert.deepEqual(parse(...Array.from(whole, (byte) => Uint8Array.of(byte))).events, EVENTS)
})

test('an id without data is a place and no event', () => {
  const { parser, events } = parse(bytes('id: 3\n\n'))
  assert.deepEqual(events, [])
  assert.equal(parser.lastEventId, '3')
})

test('an id counts when its event is complete', () => {
  const { parser, events } = parse(bytes('id: 3\ndata: x\n\nid: 4\ndata: y\n'))
  assert.equal(events.length, 1)
  assert.equal(parser.lastEventId, '3')
})

test('a new connection goes on with the id of the one before', () => {
  const parser = new Parser('7')
  assert.equal(parser.lastEventId, '7')
  assert.equal(parser.push(bytes('data: x\n\n'))[0].id, '7')
  assert.equal(parser.push(bytes('id\ndata: x\n\n'))[0].id, '', 'an empty id forgets it')
})

test('fields that are not valid are ignored', () => {
  const { parser, events } = parse(
    bytes('\uFEFFretry: 1s\nid: a\0b\nother: 1\nevent: x\n\ndata:  two\n\n'),
  )
  assert.equal(parser.retry, undefined)
  assert.deepEqual(events, [{ id: '', type: 'message', data: ' two' }])
  assert.equal(parse(bytes('retry: 20\n')).parser.retry, 20)
})

/**
 * Cases of the public interface against a real store. They run in Node.js and in a browser, so they
 * use nothing that only one of them has. To add one, add a function to {@link cases}.
 */

import { ALL, Client, RefusedError } from '../../src/index.js'

/**
 * @typedef {object} World
 * @property {string} url The address of the gateway.
 * @property {(service: string) => Promise<void>} restart Kills a process of the store with SIGKILL,
 *   starts it again, and waits until it is ready.
 */

/** Milliseconds within which each call ends, also while a process restarts. */
const patience = 120_000

/**
 * @param {unknown} found
 * @param {unknown} expected
 */
function equal(found, expected) {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)]
  if (left !== right) throw new Error(`found ${left}, expected ${right}`)
}

const product = (name = 'Tea') => ({ name, brand: 'Leaf', price: { amount: 250, currency: 'USD' } })

const lines = [
  {
    product_id: 'tea',
    name: 'Tea',
    unit_price: { amount: 250, currency: 'USD' },
    quantity: 1,
  },
]

/**
 * Returns the states that events or entries of a history have.
 *
 * @param {{ state: string }[]} reached
 */
const states = (reached) => reached.map(({ state }) => state)

/**
 * @param {AsyncIterable<import('../../src/index.js').Event>} events
 */
async function all(events) {
  /** @type {any[]} */
  const found = []
  for await (const { data } of events) found.push(data)
  return found
}

/** @type {Record<string, (world: World) => Promise<void>>} */
export const cases = {
  async 'an executed command has ended, and its resource is read'({ url }) {
    const client = new Client(url, { patience })
    const created = await client.execute('/products', product())
    equal([created.state, created.success, created.version], ['completed', true, 1])
    const read = await client.read(`/${created.resource}`, { position: created.position })
    equal([read.name, read.price.amount], ['Tea', 250])
    equal(await client.read('/products/00000000-0000-7000-8000-000000000000'), undefined)

    const renamed = await client.execute(
      `/${created.resource}/name`,
      { name: 'Mate' },
      { method: 'PUT', expectedVersion: 1 },
    )
    equal([renamed.state, renamed.version], ['completed', 2])
    equal((await client.operation(`operations/${renamed.id}`)).state, 'completed')
  },

  async 'the events of an operation come in order and end with it'({ url }) {
    const client = new Client(url, { patience })
    const { location } = await client.send('/products', product())
    const events = await all(client.events(location))
    equal(states(events), ['pending', 'completed'])
    equal(states(await all(client.events(location, { after: 'pending' }))), ['completed'])
    equal(await all(client.events(location, { after: 'completed' })), [])
    equal(states((await client.wait(location)).history), ['pending', 'completed'])
  },

  async 'a workflow is running until it concludes'({ url }) {
    const client = new Client(url, { patience })
    const checkout = { customer_id: 'ada', method: 'card-declined', lines }
    const { location } = await client.send('/checkouts', checkout)
    const events = await all(client.events(location))
    equal(states(events), ['pending', 'running', 'rejected'])
    equal([events[2].success, events[2].code], [false, 'payment_declined'])
  },

  async 'a running workflow is cancelled'({ url }) {
    const client = new Client(url, { patience })
    const checkout = { customer_id: 'ada', method: 'card-silent', payment_seconds: 600, lines }
    const { location } = await client.send('/checkouts', checkout)
    const reached = []
    /** @type {import('../../src/index.js').Accepted | undefined} */
    let cancel
    for await (const { data } of client.events(location)) {
      if ('state' in data) reached.push(data)
      if (reached.at(-1)?.state === 'running') cancel = await client.cancel(location)
    }
    equal(states(reached), ['pending', 'running', 'cancelled'])
    equal((await client.wait(String(cancel?.location))).state, 'completed')
    const error = await client.cancel(location).catch((error) => error)
    equal(error instanceof RefusedError && error.problem.status, 409)
  },

  async 'a command that the rules reject has ended, and an invalid one is refused'({ url }) {
    const client = new Client(url, { patience })
    const { resource } = await client.execute('/products', product())
    await client.execute(`/${resource}/discontinue`, {})
    const rejected = await client.execute(`/${resource}/name`, { name: 'Mate' }, { method: 'PUT' })
    equal(
      [rejected.state, rejected.success, rejected.code],
      ['rejected', false, 'product_discontinued'],
    )

    const error = await client.send('/products', { name: 7 }).catch((error) => error)
    if (!(error instanceof RefusedError)) throw error
    equal([error.problem.status, error.problem.errors?.[0].pointer], [400, '/name'])
  },

  async 'a retry after a lost response is the same operation'({ url }) {
    let lost = 0
    /** @type {typeof fetch} */
    const lossy = async (...request) => {
      const response = await fetch(...request)
      if (lost++ > 0) return response
      await response.text()
      throw new TypeError('the response was lost')
    }
    const key = `case-${crypto.getRandomValues(new Uint32Array(4)).join('-')}`
    const sent = await new Client(url, { patience, fetch: lossy }).send('/products', product(), {
      key,
    })
    equal(lost, 2)

    const client = new Client(url, { patience })
    const again = await client.execute('/products', product(), { key })
    equal(
      [`operations/${again.id}`, again.resource, again.version],
      [sent.operation, sent.resource, 1],
    )
    const pages = []
    for await (const page of client.operations({ resource: sent.resource, count: true }))
      pages.push(page)
    equal([pages.length, pages[0].items.length, pages[0].total?.count], [1, 1, 1])
    // Another body is refused, or rejected by the handler if the service was restarted since then.
    const other = await client
      .execute('/products', product('Mate'), { key })
      .catch((error) => error)
    const code = other instanceof RefusedError ? other.problem.type : other.code
    equal(/idempotency[-_]key[-_]reused$/.test(code), true)
  },

  async 'operations are listed and counted'({ url }) {
    const client = new Client(url, { patience })
    const { id, resource } = await client.execute('/products', product())
    const renamed = await client.execute(`/${resource}/name`, { name: 'Mate' }, { method: 'PUT' })
    const found = []
    for await (const { items } of client.operations({ resource: String(resource), limit: 1 }))
      found.push(...items)
    equal(
      found.map((operation) => operation.id),
      [renamed.id, id],
    )
    const { commands } = await client.statistics({ window: 600 })
    equal(
      commands.some(({ name }) => name === 'catalog.CreateProduct'),
      true,
    )
  },

  async 'a stream over all has each transition once although processes are killed'({
    url,
    restart,
  }) {
    const client = new Client(url, { patience })
    const aborted = new AbortController()
    /** @type {any[]} */
    const events = []
    let opened = 0
    let wake = () => {}
    const onOpen = () => {
      opened++
      wake()
    }
    const reading = (async () => {
      for await (const event of client.events(ALL, { signal: aborted.signal, onOpen })) {
        events.push(event)
        wake()
      }
    })()
    /** @param {() => boolean} holds */
    const until = async (holds) => {
      while (!holds())
        await Promise.race([reading, new Promise((woken) => (wake = () => woken(undefined)))])
    }
    await until(() => opened > 0)

    /** @type {string[]} */
    const sent = []
    for (const service of ['operations-tracker', 'gateway']) {
      const [restarted, openedBefore] = [restart(service), opened]
      for (let number = 0; number < 10; number++) {
        sent.push((await client.send('/products', product())).operation.replace('operations/', ''))
      }
      await restarted
      await until(() => opened > openedBefore)
      sent.push((await client.execute('/products', product())).id)
    }
    await until(() =>
      sent.every((id) => events.some(({ data }) => data.id === id && data.success !== null)),
    )
    aborted.abort()
    await reading.catch((error) => equal(error.name, 'AbortError'))
    equal(new Set(events.map(({ id }) => id)).size, events.length)
    for (const id of sent) {
      const reached = events.filter(({ data }) => data.id === id).map(({ data }) => data)
      equal(states(reached), states((await client.operation(`operations/${id}`)).history))
    }
  },
}

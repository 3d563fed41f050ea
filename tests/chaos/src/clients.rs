//! Clients: many at once on few resources, each in its own order.
//!
//! Their requests collide on purpose: the same orders and products, outdated versions, used keys,
//! and requests that must be refused. Each client sends a command and retries it with its key while
//! it has no response. It waits for the end with a timeout, and reads what it wrote. To add a kind
//! of request, add an arm of [`wish`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use factline_client::{Accepted, Client, Command, Error};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::request_log::RequestLog;
use checker::{Answer, Read, Request, Shown};

/// Number of clients.
pub(super) const CLIENTS: u32 = 8;
/// Number of orders that are contended at a time.
const ORDERS: usize = 12;
/// Number of products.
const PRODUCTS: usize = 6;
/// Number of wishes that are kept to be sent again. The first attempt of one of the latest may
/// still be in progress.
const LATEST: usize = 50;
/// Maximum number of attempts of a command that has a key.
const TRIES: u32 = 5;
/// Maximum time that a client waits for an operation's end before it continues.
const PATIENCE: Duration = Duration::from_secs(12);

const METHODS: [&str; 8] = [
    "card-ok",
    "card-ok",
    "card-twice",
    "visa",
    "card-declined",
    "card-silent",
    "card-slow:900",
    "card-slow:5000",
];

/// State that all clients share.
pub(super) struct World {
    pub(super) requests: RequestLog,
    /// URLs of the services; all are equivalent.
    urls: Vec<String>,
    stop: AtomicBool,
    orders: Mutex<Vec<Uuid>>,
    products: Vec<Uuid>,
    /// Wishes with a key, to be sent again on purpose.
    used: Mutex<Vec<Wish>>,
}

/// The request that a client wants to send.
#[derive(Debug, Clone)]
struct Wish {
    aggregate: &'static str,
    id: Uuid,
    put: bool,
    path: String,
    body: Value,
    key: Option<String>,
    expected_version: Option<u64>,
}

impl World {
    pub(super) fn new(seed: u64, urls: Vec<String>) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut some = |count| (0..count).map(|_| uuid(&mut random)).collect();
        Self {
            requests: RequestLog::new(),
            urls,
            stop: AtomicBool::new(false),
            orders: Mutex::new(some(ORDERS)),
            products: some(PRODUCTS),
            used: Mutex::default(),
        }
    }

    /// Makes the clients send nothing new.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Returns a client of one of the services, which may have been killed. It makes one attempt:
    /// each attempt is a separate request in the request log.
    pub(super) fn any(&self, random: &mut StdRng) -> Result<Client, Error> {
        let url = self.urls.choose(random).map_or("", String::as_str);
        Client::new(url, Duration::ZERO)
    }

    fn keep(&self, wish: &Wish) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= LATEST {
            used.remove(0);
        }
        used.push(wish.clone());
    }

    fn used(&self, random: &mut StdRng) -> Option<Wish> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.choose(random).cloned()
    }

    /// Returns an order that other clients use too. With some probability it is replaced by a new
    /// one.
    fn order(&self, random: &mut StdRng) -> Uuid {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let place = random.random_range(0..orders.len());
        if random.random_bool(0.1) {
            orders[place] = uuid(random);
        }
        orders[place]
    }
}

/// Sends requests until it is stopped.
pub(super) async fn client(world: Arc<World>, number: u32, seed: u64) -> Result<(), Error> {
    let mut random = StdRng::seed_from_u64(seed ^ (u64::from(number) << 32));
    let clients: Vec<Client> = world
        .urls
        .iter()
        .map(|url| Client::new(url, Duration::ZERO))
        .collect::<Result<_, _>>()?;
    while !world.stopped() {
        let again = random.random_bool(0.08);
        let wish = match world.used(&mut random).filter(|_| again) {
            Some(wish) => wish,
            None => wish(&world, &mut random),
        };
        if let Some(accepted) = ask(&world, number, &clients, &wish, &mut random).await {
            follow(&world, number, &clients, &wish, &accepted, &mut random).await;
        }
        // The load must last as long as the faults do, and the machine's CPU time is for the
        // services.
        let pause = Duration::from_millis(random.random_range(20..250));
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

/// Chooses the next request.
fn wish(world: &World, random: &mut StdRng) -> Wish {
    let mut wish = match random.random_range(0..100) {
        0..45 => about_an_order(world.order(random), random),
        45..90 => about_a_product(world.products.choose(random), random),
        _ => checkout(random),
    };
    if random.random_bool(0.15) {
        wish.expected_version = Some(random.random_range(0..4));
    }
    if random.random_bool(0.8) {
        wish.key = Some(uuid(random).to_string());
        world.keep(&wish);
    }
    wish
}

fn about_an_order(id: Uuid, random: &mut StdRng) -> Wish {
    let (path, body) = match random.random_range(0..10) {
        // With some probability a different order under the same id.
        0..5 => {
            let quantity = if random.random_bool(0.9) { 1 } else { 2 };
            let body = json!({"order_id": id, "customer_id": customer(id), "lines": [line(700, quantity)]});
            ("/orders".to_owned(), body)
        }
        5..7 => (
            format!("/orders/{id}/cancel"),
            json!({"reason": "changed mind"}),
        ),
        7..9 => (format!("/orders/{id}/ship"), json!({})),
        // The edge refuses this: there is no such field.
        _ => (format!("/orders/{id}/ship"), json!({"colour": "red"})),
    };
    Wish::post("ordering.order", id, path, body)
}

fn about_a_product(id: Option<&Uuid>, random: &mut StdRng) -> Wish {
    let id = id.copied().unwrap_or_default();
    let price = json!({"amount": random.random_range(1..50), "currency": "EUR"});
    match random.random_range(0..10) {
        0..2 => {
            let body = json!({"product_id": id, "name": "Tea", "brand": "Leaf",
                "price": {"amount": 10, "currency": "EUR"}});
            Wish::post("catalog.product", id, "/products".to_owned(), body)
        }
        2..7 => Wish {
            put: true,
            ..Wish::post(
                "catalog.product",
                id,
                format!("/products/{id}/price"),
                json!({"price": price}),
            )
        },
        _ => Wish {
            put: true,
            ..Wish::post(
                "catalog.product",
                id,
                format!("/products/{id}/name"),
                json!({"name": format!("Tea {}", random.random_range(0..9))}),
            )
        },
    }
}

fn checkout(random: &mut StdRng) -> Wish {
    let id = uuid(random);
    let method = METHODS.choose(random).copied().unwrap_or_default();
    let body = json!({"checkout_id": id, "customer_id": customer(id), "method": method,
        "payment_seconds": random.random_range(2..6), "lines": [line(random.random_range(1..9_000), 1)]});
    Wish::post("checkout.checkout", id, "/checkouts".to_owned(), body)
}

fn line(amount: i64, quantity: i32) -> Value {
    json!({"product_id": "tea", "name": "Tea", "quantity": quantity,
        "unit_price": {"amount": amount, "currency": "EUR"}})
}

fn customer(id: Uuid) -> String {
    format!("customer-{}", id.as_u128() % 20)
}

fn uuid(random: &mut StdRng) -> Uuid {
    uuid::Builder::from_random_bytes(random.random()).into_uuid()
}

impl Wish {
    fn post(aggregate: &'static str, id: Uuid, path: String, body: Value) -> Self {
        Self {
            aggregate,
            id,
            put: false,
            path,
            body,
            key: None,
            expected_version: None,
        }
    }

    fn command(&self) -> Command<'_, Value> {
        let command = if self.put {
            Command::put(&self.path, &self.body)
        } else {
            Command::post(&self.path, &self.body)
        };
        let command = match &self.key {
            Some(key) => command.key(key),
            None => command.repeatable(),
        };
        match self.expected_version {
            Some(version) => command.expected_version(version),
            None => command,
        }
    }
}

/// Sends a wish. Retries it with its key while it is unknown whether it was accepted.
async fn ask(
    world: &World,
    number: u32,
    clients: &[Client],
    wish: &Wish,
    random: &mut StdRng,
) -> Option<Accepted> {
    let tries = if wish.key.is_some() { TRIES } else { 1 };
    for _ in 0..tries {
        let client = clients.choose(random)?;
        let start = world.requests.now();
        let answer = client.submit(wish.command()).await;
        let accepted = answer.as_ref().ok();
        let request = Request {
            client: number,
            aggregate: wish.aggregate.to_owned(),
            id: Some(wish.id.to_string()),
            route: format!("{} {}", if wish.put { "PUT" } else { "POST" }, wish.path),
            body: wish.body.clone(),
            idempotency_key: wish.key.clone(),
            expected_version: wish.expected_version,
            start,
            end: world.requests.now(),
            answer: recorded_answer(&answer),
        };
        let known = request.answer != Answer::Unknown;
        let location = accepted.map(|accepted| accepted.location.as_str());
        world.requests.request(request, location);
        if known {
            return answer.ok();
        }
        let pause = Duration::from_millis(random.random_range(100..1_500));
        tokio::time::sleep(pause).await;
    }
    None
}

fn recorded_answer(answer: &Result<Accepted, Error>) -> Answer {
    match answer {
        Ok(accepted) => {
            operation(accepted).map_or(Answer::Unknown, |operation| Answer::Accepted { operation })
        }
        Err(Error::Refused { problem, .. }) if problem.status < 500 => Answer::Refused {
            status: problem.status,
            code: Some(
                problem
                    .code
                    .clone()
                    .unwrap_or_else(|| problem.slug().to_owned()),
            ),
        },
        Err(_) => Answer::Unknown,
    }
}

fn operation(accepted: &Accepted) -> Option<Uuid> {
    accepted.operation.rsplit('/').next()?.parse().ok()
}

/// Waits for the end of an accepted command and then reads the resource, as most clients do.
async fn follow(
    world: &World,
    number: u32,
    clients: &[Client],
    wish: &Wish,
    accepted: &Accepted,
    random: &mut StdRng,
) {
    let Some(id) = operation(accepted) else {
        return;
    };
    let begun = Instant::now();
    let mut pause = Duration::from_millis(10);
    while begun.elapsed() < PATIENCE {
        let Some(client) = clients.choose(random) else {
            return;
        };
        if let Ok(operation) = client.operation(&accepted.location).await
            && operation.has_ended()
        {
            world.requests.operation(number, id, &operation);
            let position = operation.position.filter(|_| random.random_bool(0.7));
            if random.random_bool(0.5) {
                look(world, number, client, wish, position).await;
            }
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

/// Reads the row of the wish's resource.
async fn look(world: &World, number: u32, client: &Client, wish: &Wish, position: Option<String>) {
    let resources = match wish.aggregate {
        "ordering.order" => "orders",
        "catalog.product" => "products",
        _ => "checkouts",
    };
    let id = wish.id.to_string();
    let start = world.requests.now();
    let path = format!("/{resources}/{id}");
    let answer = match client.read(&path, position.as_deref()).await {
        Ok(Some(row)) => Shown::Row(row),
        Ok(None) => Shown::Missing,
        Err(_) => Shown::Unknown,
    };
    world.requests.read(Read {
        client: number,
        aggregate: wish.aggregate.to_owned(),
        id,
        position,
        start,
        end: world.requests.now(),
        answer,
    });
}

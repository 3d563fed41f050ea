//! The final output of `dev-servers up`: addresses and suggestions.

use crate::services::{Addresses, SERVICES, ports};
use crate::{postgres, registry};

/// Prints the output after the servers alone were started.
pub(crate) fn print_servers(addresses: Addresses) {
    let postgres = postgres::url(
        addresses.port(ports::POSTGRES),
        postgres::SUPERUSER,
        postgres::SUPERUSER,
    );
    println!();
    println!(
        "  {:<20} 127.0.0.1:{}",
        "Kafka",
        addresses.port(ports::KAFKA)
    );
    let registry = registry::url(addresses.port(ports::REGISTRY));
    println!("  {:<20} {registry}", "registry");
    println!("  {:<20} {postgres}", "PostgreSQL");
}

/// Prints the output after everything was started.
pub(crate) fn print(addresses: Addresses) {
    let gateway = SERVICES
        .iter()
        .find(|service| service.name == "gateway")
        .map_or(0, |found| found.port);
    let store = format!("http://127.0.0.1:{}", addresses.port(gateway));
    println!();
    println!("Factline is up.");
    println!();
    println!("  {:<20} {store}", "the store");
    for service in SERVICES.iter().filter(|service| service.name != "gateway") {
        println!(
            "  {:<20} http://127.0.0.1:{}/metrics",
            service.name,
            addresses.port(service.port)
        );
    }
    print_servers(addresses);
    println!();
    println!("Place an order, then GET what Location and X-Resource name:");
    println!();
    println!("  curl -i {store}/orders -H 'content-type: application/json' -d '{ORDER}'");
    println!();
    println!("Or 6,919 real purchases: ./dev demo");
}

const ORDER: &str = r#"{
    "customer_id": "ada", "lines": [{"product_id": "blue-note", "name": "A Love Supreme",
    "unit_price": {"amount": 1499, "currency": "USD"}, "quantity": 2}]}"#;

//! The final output of `up`: addresses and suggestions.

use crate::services::{Addresses, Project, ports};
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
pub(crate) fn print(project: &Project, addresses: Addresses) {
    println!();
    println!("Factline is up.");
    println!();
    for service in project.services {
        println!(
            "  {:<20} http://127.0.0.1:{}",
            service.name,
            addresses.port(service.port)
        );
    }
    print_servers(addresses);
    println!();
    println!("{}", (project.hint)(addresses));
}

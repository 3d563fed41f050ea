//! An application on throw-away servers: the whole program, as a test of it needs it.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use uuid::Uuid;

use crate::component::service_ready;
use crate::process::{Guarded, Launch, await_ready};
use crate::{Servers, port, postgres};

/// Timeout until the application is ready: far more than needed, because tests run on loaded
/// machines.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running application. It ends when this value is dropped, or with the test process.
#[derive(Debug)]
pub struct Application {
    url: String,
    environment: Vec<(String, String)>,
    _process: Guarded,
}

impl Servers {
    /// Starts the program of an application and waits until it is ready. It has topics, a database
    /// and a port of its own, so that several can run on the same servers. It gets its settings
    /// through its environment, as [`crate::main`] gives them to services.
    ///
    /// # Errors
    ///
    /// If it ends, or is not ready in time: the error has the end of its log.
    pub fn application(&self, program: impl AsRef<Path>) -> Result<Application> {
        let name = format!("app{}", &Uuid::new_v4().simple().to_string()[..12]);
        self.postgres.create_database(&name)?;
        let port = port::free()?;
        let variables = [
            ("FACTLINE_LISTEN", format!("127.0.0.1:{port}")),
            ("FACTLINE_KAFKA_BROKERS", self.kafka.brokers()),
            ("FACTLINE_TOPIC_PREFIX", format!("{name}.")),
            ("FACTLINE_REGISTRY_URL", self.registry.url()),
            (
                "FACTLINE_DATABASE_URL",
                self.postgres.url(&name, postgres::SUPERUSER),
            ),
        ];
        let launch = Launch {
            name: "the application",
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: variables
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            user: None,
            dir: self.dir().to_owned(),
            log: self.dir().join(format!("{name}.log")),
        };
        let process = Guarded::spawn(&launch, "KILL")?;
        await_ready(
            &launch,
            PATIENCE,
            || process.is_running(),
            || service_ready(port),
        )?;
        Ok(Application {
            url: format!("http://127.0.0.1:{port}"),
            environment: launch.env,
            _process: process,
        })
    }
}

impl Application {
    /// Returns the address for clients, such as `http://127.0.0.1:20123`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the variables with the addresses of the servers, the prefix of its topics and its
    /// database, for other programs that work on its data.
    pub fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        let variables = self.environment.iter();
        let variables = variables.filter(|(name, _)| name != "FACTLINE_LISTEN");
        variables.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

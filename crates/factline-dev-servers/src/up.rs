//! `up`: servers, then one-shot jobs, then services. A process that already runs
//! correctly is left alone.

use std::collections::HashMap;
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::component::{self, Part, build_time};
use crate::data_dir::make_dir;
use crate::process::{Launch, await_ready, last_lines};
use crate::run::{lock, step};
use crate::services::{Addresses, Project, Service};
use crate::{data_dir, down, hints, kafka, port, postgres, provision, registry, warm_up};

/// Timeout until one process is ready.
const PATIENCE: Duration = Duration::from_mins(2);

/// Starts the system and prints a line for each step.
///
/// # Errors
///
/// If a port is taken by another process, or a server, job or service fails: the error names it
/// and has the end of its log. Started processes stay, so that their logs can be read; the next run
/// continues from there.
pub(crate) fn up(project: &Project, addresses: Addresses, only_servers: bool) -> Result<()> {
    let home = data_dir::home();
    for folder in ["data", "logs", "run"] {
        make_dir(&home.join(folder))?;
    }
    let _lock = lock()?;
    let servers = component::servers(addresses);
    let services = if only_servers {
        Vec::new()
    } else {
        component::services(project, addresses)
    };
    refuse_taken_ports(servers.iter().chain(&services))?;

    let launches = server_launches(&servers)?;
    println!("servers");
    start_all(&servers, &launches)?;
    if let Some(postgres) = servers.first() {
        postgres::bootstrap(postgres.port())?;
    }
    if only_servers {
        hints::print_servers(addresses);
        return Ok(());
    }
    let launches = service_launches(project, addresses)?;
    if project
        .services
        .iter()
        .any(|service| !service.jobs.is_empty())
    {
        println!("jobs");
    }
    for service in project.services {
        for job in service.jobs {
            run_job(&launches[service.name], job)?;
        }
    }
    println!("services");
    start_all(&services, &launches)?;
    hints::print(project, addresses);
    Ok(())
}

/// Refuses to start if other processes hold ports, and names all of them.
fn refuse_taken_ports<'a>(parts: impl Iterator<Item = &'a Part>) -> Result<()> {
    let mut taken = Vec::new();
    for part in parts {
        // A process of this system on another port will be stopped, and its port is no obstacle.
        let own = part
            .running()
            .is_some_and(|running| running.port == part.port());
        for wanted in part
            .ports
            .iter()
            .filter(|wanted| !own && !port::is_free(**wanted))
        {
            let holder = port::holder(*wanted).unwrap_or_else(|| "another program".to_owned());
            taken.push(format!(
                "port {wanted}, which {} needs, is taken by {holder}",
                part.name
            ));
        }
    }
    ensure!(
        taken.is_empty(),
        "{}\nstop the process that holds it, or use other ports with --port-offset",
        taken.join("\n")
    );
    Ok(())
}

fn server_launches(servers: &[Part]) -> Result<HashMap<&'static str, Launch>> {
    let [postgres, kafka, registry] = servers else {
        bail!("the table of servers has changed")
    };
    let (home, programs) = (data_dir::home(), provision()?);
    let data = postgres::lasting_data(&home)?;
    if !data.starts_with(&home) {
        let place = data.display();
        println!(
            "postgres keeps its data in {place}: as root it runs as another user, which cannot read {}",
            home.display()
        );
    }
    let kafka = kafka::Settings {
        jars: programs.join("kafka"),
        port: kafka.ports[0],
        controller_port: kafka.ports[1],
        dir: home.join("data/kafka"),
        log: component::log(kafka.name),
        purpose: kafka::Purpose::Development,
        access: kafka::Access::Everybody,
        detours: Vec::new(),
        java: warm_up::arguments(&programs, kafka.name),
        clock: None,
    };
    let registry = registry::Settings {
        program: programs.join("registry"),
        port: registry.port(),
        dir: home.join("data/registry"),
        log: component::log(registry.name),
        java: warm_up::arguments(&programs, registry.name),
    };
    let postgres = postgres::Settings {
        program: postgres::reachable_program(&programs.join("postgres"), &home)?,
        port: postgres.port(),
        data,
        log: component::log(postgres.name),
        durable: true,
    };
    thread::scope(|scope| {
        let formatted = scope.spawn(|| kafka::format(&kafka));
        postgres::format(&postgres)?;
        formatted
            .join()
            .map_err(|_| anyhow!("formatting the data folder of kafka panicked"))?
    })?;
    let launches = [
        postgres::launch(&postgres)?,
        kafka::launch(&kafka)?,
        registry::launch(&registry)?,
    ];
    Ok(launches.map(|launch| (launch.name, launch)).into())
}

/// The services are built beside this tool, which may be an example: same profile, same target
/// folder.
fn service_launches(
    project: &Project,
    addresses: Addresses,
) -> Result<HashMap<&'static str, Launch>> {
    let tool = env::current_exe().context("cannot find this program")?;
    let folders = tool.ancestors().skip(1);
    let binaries = folders.filter(|folder| !folder.ends_with("examples"));
    let binaries = binaries
        .map(Path::to_owned)
        .next()
        .context("this program is in no folder")?;
    let dir = env::current_dir().context("cannot find the current folder")?;
    let launch = |service: &Service| Launch {
        name: service.name,
        program: binaries.join(service.name),
        args: Vec::new(),
        env: project.environment(service, addresses),
        user: None,
        dir: dir.clone(),
        log: component::log(service.name),
    };
    Ok(project
        .services
        .iter()
        .map(|service| (service.name, launch(service)))
        .collect())
}

/// Runs a job to its end.
fn run_job(service: &Launch, job: &str) -> Result<()> {
    let since = Instant::now();
    let log = component::log(&format!("{}-{job}", service.name));
    let output =
        File::create(&log).with_context(|| format!("cannot write the log {}", log.display()))?;
    let status = Command::new(&service.program)
        .arg(job)
        .envs(service.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()
        .with_context(|| format!("cannot run {}", service.program.display()))?;
    let name = format!("{} {job}", service.name);
    if !status.success() {
        bail!(
            "{name} failed ({status}); the end of its log {}:\n{}",
            log.display(),
            last_lines(&log, 15)
        );
    }
    step(&name, "done", since);
    Ok(())
}

/// Starts all that do not run yet, at once, and waits until every one is ready.
fn start_all(parts: &[Part], launches: &HashMap<&'static str, Launch>) -> Result<()> {
    let since = Instant::now();
    let mut started: Vec<(&Part, &Launch, Option<Child>)> = Vec::new();
    for part in parts {
        let launch = launches
            .get(part.name)
            .with_context(|| format!("{} has no launch", part.name))?;
        started.push((part, launch, start(part, launch)?));
    }
    thread::scope(|scope| {
        let waits: Vec<_> = started
            .into_iter()
            .map(|(part, launch, child)| {
                scope.spawn(move || await_part(part, launch, child, since))
            })
            .collect();
        let results: Vec<Result<()>> = waits
            .into_iter()
            .map(|wait| {
                wait.join()
                    .unwrap_or_else(|_| Err(anyhow!("waiting for a process panicked")))
            })
            .collect();
        let failures: Vec<String> = results
            .into_iter()
            .filter_map(Result::err)
            .map(|e| format!("{e:#}"))
            .collect();
        ensure!(failures.is_empty(), "{}", failures.join("\n\n"));
        Ok(())
    })
}

/// Starts `component` unless it runs correctly; `None` means that it was running.
fn start(part: &Part, launch: &Launch) -> Result<Option<Child>> {
    if let Some(running) = part.running() {
        let reason = if running.port != part.port() {
            format!("its port is now {}", part.port())
        } else if launch.program.is_absolute() && running.built != build_time(&launch.program) {
            "its binary was rebuilt".to_owned()
        } else {
            return Ok(None);
        };
        println!("  {:<28} restarts: {reason}", part.name);
        down::stop(part)?;
    }
    if launch.log.exists() {
        fs::rename(
            &launch.log,
            PathBuf::from(format!("{}.1", launch.log.display())),
        )?;
    }
    let child = launch.spawn_detached()?;
    part.record(child.id(), &launch.program)?;
    Ok(Some(child))
}

fn await_part(part: &Part, launch: &Launch, child: Option<Child>, since: Instant) -> Result<()> {
    let probe = || (part.probe)(part.port());
    if let Some(mut child) = child {
        let running = || matches!(child.try_wait(), Ok(None));
        await_ready(launch, PATIENCE, running, probe)?;
        step(part.name, &format!("ready on {}", part.port()), since);
    } else {
        await_ready(launch, PATIENCE, || part.running().is_some(), probe)?;
        step(part.name, "already running", since);
    }
    Ok(())
}

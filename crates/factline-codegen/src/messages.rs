//! The enums of commands and events, one module for each aggregate.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};

use crate::schemas::Record;

pub(crate) fn modules(records: &[Record]) -> Result<String> {
    let mut aggregates: BTreeMap<&str, (Vec<&Record>, Vec<&Record>)> = BTreeMap::new();
    for record in records {
        let Some(aggregate) = &record.aggregate else {
            continue;
        };
        let (commands, events) = aggregates.entry(aggregate).or_default();
        match record.role.as_deref() {
            Some("command") => commands.push(record),
            Some("event") => events.push(record),
            _ => bail!("record {}: role must be command or event", record.full_name),
        }
    }
    let mut source = String::new();
    for (aggregate, (commands, events)) in aggregates {
        let module = aggregate
            .rsplit('.')
            .next()
            .context("empty aggregate name")?
            .replace('-', "_");
        writeln!(
            source,
            "/// The messages of `{aggregate}`.\npub mod {module} {{"
        )?;
        write_enum(
            &mut source,
            "Command",
            &format!("What can be asked of a `{aggregate}`."),
            &commands,
        )?;
        write_enum(
            &mut source,
            "Event",
            &format!("What can have happened to a `{aggregate}`."),
            &events,
        )?;
        writeln!(source, "}}")?;
    }
    Ok(source)
}

fn write_enum(source: &mut String, name: &str, doc: &str, records: &[&Record]) -> Result<()> {
    let arms = |arm: &dyn Fn(&Record) -> String| {
        records.iter().map(|record| arm(record)).collect::<String>()
    };
    let variants = arms(&|r| format!("/// {}\n{}(super::{}),\n", r.doc, r.name, r.name));
    let schemas = arms(&|r| {
        format!(
            "factline::RecordSchema {{ name: {:?}, json: r##\"{}\"## }},\n",
            r.full_name, r.json
        )
    });
    let names = arms(&|r| format!("Self::{}(_) => {:?},\n", r.name, r.full_name));
    let encode = arms(&|r| format!("Self::{}(record) => codec.encode(record),\n", r.name));
    let decode = arms(&|r| {
        format!(
            "{:?} => codec.decode(datum).map(Self::{}),\n",
            r.full_name, r.name
        )
    });
    let from = arms(&|r| {
        format!(
            "impl From<super::{0}> for {name} {{ fn from(record: super::{0}) -> Self {{ Self::{0}(record) }} }}\n",
            r.name
        )
    });
    write!(
        source,
        "/// {doc}\n#[derive(Debug, Clone, PartialEq)]\npub enum {name} {{ {variants} }}\n\
         impl factline::Messages for {name} {{\n\
         const RECORDS: &'static [factline::RecordSchema] = &[{schemas}];\n\
         fn record(&self) -> &'static str {{ match self {{ {names} }} }}\n\
         fn encode(&self, codec: &factline::avro::Codec) -> Result<Vec<u8>, factline::avro::Error> {{ match self {{ {encode} }} }}\n\
         fn decode(record: &str, codec: &factline::avro::Codec, datum: &[u8]) -> Result<Self, factline::avro::Error> {{\n\
         match record {{ {decode} _ => Err(factline::avro::Error::UnknownRecord {{ record: record.to_owned() }}) }} }}\n\
         }}\n{from}"
    )?;
    Ok(())
}

//! The modules of aggregates: the enums of commands and events, and the aggregate type.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, bail};

use crate::aggregates::{self, Settings};
use crate::schemas::Record;

/// Generates the name of each message, and one module for each aggregate.
pub(crate) fn modules(folder: &Path, records: &[Record]) -> Result<String> {
    let mut aggregates: BTreeMap<&str, (Vec<&Record>, Vec<&Record>)> = BTreeMap::new();
    let mut source = String::new();
    for record in records {
        let Some(aggregate) = &record.aggregate else {
            continue;
        };
        let (commands, events) = aggregates.entry(aggregate).or_default();
        match record.role.as_deref() {
            Some("command") => commands.push(record),
            Some("event") => events.push(record),
            _ => bail!(
                "record {}: \"role\" must be \"command\" or \"event\"",
                record.full_name
            ),
        }
        write!(
            source,
            "impl {} {{\n/// Name of the record.\npub const NAME: &'static str = {:?};\n}}\n\n",
            record.name, record.full_name
        )?;
    }
    for (aggregate, (commands, events)) in aggregates {
        writeln!(
            source,
            "/// The messages of `{aggregate}`.\npub mod {} {{",
            aggregates::module(aggregate)?
        )?;
        write_type(
            &mut source,
            aggregate,
            &aggregates::read(folder, aggregate, &commands)?,
        )?;
        write_enum(
            &mut source,
            "Command",
            &format!("The commands of `{aggregate}`."),
            &commands,
        )?;
        write_enum(
            &mut source,
            "Event",
            &format!("The events of `{aggregate}`."),
            &events,
        )?;
        writeln!(source, "}}")?;
    }
    Ok(source)
}

fn write_type(source: &mut String, aggregate: &str, settings: &Settings) -> Result<()> {
    write!(
        source,
        "/// The aggregate type `{aggregate}`.\n#[derive(Debug, Clone, Copy)]\npub struct Type;\n\n\
         impl factline::AggregateType for Type {{\n\
         const NAME: &'static str = {aggregate:?};\n\
         const PARTITIONS: i32 = {};\n",
        settings.partitions
    )?;
    if let Some(routes) = &settings.routes {
        writeln!(source, "const ROUTES: &'static str = r##\"{routes}\"##;")?;
    }
    write!(
        source,
        "type Command = Command;\ntype Event = Event;\n}}\n\n"
    )?;
    Ok(())
}

fn write_enum(source: &mut String, name: &str, doc: &str, records: &[&Record]) -> Result<()> {
    let arms = |arm: &dyn Fn(&Record) -> String| {
        records.iter().map(|record| arm(record)).collect::<String>()
    };
    let variants = arms(&|r| format!("/// {}\n{}(super::{}),\n", r.doc, r.name, r.name));
    let schemas = arms(&|r| {
        format!(
            "factline::RecordSchema {{ name: super::{}::NAME, json: r##\"{}\"## }},\n",
            r.name, r.json
        )
    });
    let names = arms(&|r| format!("Self::{0}(_) => super::{0}::NAME,\n", r.name));
    let mut id = arms(&|r| match &r.id {
        None => String::new(),
        Some((field, true)) => {
            format!(
                "Self::{}(record) => Some(record.{field}.to_string().into()),\n",
                r.name
            )
        }
        Some((field, false)) => {
            format!(
                "Self::{}(record) => Some(record.{field}.as_str().into()),\n",
                r.name
            )
        }
    });
    if !id.is_empty() {
        if records.iter().any(|record| record.id.is_none()) {
            id.push_str("_ => None,\n");
        }
        id = format!(
            "fn aggregate_id(&self) -> Option<std::borrow::Cow<'_, str>> {{ match self {{ {id} }} }}\n"
        );
    }
    let encode = arms(&|r| format!("Self::{}(record) => codec.encode(record),\n", r.name));
    let decode = arms(&|r| {
        format!(
            "super::{0}::NAME => codec.decode(datum).map(Self::{0}),\n",
            r.name
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
         {id}\
         fn encode(&self, codec: &factline::avro::Codec) -> Result<Vec<u8>, factline::avro::Error> {{ match self {{ {encode} }} }}\n\
         fn decode(record: &str, codec: &factline::avro::Codec, datum: &[u8]) -> Result<Self, factline::avro::Error> {{\n\
         match record {{ {decode} _ => Err(factline::avro::Error::UnknownRecord {{ record: record.to_owned() }}) }} }}\n\
         }}\n{from}"
    )?;
    Ok(())
}

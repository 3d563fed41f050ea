//! Avro object container files, one for each schema: an envelope around the value.

mod enveloped;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, IntoInnerError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::{Codec, DeflateSettings, Schema, Writer};
use factline_kafka::records::framing;
use factline_kafka::{Record, Registry};

use self::enveloped::{envelope_schema, enveloped};
use super::Written;
use super::unfinished::Unfinished;

/// Writer of files.
pub(super) struct AvroFiles {
    unfinished: Unfinished,
    /// `true` if the target is one file, and not a folder.
    is_single: bool,
    /// By the id of the schema.
    files: BTreeMap<i32, AvroFile>,
}

/// A file of one schema.
struct AvroFile {
    place: PathBuf,
    /// Name in the folder.
    name: String,
    record: String,
    reader: GenericDatumReader<'static>,
    writer: Writer<'static, BufWriter<File>>,
    records: u64,
}

impl AvroFiles {
    pub(super) fn create(target: &Path) -> Result<Self> {
        let is_single = target
            .extension()
            .is_some_and(|extension| extension == "avro");
        let unfinished = Unfinished::of(target)?;
        if !is_single {
            unfinished.create_folder()?;
        }
        Ok(Self {
            unfinished,
            is_single,
            files: BTreeMap::new(),
        })
    }

    pub(super) async fn write(&mut self, registry: &Registry, record: &Record) -> Result<()> {
        let place = record.place();
        let cannot = || format!("cannot export {place} as avro, use --format-file jsonl");
        let value = record.value.as_deref().context("the value is missing");
        let (id, mut datum) = framing::read(value.with_context(cannot)?).with_context(cannot)?;
        if !self.files.contains_key(&id) {
            let text = registry.schema(id).await.with_context(cannot)?;
            self.open(id, &text).with_context(cannot)?;
        }
        let Some(file) = self.files.get_mut(&id) else {
            return Ok(());
        };
        let value = file.reader.read_value(&mut datum).with_context(cannot)?;
        let enveloped = enveloped(record, value).with_context(cannot)?;
        file.writer.append_value(enveloped).with_context(cannot)?;
        file.records += 1;
        Ok(())
    }

    /// Creates the file of a schema.
    fn open(&mut self, id: i32, text: &str) -> Result<()> {
        if let Some(other) = self.files.values().next().filter(|_| self.is_single) {
            bail!(
                "its schema is not that of the records before, which are {}, and one file has one \
                 schema: choose a folder, or --record",
                other.record
            );
        }
        // Both are used until the process ends, as those of the registry are.
        let schema: &'static Schema = Box::leak(Box::new(Schema::parse_str(text)?));
        let whole = Schema::parse_str(&envelope_schema(text)?)?;
        let whole: &'static Schema = Box::leak(Box::new(whole));
        let record = schema.name().map_or_else(String::new, ToString::to_string);
        let name = format!("{record}-{id}.avro");
        let place = if self.is_single {
            self.unfinished.place().to_owned()
        } else {
            self.unfinished.place().join(&name)
        };
        let file = File::create(&place);
        let file = file.with_context(|| format!("cannot create {}", place.display()))?;
        let codec = Codec::Deflate(DeflateSettings::default());
        let file = AvroFile {
            place,
            name,
            record,
            reader: GenericDatumReader::builder(schema).build()?,
            writer: Writer::with_codec(whole, BufWriter::new(file), codec)?,
            records: 0,
        };
        self.files.insert(id, file);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Vec<Written>> {
        ensure!(
            !self.is_single || !self.files.is_empty(),
            "no record is selected, and a file without records has no schema"
        );
        let mut written = Vec::new();
        for file in self.files.into_values() {
            let cannot = || format!("cannot write {}", file.place.display());
            let buffered = file.writer.into_inner().with_context(cannot)?;
            let inner = buffered.into_inner().map_err(IntoInnerError::into_error);
            inner
                .and_then(|inner| inner.sync_all())
                .with_context(cannot)?;
            let target = self.unfinished.target();
            written.push(Written {
                path: if self.is_single {
                    target.to_owned()
                } else {
                    target.join(&file.name)
                },
                record: Some(file.record),
                records: file.records,
                undecodable: 0,
            });
        }
        self.unfinished.finish()?;
        Ok(written)
    }
}

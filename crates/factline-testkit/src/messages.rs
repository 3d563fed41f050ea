//! The messages of a test's aggregate, without a schema file.

/// Declares the messages of a test's aggregate: an enum with a variant for each record, as
/// `factline-codegen` generates it from schemas. The structs of the records are written beside it.
/// A test whose encoding must fail implements `Messages` by hand.
///
/// ```
/// #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
/// pub struct Deposit {
///     pub amount: i64,
/// }
///
/// factline_testkit::messages! {
///     pub enum Command {
///         Deposit = "ledger.Deposit": r#"{"type":"record","name":"Deposit",
///             "namespace":"ledger","fields":[{"name":"amount","type":"long"}]}"#,
///     }
/// }
/// assert_eq!(Command::from(Deposit { amount: 1 }), Command::Deposit(Deposit { amount: 1 }));
/// ```
#[macro_export]
macro_rules! messages {
    ($visibility:vis enum $set:ident { $($record:ident = $name:literal: $json:expr),+ $(,)? }) => {
        #[derive(Debug, Clone, PartialEq)]
        $visibility enum $set {
            $($record($record)),+
        }

        impl ::factline::Messages for $set {
            const RECORDS: &'static [::factline::RecordSchema] =
                &[$(::factline::RecordSchema { name: $name, json: $json }),+];

            fn record(&self) -> &'static str {
                match self {
                    $(Self::$record(_) => $name),+
                }
            }

            fn encode(
                &self,
                codec: &::factline::avro::Codec,
            ) -> ::core::result::Result<::std::vec::Vec<u8>, ::factline::avro::Error> {
                match self {
                    $(Self::$record(record) => codec.encode(record)),+
                }
            }

            fn decode(
                record: &str,
                codec: &::factline::avro::Codec,
                datum: &[u8],
            ) -> ::core::result::Result<Self, ::factline::avro::Error> {
                match record {
                    $($name => codec.decode(datum).map(Self::$record),)+
                    _ => ::core::result::Result::Err(::factline::avro::Error::UnknownRecord {
                        record: record.to_owned(),
                    }),
                }
            }
        }

        $(impl ::core::convert::From<$record> for $set {
            fn from(record: $record) -> Self {
                Self::$record(record)
            }
        })+
    };
}

/// A book is late.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct BookCalledBack {
    /// Who still has it.
    pub reader: String,
}

/// A reader has a book.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct BookLent {
    /// Who has it.
    pub reader: String,
    /// When it is to be back.
    pub until: i64,
}

/// A book is back.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub struct BookReturned {}

impl Default for BookReturned {
    fn default() -> BookReturned {
        BookReturned {}
    }
}

/// The time of a loan is over.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub struct CallBackBook {}

impl Default for CallBackBook {
    fn default() -> CallBackBook {
        CallBackBook {}
    }
}

/// Give a book to a reader.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct LendBook {
    /// Who takes it.
    pub reader: String,
    /// For how long.
    pub days: i32,
}

/// A reader was told something.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct LetterWritten {
    /// What.
    pub words: String,
}

/// Take a book back.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub struct ReturnBook {}

impl Default for ReturnBook {
    fn default() -> ReturnBook {
        ReturnBook {}
    }
}

/// Tell a reader something.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct WriteLetter {
    /// What.
    pub words: String,
}

/// The messages of `library.book`.
pub mod book {
    /// What can be asked of a `library.book`.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Command {
        /// The time of a loan is over.
        CallBackBook(super::CallBackBook),
        /// Give a book to a reader.
        LendBook(super::LendBook),
        /// Take a book back.
        ReturnBook(super::ReturnBook),
    }
    impl factline::Messages for Command {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "library.CallBackBook",
                json: r##"{"aggregate":"library.book","doc":"The time of a loan is over.","fields":[],"name":"CallBackBook","namespace":"library","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "library.LendBook",
                json: r##"{"aggregate":"library.book","doc":"Give a book to a reader.","fields":[{"doc":"Who takes it.","name":"reader","type":"string"},{"doc":"For how long.","name":"days","type":"int"}],"name":"LendBook","namespace":"library","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "library.ReturnBook",
                json: r##"{"aggregate":"library.book","doc":"Take a book back.","fields":[],"name":"ReturnBook","namespace":"library","role":"command","type":"record"}"##,
            },
        ];
        fn record(&self) -> &'static str {
            match self {
                Self::CallBackBook(_) => "library.CallBackBook",
                Self::LendBook(_) => "library.LendBook",
                Self::ReturnBook(_) => "library.ReturnBook",
            }
        }
        fn encode(&self, codec: &factline::avro::Codec) -> Result<Vec<u8>, factline::avro::Error> {
            match self {
                Self::CallBackBook(record) => codec.encode(record),
                Self::LendBook(record) => codec.encode(record),
                Self::ReturnBook(record) => codec.encode(record),
            }
        }
        fn decode(
            record: &str,
            codec: &factline::avro::Codec,
            datum: &[u8],
        ) -> Result<Self, factline::avro::Error> {
            match record {
                "library.CallBackBook" => codec.decode(datum).map(Self::CallBackBook),
                "library.LendBook" => codec.decode(datum).map(Self::LendBook),
                "library.ReturnBook" => codec.decode(datum).map(Self::ReturnBook),
                _ => Err(factline::avro::Error::UnknownRecord {
                    record: record.to_owned(),
                }),
            }
        }
    }
    impl From<super::CallBackBook> for Command {
        fn from(record: super::CallBackBook) -> Self {
            Self::CallBackBook(record)
        }
    }
    impl From<super::LendBook> for Command {
        fn from(record: super::LendBook) -> Self {
            Self::LendBook(record)
        }
    }
    impl From<super::ReturnBook> for Command {
        fn from(record: super::ReturnBook) -> Self {
            Self::ReturnBook(record)
        }
    }
    /// What can have happened to a `library.book`.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// A book is late.
        BookCalledBack(super::BookCalledBack),
        /// A reader has a book.
        BookLent(super::BookLent),
        /// A book is back.
        BookReturned(super::BookReturned),
    }
    impl factline::Messages for Event {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "library.BookCalledBack",
                json: r##"{"aggregate":"library.book","doc":"A book is late.","fields":[{"doc":"Who still has it.","name":"reader","type":"string"}],"name":"BookCalledBack","namespace":"library","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "library.BookLent",
                json: r##"{"aggregate":"library.book","doc":"A reader has a book.","fields":[{"doc":"Who has it.","name":"reader","type":"string"},{"doc":"When it is to be back.","name":"until","type":{"logicalType":"timestamp-micros","type":"long"}}],"name":"BookLent","namespace":"library","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "library.BookReturned",
                json: r##"{"aggregate":"library.book","doc":"A book is back.","fields":[],"name":"BookReturned","namespace":"library","role":"event","type":"record"}"##,
            },
        ];
        fn record(&self) -> &'static str {
            match self {
                Self::BookCalledBack(_) => "library.BookCalledBack",
                Self::BookLent(_) => "library.BookLent",
                Self::BookReturned(_) => "library.BookReturned",
            }
        }
        fn encode(&self, codec: &factline::avro::Codec) -> Result<Vec<u8>, factline::avro::Error> {
            match self {
                Self::BookCalledBack(record) => codec.encode(record),
                Self::BookLent(record) => codec.encode(record),
                Self::BookReturned(record) => codec.encode(record),
            }
        }
        fn decode(
            record: &str,
            codec: &factline::avro::Codec,
            datum: &[u8],
        ) -> Result<Self, factline::avro::Error> {
            match record {
                "library.BookCalledBack" => codec.decode(datum).map(Self::BookCalledBack),
                "library.BookLent" => codec.decode(datum).map(Self::BookLent),
                "library.BookReturned" => codec.decode(datum).map(Self::BookReturned),
                _ => Err(factline::avro::Error::UnknownRecord {
                    record: record.to_owned(),
                }),
            }
        }
    }
    impl From<super::BookCalledBack> for Event {
        fn from(record: super::BookCalledBack) -> Self {
            Self::BookCalledBack(record)
        }
    }
    impl From<super::BookLent> for Event {
        fn from(record: super::BookLent) -> Self {
            Self::BookLent(record)
        }
    }
    impl From<super::BookReturned> for Event {
        fn from(record: super::BookReturned) -> Self {
            Self::BookReturned(record)
        }
    }
}
/// The messages of `library.reader`.
pub mod reader {
    /// What can be asked of a `library.reader`.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Command {
        /// Tell a reader something.
        WriteLetter(super::WriteLetter),
    }
    impl factline::Messages for Command {
        const RECORDS: &'static [factline::RecordSchema] = &[factline::RecordSchema {
            name: "library.WriteLetter",
            json: r##"{"aggregate":"library.reader","doc":"Tell a reader something.","fields":[{"doc":"What.","name":"words","type":"string"}],"name":"WriteLetter","namespace":"library","role":"command","type":"record"}"##,
        }];
        fn record(&self) -> &'static str {
            match self {
                Self::WriteLetter(_) => "library.WriteLetter",
            }
        }
        fn encode(&self, codec: &factline::avro::Codec) -> Result<Vec<u8>, factline::avro::Error> {
            match self {
                Self::WriteLetter(record) => codec.encode(record),
            }
        }
        fn decode(
            record: &str,
            codec: &factline::avro::Codec,
            datum: &[u8],
        ) -> Result<Self, factline::avro::Error> {
            match record {
                "library.WriteLetter" => codec.decode(datum).map(Self::WriteLetter),
                _ => Err(factline::avro::Error::UnknownRecord {
                    record: record.to_owned(),
                }),
            }
        }
    }
    impl From<super::WriteLetter> for Command {
        fn from(record: super::WriteLetter) -> Self {
            Self::WriteLetter(record)
        }
    }
    /// What can have happened to a `library.reader`.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// A reader was told something.
        LetterWritten(super::LetterWritten),
    }
    impl factline::Messages for Event {
        const RECORDS: &'static [factline::RecordSchema] = &[factline::RecordSchema {
            name: "library.LetterWritten",
            json: r##"{"aggregate":"library.reader","doc":"A reader was told something.","fields":[{"doc":"What.","name":"words","type":"string"}],"name":"LetterWritten","namespace":"library","role":"event","type":"record"}"##,
        }];
        fn record(&self) -> &'static str {
            match self {
                Self::LetterWritten(_) => "library.LetterWritten",
            }
        }
        fn encode(&self, codec: &factline::avro::Codec) -> Result<Vec<u8>, factline::avro::Error> {
            match self {
                Self::LetterWritten(record) => codec.encode(record),
            }
        }
        fn decode(
            record: &str,
            codec: &factline::avro::Codec,
            datum: &[u8],
        ) -> Result<Self, factline::avro::Error> {
            match record {
                "library.LetterWritten" => codec.decode(datum).map(Self::LetterWritten),
                _ => Err(factline::avro::Error::UnknownRecord {
                    record: record.to_owned(),
                }),
            }
        }
    }
    impl From<super::LetterWritten> for Event {
        fn from(record: super::LetterWritten) -> Self {
            Self::LetterWritten(record)
        }
    }
}

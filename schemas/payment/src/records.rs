//! Made from the `.avsc` files beside this crate's manifest; do not edit.
//! `FACTLINE_WRITE_SCHEMAS=1 cargo test` writes it anew.
/// An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct Money {
    /// Minor units (cents), may be negative.
    pub amount: i64,
    /// ISO 4217 code, three capital letters.
    pub currency: String,
}

/// Ask the provider for this money.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct AuthorizePayment {
    /// The payment; derived by whoever asks, so that asking again meets itself.
    pub payment_id: uuid::Uuid,
    /// What is paid for, in the words of whoever asked; opaque to payment.
    pub reference: String,
    /// How much; may be 0.
    pub amount: Money,
    /// What is charged, as the provider knows it, such as card-ok.
    pub method: String,
}

/// The provider has taken money.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PaymentCaptured {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// What is paid for, in the words of whoever asked; opaque to payment.
    pub reference: String,
    /// The provider's name for the charge; unique there.
    pub provider_reference: String,
    /// What was taken.
    pub amount: Money,
    /// Whether it is wanted; if not, its refund is asked for together with this.
    pub kept: bool,
}

/// No money will be taken for this payment; should some be taken nevertheless, it is given back.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PaymentDeclined {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// What is paid for, in the words of whoever asked; opaque to payment.
    pub reference: String,
    /// Why.
    pub code: String,
}

/// The provider will not give the money of a charge back: it is owed, and people have to see to it.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PaymentRefundRefused {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// What is paid for, in the words of whoever asked; opaque to payment.
    pub reference: String,
    /// The provider's name for the charge; unique there.
    pub provider_reference: String,
    /// How much is owed.
    pub amount: Money,
    /// Why, as the provider has it.
    pub code: String,
    /// The same for people, as the provider has it; may be empty.
    pub reason: String,
}

/// The provider is to be asked to give the money of a charge back.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PaymentRefundRequested {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// What is paid for, in the words of whoever asked; opaque to payment.
    pub reference: String,
    /// The provider's name for the charge; unique there.
    pub provider_reference: String,
    /// How much.
    pub amount: Money,
    /// Why.
    pub reason: String,
}

/// The provider has given the money of a charge back.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PaymentRefunded {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// What is paid for, in the words of whoever asked; opaque to payment.
    pub reference: String,
    /// The provider's name for the charge; unique there.
    pub provider_reference: String,
    /// How much.
    pub amount: Money,
}

/// The provider is to be asked for this money.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PaymentRequested {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// What is paid for, in the words of whoever asked; opaque to payment.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// What is charged.
    pub method: String,
}

/// A payment was called off before money was taken; should some be taken nevertheless, it is given back.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PaymentVoided {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// What is paid for, in the words of whoever asked; opaque to payment.
    pub reference: String,
    /// Why.
    pub reason: String,
}

/// The provider says that it has taken the money.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct RecordPaymentCaptured {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// The provider's name for the charge; unique there.
    pub provider_reference: String,
    /// What was taken.
    pub amount: Money,
}

/// The provider says that it takes no money.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct RecordPaymentDeclined {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// Why, as the provider has it.
    pub code: String,
}

/// The provider says that it will not give the money of a charge back.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct RecordPaymentRefundRefused {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// The provider's name for the charge; unique there.
    pub provider_reference: String,
    /// Why, as the provider has it.
    pub code: String,
    /// The same for people, as the provider has it; may be empty.
    #[serde(default = "default_recordpaymentrefundrefused_reason")]
    pub reason: String,
}

#[inline(always)]
fn default_recordpaymentrefundrefused_reason() -> String {
    "".to_owned()
}

/// The provider says that it has given the money of a charge back.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct RecordPaymentRefunded {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// The provider's name for the charge; unique there.
    pub provider_reference: String,
}

/// The money is not wanted any more: what was taken is given back, and so is what may yet be taken.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct VoidPayment {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// What is paid for, in the words of whoever asked; opaque to payment.
    pub reference: String,
    /// Why.
    pub reason: String,
}

/// The messages of `payment.payment`.
pub mod payment {
    /// What can be asked of a `payment.payment`.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Command {
        /// Ask the provider for this money.
        AuthorizePayment(super::AuthorizePayment),
        /// The provider says that it has taken the money.
        RecordPaymentCaptured(super::RecordPaymentCaptured),
        /// The provider says that it takes no money.
        RecordPaymentDeclined(super::RecordPaymentDeclined),
        /// The provider says that it will not give the money of a charge back.
        RecordPaymentRefundRefused(super::RecordPaymentRefundRefused),
        /// The provider says that it has given the money of a charge back.
        RecordPaymentRefunded(super::RecordPaymentRefunded),
        /// The money is not wanted any more: what was taken is given back, and so is what may yet be taken.
        VoidPayment(super::VoidPayment),
    }
    impl factline::Messages for Command {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "payment.AuthorizePayment",
                json: r##"{"aggregate":"payment.payment","doc":"Ask the provider for this money.","fields":[{"doc":"The payment; derived by whoever asks, so that asking again meets itself.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What is paid for, in the words of whoever asked; opaque to payment.","name":"reference","type":"string"},{"doc":"How much; may be 0.","name":"amount","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"What is charged, as the provider knows it, such as card-ok.","name":"method","type":"string"}],"name":"AuthorizePayment","namespace":"payment","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.RecordPaymentCaptured",
                json: r##"{"aggregate":"payment.payment","doc":"The provider says that it has taken the money.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The provider's name for the charge; unique there.","name":"provider_reference","type":"string"},{"doc":"What was taken.","name":"amount","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"RecordPaymentCaptured","namespace":"payment","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.RecordPaymentDeclined",
                json: r##"{"aggregate":"payment.payment","doc":"The provider says that it takes no money.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Why, as the provider has it.","name":"code","type":"string"}],"name":"RecordPaymentDeclined","namespace":"payment","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.RecordPaymentRefundRefused",
                json: r##"{"aggregate":"payment.payment","doc":"The provider says that it will not give the money of a charge back.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The provider's name for the charge; unique there.","name":"provider_reference","type":"string"},{"doc":"Why, as the provider has it.","name":"code","type":"string"},{"default":"","doc":"The same for people, as the provider has it; may be empty.","name":"reason","type":"string"}],"name":"RecordPaymentRefundRefused","namespace":"payment","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.RecordPaymentRefunded",
                json: r##"{"aggregate":"payment.payment","doc":"The provider says that it has given the money of a charge back.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The provider's name for the charge; unique there.","name":"provider_reference","type":"string"}],"name":"RecordPaymentRefunded","namespace":"payment","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.VoidPayment",
                json: r##"{"aggregate":"payment.payment","doc":"The money is not wanted any more: what was taken is given back, and so is what may yet be taken.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What is paid for, in the words of whoever asked; opaque to payment.","name":"reference","type":"string"},{"doc":"Why.","name":"reason","type":"string"}],"name":"VoidPayment","namespace":"payment","role":"command","type":"record"}"##,
            },
        ];
        fn record(&self) -> &'static str {
            match self {
                Self::AuthorizePayment(_) => "payment.AuthorizePayment",
                Self::RecordPaymentCaptured(_) => "payment.RecordPaymentCaptured",
                Self::RecordPaymentDeclined(_) => "payment.RecordPaymentDeclined",
                Self::RecordPaymentRefundRefused(_) => "payment.RecordPaymentRefundRefused",
                Self::RecordPaymentRefunded(_) => "payment.RecordPaymentRefunded",
                Self::VoidPayment(_) => "payment.VoidPayment",
            }
        }
        fn encode(&self, codec: &factline::avro::Codec) -> Result<Vec<u8>, factline::avro::Error> {
            match self {
                Self::AuthorizePayment(record) => codec.encode(record),
                Self::RecordPaymentCaptured(record) => codec.encode(record),
                Self::RecordPaymentDeclined(record) => codec.encode(record),
                Self::RecordPaymentRefundRefused(record) => codec.encode(record),
                Self::RecordPaymentRefunded(record) => codec.encode(record),
                Self::VoidPayment(record) => codec.encode(record),
            }
        }
        fn decode(
            record: &str,
            codec: &factline::avro::Codec,
            datum: &[u8],
        ) -> Result<Self, factline::avro::Error> {
            match record {
                "payment.AuthorizePayment" => codec.decode(datum).map(Self::AuthorizePayment),
                "payment.RecordPaymentCaptured" => {
                    codec.decode(datum).map(Self::RecordPaymentCaptured)
                }
                "payment.RecordPaymentDeclined" => {
                    codec.decode(datum).map(Self::RecordPaymentDeclined)
                }
                "payment.RecordPaymentRefundRefused" => {
                    codec.decode(datum).map(Self::RecordPaymentRefundRefused)
                }
                "payment.RecordPaymentRefunded" => {
                    codec.decode(datum).map(Self::RecordPaymentRefunded)
                }
                "payment.VoidPayment" => codec.decode(datum).map(Self::VoidPayment),
                _ => Err(factline::avro::Error::UnknownRecord {
                    record: record.to_owned(),
                }),
            }
        }
    }
    impl From<super::AuthorizePayment> for Command {
        fn from(record: super::AuthorizePayment) -> Self {
            Self::AuthorizePayment(record)
        }
    }
    impl From<super::RecordPaymentCaptured> for Command {
        fn from(record: super::RecordPaymentCaptured) -> Self {
            Self::RecordPaymentCaptured(record)
        }
    }
    impl From<super::RecordPaymentDeclined> for Command {
        fn from(record: super::RecordPaymentDeclined) -> Self {
            Self::RecordPaymentDeclined(record)
        }
    }
    impl From<super::RecordPaymentRefundRefused> for Command {
        fn from(record: super::RecordPaymentRefundRefused) -> Self {
            Self::RecordPaymentRefundRefused(record)
        }
    }
    impl From<super::RecordPaymentRefunded> for Command {
        fn from(record: super::RecordPaymentRefunded) -> Self {
            Self::RecordPaymentRefunded(record)
        }
    }
    impl From<super::VoidPayment> for Command {
        fn from(record: super::VoidPayment) -> Self {
            Self::VoidPayment(record)
        }
    }
    /// What can have happened to a `payment.payment`.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// The provider has taken money.
        PaymentCaptured(super::PaymentCaptured),
        /// No money will be taken for this payment; should some be taken nevertheless, it is given back.
        PaymentDeclined(super::PaymentDeclined),
        /// The provider will not give the money of a charge back: it is owed, and people have to see to it.
        PaymentRefundRefused(super::PaymentRefundRefused),
        /// The provider is to be asked to give the money of a charge back.
        PaymentRefundRequested(super::PaymentRefundRequested),
        /// The provider has given the money of a charge back.
        PaymentRefunded(super::PaymentRefunded),
        /// The provider is to be asked for this money.
        PaymentRequested(super::PaymentRequested),
        /// A payment was called off before money was taken; should some be taken nevertheless, it is given back.
        PaymentVoided(super::PaymentVoided),
    }
    impl factline::Messages for Event {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "payment.PaymentCaptured",
                json: r##"{"aggregate":"payment.payment","doc":"The provider has taken money.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What is paid for, in the words of whoever asked; opaque to payment.","name":"reference","type":"string"},{"doc":"The provider's name for the charge; unique there.","name":"provider_reference","type":"string"},{"doc":"What was taken.","name":"amount","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"Whether it is wanted; if not, its refund is asked for together with this.","name":"kept","type":"boolean"}],"name":"PaymentCaptured","namespace":"payment","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.PaymentDeclined",
                json: r##"{"aggregate":"payment.payment","doc":"No money will be taken for this payment; should some be taken nevertheless, it is given back.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What is paid for, in the words of whoever asked; opaque to payment.","name":"reference","type":"string"},{"doc":"Why.","name":"code","type":"string"}],"name":"PaymentDeclined","namespace":"payment","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.PaymentRefundRefused",
                json: r##"{"aggregate":"payment.payment","doc":"The provider will not give the money of a charge back: it is owed, and people have to see to it.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What is paid for, in the words of whoever asked; opaque to payment.","name":"reference","type":"string"},{"doc":"The provider's name for the charge; unique there.","name":"provider_reference","type":"string"},{"doc":"How much is owed.","name":"amount","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"Why, as the provider has it.","name":"code","type":"string"},{"doc":"The same for people, as the provider has it; may be empty.","name":"reason","type":"string"}],"name":"PaymentRefundRefused","namespace":"payment","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.PaymentRefundRequested",
                json: r##"{"aggregate":"payment.payment","doc":"The provider is to be asked to give the money of a charge back.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What is paid for, in the words of whoever asked; opaque to payment.","name":"reference","type":"string"},{"doc":"The provider's name for the charge; unique there.","name":"provider_reference","type":"string"},{"doc":"How much.","name":"amount","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"Why.","name":"reason","type":"string"}],"name":"PaymentRefundRequested","namespace":"payment","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.PaymentRefunded",
                json: r##"{"aggregate":"payment.payment","doc":"The provider has given the money of a charge back.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What is paid for, in the words of whoever asked; opaque to payment.","name":"reference","type":"string"},{"doc":"The provider's name for the charge; unique there.","name":"provider_reference","type":"string"},{"doc":"How much.","name":"amount","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"PaymentRefunded","namespace":"payment","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.PaymentRequested",
                json: r##"{"aggregate":"payment.payment","doc":"The provider is to be asked for this money.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What is paid for, in the words of whoever asked; opaque to payment.","name":"reference","type":"string"},{"doc":"How much.","name":"amount","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"What is charged.","name":"method","type":"string"}],"name":"PaymentRequested","namespace":"payment","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.PaymentVoided",
                json: r##"{"aggregate":"payment.payment","doc":"A payment was called off before money was taken; should some be taken nevertheless, it is given back.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What is paid for, in the words of whoever asked; opaque to payment.","name":"reference","type":"string"},{"doc":"Why.","name":"reason","type":"string"}],"name":"PaymentVoided","namespace":"payment","role":"event","type":"record"}"##,
            },
        ];
        fn record(&self) -> &'static str {
            match self {
                Self::PaymentCaptured(_) => "payment.PaymentCaptured",
                Self::PaymentDeclined(_) => "payment.PaymentDeclined",
                Self::PaymentRefundRefused(_) => "payment.PaymentRefundRefused",
                Self::PaymentRefundRequested(_) => "payment.PaymentRefundRequested",
                Self::PaymentRefunded(_) => "payment.PaymentRefunded",
                Self::PaymentRequested(_) => "payment.PaymentRequested",
                Self::PaymentVoided(_) => "payment.PaymentVoided",
            }
        }
        fn encode(&self, codec: &factline::avro::Codec) -> Result<Vec<u8>, factline::avro::Error> {
            match self {
                Self::PaymentCaptured(record) => codec.encode(record),
                Self::PaymentDeclined(record) => codec.encode(record),
                Self::PaymentRefundRefused(record) => codec.encode(record),
                Self::PaymentRefundRequested(record) => codec.encode(record),
                Self::PaymentRefunded(record) => codec.encode(record),
                Self::PaymentRequested(record) => codec.encode(record),
                Self::PaymentVoided(record) => codec.encode(record),
            }
        }
        fn decode(
            record: &str,
            codec: &factline::avro::Codec,
            datum: &[u8],
        ) -> Result<Self, factline::avro::Error> {
            match record {
                "payment.PaymentCaptured" => codec.decode(datum).map(Self::PaymentCaptured),
                "payment.PaymentDeclined" => codec.decode(datum).map(Self::PaymentDeclined),
                "payment.PaymentRefundRefused" => {
                    codec.decode(datum).map(Self::PaymentRefundRefused)
                }
                "payment.PaymentRefundRequested" => {
                    codec.decode(datum).map(Self::PaymentRefundRequested)
                }
                "payment.PaymentRefunded" => codec.decode(datum).map(Self::PaymentRefunded),
                "payment.PaymentRequested" => codec.decode(datum).map(Self::PaymentRequested),
                "payment.PaymentVoided" => codec.decode(datum).map(Self::PaymentVoided),
                _ => Err(factline::avro::Error::UnknownRecord {
                    record: record.to_owned(),
                }),
            }
        }
    }
    impl From<super::PaymentCaptured> for Event {
        fn from(record: super::PaymentCaptured) -> Self {
            Self::PaymentCaptured(record)
        }
    }
    impl From<super::PaymentDeclined> for Event {
        fn from(record: super::PaymentDeclined) -> Self {
            Self::PaymentDeclined(record)
        }
    }
    impl From<super::PaymentRefundRefused> for Event {
        fn from(record: super::PaymentRefundRefused) -> Self {
            Self::PaymentRefundRefused(record)
        }
    }
    impl From<super::PaymentRefundRequested> for Event {
        fn from(record: super::PaymentRefundRequested) -> Self {
            Self::PaymentRefundRequested(record)
        }
    }
    impl From<super::PaymentRefunded> for Event {
        fn from(record: super::PaymentRefunded) -> Self {
            Self::PaymentRefunded(record)
        }
    }
    impl From<super::PaymentRequested> for Event {
        fn from(record: super::PaymentRequested) -> Self {
            Self::PaymentRequested(record)
        }
    }
    impl From<super::PaymentVoided> for Event {
        fn from(record: super::PaymentVoided) -> Self {
            Self::PaymentVoided(record)
        }
    }
}

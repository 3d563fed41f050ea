//! Made from the `.avsc` files beside this crate's manifest; do not edit.
//! `FACTLINE_WRITE_SCHEMAS=1 cargo test` writes it anew.
/// An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct Money {
    /// The amount in minor units, such as cents; may be negative.
    pub amount: i64,
    /// The ISO 4217 code of the currency: three capital letters.
    pub currency: String,
}

/// Requests a payment from the provider.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct AuthorizePayment {
    /// The payment; the caller derives its id, so that a repeated request refers to the same payment.
    pub payment_id: uuid::Uuid,
    /// The caller's reference to what is paid for; opaque to payment.
    pub reference: String,
    /// The amount of money; may be 0.
    pub amount: Money,
    /// The payment method, in the notation of the payment provider, such as card-ok.
    pub method: String,
}

/// The provider captured money for a payment.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PaymentCaptured {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// The caller's reference to what is paid for; opaque to payment.
    pub reference: String,
    /// The provider's id of the charge; unique at the provider.
    pub provider_reference: String,
    /// The captured amount of money.
    pub amount: Money,
    /// Whether the money is kept. If not, its refund is requested together with this event.
    pub kept: bool,
}

/// A payment was declined. Money that is captured nevertheless is refunded.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PaymentDeclined {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// The caller's reference to what is paid for; opaque to payment.
    pub reference: String,
    /// The reason, as a code of the provider, or amount_mismatch if the captured amount was not the requested one.
    pub code: String,
}

/// The provider refused to refund a charge. The money is still owed, and an operator has to resolve it.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PaymentRefundRefused {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// The caller's reference to what is paid for; opaque to payment.
    pub reference: String,
    /// The provider's id of the charge; unique at the provider.
    pub provider_reference: String,
    /// The amount of money that is still owed.
    pub amount: Money,
    /// The reason, as a code of the provider.
    pub code: String,
    /// Human-readable form of the code, as the provider gives it; may be empty.
    pub reason: String,
}

/// The refund of a charge was requested. The provider has to be asked for it.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PaymentRefundRequested {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// The caller's reference to what is paid for; opaque to payment.
    pub reference: String,
    /// The provider's id of the charge; unique at the provider.
    pub provider_reference: String,
    /// The amount of money to refund.
    pub amount: Money,
    /// The reason for the refund.
    pub reason: String,
}

/// The provider refunded a charge.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PaymentRefunded {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// The caller's reference to what is paid for; opaque to payment.
    pub reference: String,
    /// The provider's id of the charge; unique at the provider.
    pub provider_reference: String,
    /// The refunded amount of money.
    pub amount: Money,
}

/// A payment was requested. The provider has to be asked for the money.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PaymentRequested {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// The caller's reference to what is paid for; opaque to payment.
    pub reference: String,
    /// The requested amount of money.
    pub amount: Money,
    /// The payment method, in the notation of the payment provider.
    pub method: String,
}

/// A payment was voided before money was captured. Money that is captured nevertheless is refunded.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PaymentVoided {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// The caller's reference to what is paid for; opaque to payment.
    pub reference: String,
    /// The reason why the payment was voided.
    pub reason: String,
}

/// Records that the provider captured money for a payment.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct RecordPaymentCaptured {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// The provider's id of the charge; unique at the provider.
    pub provider_reference: String,
    /// The captured amount of money.
    pub amount: Money,
}

/// Records that the provider declined a payment.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct RecordPaymentDeclined {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// The reason, as a code of the provider.
    pub code: String,
}

/// Records that the provider refused to refund a charge.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct RecordPaymentRefundRefused {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// The provider's id of the charge; unique at the provider.
    pub provider_reference: String,
    /// The reason, as a code of the provider.
    pub code: String,
    /// Human-readable form of the code, as the provider gives it; may be empty.
    #[serde(default = "default_recordpaymentrefundrefused_reason")]
    pub reason: String,
}

#[inline(always)]
fn default_recordpaymentrefundrefused_reason() -> String {
    "".to_owned()
}

/// Records that the provider refunded a charge.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct RecordPaymentRefunded {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// The provider's id of the charge; unique at the provider.
    pub provider_reference: String,
}

/// Voids a payment that is no longer wanted. Money that was captured, or is captured later, is refunded.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct VoidPayment {
    /// The payment.
    pub payment_id: uuid::Uuid,
    /// The caller's reference to what is paid for; opaque to payment.
    pub reference: String,
    /// The reason why the payment is voided.
    pub reason: String,
}

/// The messages of `payment.payment`.
pub mod payment {
    /// What can be asked of a `payment.payment`.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Command {
        /// Requests a payment from the provider.
        AuthorizePayment(super::AuthorizePayment),
        /// Records that the provider captured money for a payment.
        RecordPaymentCaptured(super::RecordPaymentCaptured),
        /// Records that the provider declined a payment.
        RecordPaymentDeclined(super::RecordPaymentDeclined),
        /// Records that the provider refused to refund a charge.
        RecordPaymentRefundRefused(super::RecordPaymentRefundRefused),
        /// Records that the provider refunded a charge.
        RecordPaymentRefunded(super::RecordPaymentRefunded),
        /// Voids a payment that is no longer wanted. Money that was captured, or is captured later, is refunded.
        VoidPayment(super::VoidPayment),
    }
    impl factline::Messages for Command {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "payment.AuthorizePayment",
                json: r##"{"aggregate":"payment.payment","doc":"Requests a payment from the provider.","fields":[{"doc":"The payment; the caller derives its id, so that a repeated request refers to the same payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The caller's reference to what is paid for; opaque to payment.","name":"reference","type":"string"},{"doc":"The amount of money; may be 0.","name":"amount","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"The payment method, in the notation of the payment provider, such as card-ok.","name":"method","type":"string"}],"name":"AuthorizePayment","namespace":"payment","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.RecordPaymentCaptured",
                json: r##"{"aggregate":"payment.payment","doc":"Records that the provider captured money for a payment.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The provider's id of the charge; unique at the provider.","name":"provider_reference","type":"string"},{"doc":"The captured amount of money.","name":"amount","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"RecordPaymentCaptured","namespace":"payment","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.RecordPaymentDeclined",
                json: r##"{"aggregate":"payment.payment","doc":"Records that the provider declined a payment.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The reason, as a code of the provider.","name":"code","type":"string"}],"name":"RecordPaymentDeclined","namespace":"payment","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.RecordPaymentRefundRefused",
                json: r##"{"aggregate":"payment.payment","doc":"Records that the provider refused to refund a charge.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The provider's id of the charge; unique at the provider.","name":"provider_reference","type":"string"},{"doc":"The reason, as a code of the provider.","name":"code","type":"string"},{"default":"","doc":"Human-readable form of the code, as the provider gives it; may be empty.","name":"reason","type":"string"}],"name":"RecordPaymentRefundRefused","namespace":"payment","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.RecordPaymentRefunded",
                json: r##"{"aggregate":"payment.payment","doc":"Records that the provider refunded a charge.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The provider's id of the charge; unique at the provider.","name":"provider_reference","type":"string"}],"name":"RecordPaymentRefunded","namespace":"payment","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.VoidPayment",
                json: r##"{"aggregate":"payment.payment","doc":"Voids a payment that is no longer wanted. Money that was captured, or is captured later, is refunded.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The caller's reference to what is paid for; opaque to payment.","name":"reference","type":"string"},{"doc":"The reason why the payment is voided.","name":"reason","type":"string"}],"name":"VoidPayment","namespace":"payment","role":"command","type":"record"}"##,
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
        /// The provider captured money for a payment.
        PaymentCaptured(super::PaymentCaptured),
        /// A payment was declined. Money that is captured nevertheless is refunded.
        PaymentDeclined(super::PaymentDeclined),
        /// The provider refused to refund a charge. The money is still owed, and an operator has to resolve it.
        PaymentRefundRefused(super::PaymentRefundRefused),
        /// The refund of a charge was requested. The provider has to be asked for it.
        PaymentRefundRequested(super::PaymentRefundRequested),
        /// The provider refunded a charge.
        PaymentRefunded(super::PaymentRefunded),
        /// A payment was requested. The provider has to be asked for the money.
        PaymentRequested(super::PaymentRequested),
        /// A payment was voided before money was captured. Money that is captured nevertheless is refunded.
        PaymentVoided(super::PaymentVoided),
    }
    impl factline::Messages for Event {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "payment.PaymentCaptured",
                json: r##"{"aggregate":"payment.payment","doc":"The provider captured money for a payment.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The caller's reference to what is paid for; opaque to payment.","name":"reference","type":"string"},{"doc":"The provider's id of the charge; unique at the provider.","name":"provider_reference","type":"string"},{"doc":"The captured amount of money.","name":"amount","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"Whether the money is kept. If not, its refund is requested together with this event.","name":"kept","type":"boolean"}],"name":"PaymentCaptured","namespace":"payment","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.PaymentDeclined",
                json: r##"{"aggregate":"payment.payment","doc":"A payment was declined. Money that is captured nevertheless is refunded.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The caller's reference to what is paid for; opaque to payment.","name":"reference","type":"string"},{"doc":"The reason, as a code of the provider, or amount_mismatch if the captured amount was not the requested one.","name":"code","type":"string"}],"name":"PaymentDeclined","namespace":"payment","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.PaymentRefundRefused",
                json: r##"{"aggregate":"payment.payment","doc":"The provider refused to refund a charge. The money is still owed, and an operator has to resolve it.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The caller's reference to what is paid for; opaque to payment.","name":"reference","type":"string"},{"doc":"The provider's id of the charge; unique at the provider.","name":"provider_reference","type":"string"},{"doc":"The amount of money that is still owed.","name":"amount","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"The reason, as a code of the provider.","name":"code","type":"string"},{"doc":"Human-readable form of the code, as the provider gives it; may be empty.","name":"reason","type":"string"}],"name":"PaymentRefundRefused","namespace":"payment","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.PaymentRefundRequested",
                json: r##"{"aggregate":"payment.payment","doc":"The refund of a charge was requested. The provider has to be asked for it.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The caller's reference to what is paid for; opaque to payment.","name":"reference","type":"string"},{"doc":"The provider's id of the charge; unique at the provider.","name":"provider_reference","type":"string"},{"doc":"The amount of money to refund.","name":"amount","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"The reason for the refund.","name":"reason","type":"string"}],"name":"PaymentRefundRequested","namespace":"payment","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.PaymentRefunded",
                json: r##"{"aggregate":"payment.payment","doc":"The provider refunded a charge.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The caller's reference to what is paid for; opaque to payment.","name":"reference","type":"string"},{"doc":"The provider's id of the charge; unique at the provider.","name":"provider_reference","type":"string"},{"doc":"The refunded amount of money.","name":"amount","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"PaymentRefunded","namespace":"payment","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.PaymentRequested",
                json: r##"{"aggregate":"payment.payment","doc":"A payment was requested. The provider has to be asked for the money.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The caller's reference to what is paid for; opaque to payment.","name":"reference","type":"string"},{"doc":"The requested amount of money.","name":"amount","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"The payment method, in the notation of the payment provider.","name":"method","type":"string"}],"name":"PaymentRequested","namespace":"payment","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "payment.PaymentVoided",
                json: r##"{"aggregate":"payment.payment","doc":"A payment was voided before money was captured. Money that is captured nevertheless is refunded.","fields":[{"doc":"The payment.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The caller's reference to what is paid for; opaque to payment.","name":"reference","type":"string"},{"doc":"The reason why the payment was voided.","name":"reason","type":"string"}],"name":"PaymentVoided","namespace":"payment","role":"event","type":"record"}"##,
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

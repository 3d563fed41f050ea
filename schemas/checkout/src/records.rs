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

/// Some units of one product, with its name and price as the customer saw them.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct Line {
    /// The product; opaque to the checkout.
    pub product_id: String,
    /// The product's name.
    pub name: String,
    /// The price of one unit; may be 0.
    pub unit_price: Money,
    /// Units bought, at least 1.
    pub quantity: i32,
}

/// A customer wants to buy these lines and pay for them.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct BeginCheckout {
    /// The checkout; chosen by the edge if the client names none.
    pub checkout_id: uuid::Uuid,
    /// Who buys; opaque to the checkout.
    pub customer_id: String,
    /// What is bought; ordering says what an order must have.
    pub lines: Vec<Line>,
    /// What is charged, as the payment provider knows it, such as card-ok.
    pub method: String,
    /// How long the payment may take, from the beginning; 1 second to 7 days.
    #[serde(default = "default_begincheckout_payment_seconds")]
    pub payment_seconds: i32,
}

#[inline(always)]
fn default_begincheckout_payment_seconds() -> i32 {
    900
}

/// What a checkout comes to grief by.
#[derive(
    Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Clone, Copy, serde::Deserialize, serde::Serialize,
)]
pub enum Cause {
    #[serde(rename = "unknown")]
    Unknown,
    #[serde(rename = "order_refused")]
    OrderRefused,
    #[serde(rename = "order_timed_out")]
    OrderTimedOut,
    #[serde(rename = "order_cancelled")]
    OrderCancelled,
    #[serde(rename = "payment_refused")]
    PaymentRefused,
    #[serde(rename = "payment_declined")]
    PaymentDeclined,
    #[serde(rename = "payment_timed_out")]
    PaymentTimedOut,
    #[serde(rename = "confirmation_unanswered")]
    ConfirmationUnanswered,
}

/// The purchase will not come about. The order is to be cancelled; the payment stays as it is until that is known.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CheckoutAbandoned {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The order that is placed for it.
    pub order_id: uuid::Uuid,
    /// What went wrong.
    pub cause: Cause,
    /// The same for people.
    pub reason: String,
    /// When it is asked for again if nobody has answered.
    pub due: i64,
}

/// A customer buys. The order is to be placed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CheckoutBegun {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// Who buys.
    pub customer_id: String,
    /// What is bought.
    pub lines: Vec<Line>,
    /// What is charged.
    pub method: String,
    /// How long the payment may take.
    pub payment_seconds: i32,
    /// The order that is placed for it.
    pub order_id: uuid::Uuid,
    /// The payment that is asked for it.
    pub payment_id: uuid::Uuid,
    /// When the checkout gives up if it is not paid.
    pub payment_due: i64,
}

/// The order is paid and confirmed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CheckoutCompleted {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// Who buys.
    pub customer_id: String,
    /// The order that is placed for it.
    pub order_id: uuid::Uuid,
    /// The payment that is asked for it.
    pub payment_id: uuid::Uuid,
    /// What was paid.
    pub total: Money,
}

/// Nothing is bought, and no money is kept.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CheckoutFailed {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// Who buys.
    pub customer_id: String,
    /// The order that is placed for it.
    pub order_id: uuid::Uuid,
    /// The payment that is asked for it.
    pub payment_id: uuid::Uuid,
    /// What went wrong.
    pub cause: Cause,
    /// The same for people.
    pub reason: String,
}

/// The order is placed. The payment is to be asked for.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CheckoutOrdered {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The order that is placed for it.
    pub order_id: uuid::Uuid,
    /// The payment that is asked for it.
    pub payment_id: uuid::Uuid,
    /// What is charged.
    pub method: String,
    /// What the order costs.
    pub total: Money,
}

/// The money was taken. The order is to be confirmed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CheckoutPaid {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The order that is placed for it.
    pub order_id: uuid::Uuid,
    /// The payment that is asked for it.
    pub payment_id: uuid::Uuid,
    /// When it is asked for again if nobody has answered.
    pub due: i64,
}

/// What a checkout asks of others, and asks again.
#[derive(
    Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Clone, Copy, serde::Deserialize, serde::Serialize,
)]
pub enum Step {
    #[serde(rename = "unknown")]
    Unknown,
    #[serde(rename = "confirm_order")]
    ConfirmOrder,
    #[serde(rename = "cancel_order")]
    CancelOrder,
    #[serde(rename = "release_payment")]
    ReleasePayment,
}

/// Nobody answered. The same is to be asked again.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CheckoutRetried {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The order that is placed for it.
    pub order_id: uuid::Uuid,
    /// The payment that is asked for it.
    pub payment_id: uuid::Uuid,
    /// What is to be asked.
    pub step: Step,
    /// Which try it is; what was asked first is 1.
    pub attempt: i32,
    /// Why it is asked; empty if nothing went wrong.
    pub reason: String,
    /// When it is asked for again if nobody has answered.
    pub due: i64,
}

/// Nobody answers, often as they were asked: people have to look. An answer that comes late is still acted on.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CheckoutStuck {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// What nobody answers.
    pub step: Step,
    /// The same for people.
    pub reason: String,
}

/// The time is over that the checkout waits for an answer: its deadline's command.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct ExpireCheckout {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
}

/// The order is cancelled.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NoteOrderCancelled {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
}

/// The order is confirmed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NoteOrderConfirmed {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
}

/// The order refuses to be cancelled.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NoteOrderNotCancelled {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// Why: a stable code.
    pub code: String,
    /// The same for people; may be empty.
    pub reason: String,
}

/// The order refuses to be confirmed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NoteOrderNotConfirmed {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// Why: a stable code.
    pub code: String,
    /// The same for people; may be empty.
    pub reason: String,
}

/// The order is placed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NoteOrderPlaced {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// What it costs.
    pub total: Money,
}

/// The order cannot be placed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NoteOrderRefused {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// Why: a stable code.
    pub code: String,
    /// The same for people; may be empty.
    pub reason: String,
}

/// The money was taken.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NotePaymentCaptured {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
}

/// The provider takes no money.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NotePaymentDeclined {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// Why: a stable code.
    pub code: String,
}

/// The payment cannot be asked for.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NotePaymentRefused {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// Why: a stable code.
    pub code: String,
    /// The same for people; may be empty.
    pub reason: String,
}

/// The payment is called off: no money is or will be kept.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NotePaymentReleased {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
}

/// The order will not be confirmed. The payment is to be called off.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PaymentReleaseRequested {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The payment that is asked for it.
    pub payment_id: uuid::Uuid,
    /// What went wrong.
    pub cause: Cause,
    /// The same for people.
    pub reason: String,
    /// When it is asked for again if nobody has answered.
    pub due: i64,
}

/// The messages of `checkout.checkout`.
pub mod checkout {
    /// What can be asked of a `checkout.checkout`.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Command {
        /// A customer wants to buy these lines and pay for them.
        BeginCheckout(super::BeginCheckout),
        /// The time is over that the checkout waits for an answer: its deadline's command.
        ExpireCheckout(super::ExpireCheckout),
        /// The order is cancelled.
        NoteOrderCancelled(super::NoteOrderCancelled),
        /// The order is confirmed.
        NoteOrderConfirmed(super::NoteOrderConfirmed),
        /// The order refuses to be cancelled.
        NoteOrderNotCancelled(super::NoteOrderNotCancelled),
        /// The order refuses to be confirmed.
        NoteOrderNotConfirmed(super::NoteOrderNotConfirmed),
        /// The order is placed.
        NoteOrderPlaced(super::NoteOrderPlaced),
        /// The order cannot be placed.
        NoteOrderRefused(super::NoteOrderRefused),
        /// The money was taken.
        NotePaymentCaptured(super::NotePaymentCaptured),
        /// The provider takes no money.
        NotePaymentDeclined(super::NotePaymentDeclined),
        /// The payment cannot be asked for.
        NotePaymentRefused(super::NotePaymentRefused),
        /// The payment is called off: no money is or will be kept.
        NotePaymentReleased(super::NotePaymentReleased),
    }
    impl factline::Messages for Command {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "checkout.BeginCheckout",
                json: r##"{"aggregate":"checkout.checkout","doc":"A customer wants to buy these lines and pay for them.","fields":[{"doc":"The checkout; chosen by the edge if the client names none.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Who buys; opaque to the checkout.","name":"customer_id","personal":true,"type":"string"},{"doc":"What is bought; ordering says what an order must have.","name":"lines","type":{"items":{"doc":"Some units of one product, with its name and price as the customer saw them.","fields":[{"doc":"The product; opaque to the checkout.","name":"product_id","type":"string"},{"doc":"The product's name.","name":"name","type":"string"},{"doc":"The price of one unit; may be 0.","name":"unit_price","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"Units bought, at least 1.","name":"quantity","type":"int"}],"name":"Line","namespace":"checkout","type":"record"},"type":"array"}},{"doc":"What is charged, as the payment provider knows it, such as card-ok.","name":"method","type":"string"},{"default":900,"doc":"How long the payment may take, from the beginning; 1 second to 7 days.","name":"payment_seconds","type":"int"}],"name":"BeginCheckout","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.ExpireCheckout",
                json: r##"{"aggregate":"checkout.checkout","doc":"The time is over that the checkout waits for an answer: its deadline's command.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}}],"name":"ExpireCheckout","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NoteOrderCancelled",
                json: r##"{"aggregate":"checkout.checkout","doc":"The order is cancelled.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}}],"name":"NoteOrderCancelled","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NoteOrderConfirmed",
                json: r##"{"aggregate":"checkout.checkout","doc":"The order is confirmed.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}}],"name":"NoteOrderConfirmed","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NoteOrderNotCancelled",
                json: r##"{"aggregate":"checkout.checkout","doc":"The order refuses to be cancelled.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Why: a stable code.","name":"code","type":"string"},{"doc":"The same for people; may be empty.","name":"reason","type":"string"}],"name":"NoteOrderNotCancelled","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NoteOrderNotConfirmed",
                json: r##"{"aggregate":"checkout.checkout","doc":"The order refuses to be confirmed.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Why: a stable code.","name":"code","type":"string"},{"doc":"The same for people; may be empty.","name":"reason","type":"string"}],"name":"NoteOrderNotConfirmed","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NoteOrderPlaced",
                json: r##"{"aggregate":"checkout.checkout","doc":"The order is placed.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What it costs.","name":"total","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"NoteOrderPlaced","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NoteOrderRefused",
                json: r##"{"aggregate":"checkout.checkout","doc":"The order cannot be placed.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Why: a stable code.","name":"code","type":"string"},{"doc":"The same for people; may be empty.","name":"reason","type":"string"}],"name":"NoteOrderRefused","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NotePaymentCaptured",
                json: r##"{"aggregate":"checkout.checkout","doc":"The money was taken.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}}],"name":"NotePaymentCaptured","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NotePaymentDeclined",
                json: r##"{"aggregate":"checkout.checkout","doc":"The provider takes no money.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Why: a stable code.","name":"code","type":"string"}],"name":"NotePaymentDeclined","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NotePaymentRefused",
                json: r##"{"aggregate":"checkout.checkout","doc":"The payment cannot be asked for.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Why: a stable code.","name":"code","type":"string"},{"doc":"The same for people; may be empty.","name":"reason","type":"string"}],"name":"NotePaymentRefused","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NotePaymentReleased",
                json: r##"{"aggregate":"checkout.checkout","doc":"The payment is called off: no money is or will be kept.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}}],"name":"NotePaymentReleased","namespace":"checkout","role":"command","type":"record"}"##,
            },
        ];
        fn record(&self) -> &'static str {
            match self {
                Self::BeginCheckout(_) => "checkout.BeginCheckout",
                Self::ExpireCheckout(_) => "checkout.ExpireCheckout",
                Self::NoteOrderCancelled(_) => "checkout.NoteOrderCancelled",
                Self::NoteOrderConfirmed(_) => "checkout.NoteOrderConfirmed",
                Self::NoteOrderNotCancelled(_) => "checkout.NoteOrderNotCancelled",
                Self::NoteOrderNotConfirmed(_) => "checkout.NoteOrderNotConfirmed",
                Self::NoteOrderPlaced(_) => "checkout.NoteOrderPlaced",
                Self::NoteOrderRefused(_) => "checkout.NoteOrderRefused",
                Self::NotePaymentCaptured(_) => "checkout.NotePaymentCaptured",
                Self::NotePaymentDeclined(_) => "checkout.NotePaymentDeclined",
                Self::NotePaymentRefused(_) => "checkout.NotePaymentRefused",
                Self::NotePaymentReleased(_) => "checkout.NotePaymentReleased",
            }
        }
        fn encode(&self, codec: &factline::avro::Codec) -> Result<Vec<u8>, factline::avro::Error> {
            match self {
                Self::BeginCheckout(record) => codec.encode(record),
                Self::ExpireCheckout(record) => codec.encode(record),
                Self::NoteOrderCancelled(record) => codec.encode(record),
                Self::NoteOrderConfirmed(record) => codec.encode(record),
                Self::NoteOrderNotCancelled(record) => codec.encode(record),
                Self::NoteOrderNotConfirmed(record) => codec.encode(record),
                Self::NoteOrderPlaced(record) => codec.encode(record),
                Self::NoteOrderRefused(record) => codec.encode(record),
                Self::NotePaymentCaptured(record) => codec.encode(record),
                Self::NotePaymentDeclined(record) => codec.encode(record),
                Self::NotePaymentRefused(record) => codec.encode(record),
                Self::NotePaymentReleased(record) => codec.encode(record),
            }
        }
        fn decode(
            record: &str,
            codec: &factline::avro::Codec,
            datum: &[u8],
        ) -> Result<Self, factline::avro::Error> {
            match record {
                "checkout.BeginCheckout" => codec.decode(datum).map(Self::BeginCheckout),
                "checkout.ExpireCheckout" => codec.decode(datum).map(Self::ExpireCheckout),
                "checkout.NoteOrderCancelled" => codec.decode(datum).map(Self::NoteOrderCancelled),
                "checkout.NoteOrderConfirmed" => codec.decode(datum).map(Self::NoteOrderConfirmed),
                "checkout.NoteOrderNotCancelled" => {
                    codec.decode(datum).map(Self::NoteOrderNotCancelled)
                }
                "checkout.NoteOrderNotConfirmed" => {
                    codec.decode(datum).map(Self::NoteOrderNotConfirmed)
                }
                "checkout.NoteOrderPlaced" => codec.decode(datum).map(Self::NoteOrderPlaced),
                "checkout.NoteOrderRefused" => codec.decode(datum).map(Self::NoteOrderRefused),
                "checkout.NotePaymentCaptured" => {
                    codec.decode(datum).map(Self::NotePaymentCaptured)
                }
                "checkout.NotePaymentDeclined" => {
                    codec.decode(datum).map(Self::NotePaymentDeclined)
                }
                "checkout.NotePaymentRefused" => codec.decode(datum).map(Self::NotePaymentRefused),
                "checkout.NotePaymentReleased" => {
                    codec.decode(datum).map(Self::NotePaymentReleased)
                }
                _ => Err(factline::avro::Error::UnknownRecord {
                    record: record.to_owned(),
                }),
            }
        }
    }
    impl From<super::BeginCheckout> for Command {
        fn from(record: super::BeginCheckout) -> Self {
            Self::BeginCheckout(record)
        }
    }
    impl From<super::ExpireCheckout> for Command {
        fn from(record: super::ExpireCheckout) -> Self {
            Self::ExpireCheckout(record)
        }
    }
    impl From<super::NoteOrderCancelled> for Command {
        fn from(record: super::NoteOrderCancelled) -> Self {
            Self::NoteOrderCancelled(record)
        }
    }
    impl From<super::NoteOrderConfirmed> for Command {
        fn from(record: super::NoteOrderConfirmed) -> Self {
            Self::NoteOrderConfirmed(record)
        }
    }
    impl From<super::NoteOrderNotCancelled> for Command {
        fn from(record: super::NoteOrderNotCancelled) -> Self {
            Self::NoteOrderNotCancelled(record)
        }
    }
    impl From<super::NoteOrderNotConfirmed> for Command {
        fn from(record: super::NoteOrderNotConfirmed) -> Self {
            Self::NoteOrderNotConfirmed(record)
        }
    }
    impl From<super::NoteOrderPlaced> for Command {
        fn from(record: super::NoteOrderPlaced) -> Self {
            Self::NoteOrderPlaced(record)
        }
    }
    impl From<super::NoteOrderRefused> for Command {
        fn from(record: super::NoteOrderRefused) -> Self {
            Self::NoteOrderRefused(record)
        }
    }
    impl From<super::NotePaymentCaptured> for Command {
        fn from(record: super::NotePaymentCaptured) -> Self {
            Self::NotePaymentCaptured(record)
        }
    }
    impl From<super::NotePaymentDeclined> for Command {
        fn from(record: super::NotePaymentDeclined) -> Self {
            Self::NotePaymentDeclined(record)
        }
    }
    impl From<super::NotePaymentRefused> for Command {
        fn from(record: super::NotePaymentRefused) -> Self {
            Self::NotePaymentRefused(record)
        }
    }
    impl From<super::NotePaymentReleased> for Command {
        fn from(record: super::NotePaymentReleased) -> Self {
            Self::NotePaymentReleased(record)
        }
    }
    /// What can have happened to a `checkout.checkout`.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// The purchase will not come about. The order is to be cancelled; the payment stays as it is until that is known.
        CheckoutAbandoned(super::CheckoutAbandoned),
        /// A customer buys. The order is to be placed.
        CheckoutBegun(super::CheckoutBegun),
        /// The order is paid and confirmed.
        CheckoutCompleted(super::CheckoutCompleted),
        /// Nothing is bought, and no money is kept.
        CheckoutFailed(super::CheckoutFailed),
        /// The order is placed. The payment is to be asked for.
        CheckoutOrdered(super::CheckoutOrdered),
        /// The money was taken. The order is to be confirmed.
        CheckoutPaid(super::CheckoutPaid),
        /// Nobody answered. The same is to be asked again.
        CheckoutRetried(super::CheckoutRetried),
        /// Nobody answers, often as they were asked: people have to look. An answer that comes late is still acted on.
        CheckoutStuck(super::CheckoutStuck),
        /// The order will not be confirmed. The payment is to be called off.
        PaymentReleaseRequested(super::PaymentReleaseRequested),
    }
    impl factline::Messages for Event {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "checkout.CheckoutAbandoned",
                json: r##"{"aggregate":"checkout.checkout","doc":"The purchase will not come about. The order is to be cancelled; the payment stays as it is until that is known.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The order that is placed for it.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What went wrong.","name":"cause","type":{"default":"unknown","doc":"What a checkout comes to grief by.","name":"Cause","namespace":"checkout","symbols":["unknown","order_refused","order_timed_out","order_cancelled","payment_refused","payment_declined","payment_timed_out","confirmation_unanswered"],"type":"enum"}},{"doc":"The same for people.","name":"reason","type":"string"},{"doc":"When it is asked for again if nobody has answered.","name":"due","type":{"logicalType":"timestamp-micros","type":"long"}}],"name":"CheckoutAbandoned","namespace":"checkout","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.CheckoutBegun",
                json: r##"{"aggregate":"checkout.checkout","doc":"A customer buys. The order is to be placed.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Who buys.","name":"customer_id","personal":true,"type":"string"},{"doc":"What is bought.","name":"lines","type":{"items":{"doc":"Some units of one product, with its name and price as the customer saw them.","fields":[{"doc":"The product; opaque to the checkout.","name":"product_id","type":"string"},{"doc":"The product's name.","name":"name","type":"string"},{"doc":"The price of one unit; may be 0.","name":"unit_price","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"Units bought, at least 1.","name":"quantity","type":"int"}],"name":"Line","namespace":"checkout","type":"record"},"type":"array"}},{"doc":"What is charged.","name":"method","type":"string"},{"doc":"How long the payment may take.","name":"payment_seconds","type":"int"},{"doc":"The order that is placed for it.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The payment that is asked for it.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"When the checkout gives up if it is not paid.","name":"payment_due","type":{"logicalType":"timestamp-micros","type":"long"}}],"name":"CheckoutBegun","namespace":"checkout","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.CheckoutCompleted",
                json: r##"{"aggregate":"checkout.checkout","doc":"The order is paid and confirmed.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Who buys.","name":"customer_id","personal":true,"type":"string"},{"doc":"The order that is placed for it.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The payment that is asked for it.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What was paid.","name":"total","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"CheckoutCompleted","namespace":"checkout","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.CheckoutFailed",
                json: r##"{"aggregate":"checkout.checkout","doc":"Nothing is bought, and no money is kept.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Who buys.","name":"customer_id","personal":true,"type":"string"},{"doc":"The order that is placed for it.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The payment that is asked for it.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What went wrong.","name":"cause","type":{"default":"unknown","doc":"What a checkout comes to grief by.","name":"Cause","namespace":"checkout","symbols":["unknown","order_refused","order_timed_out","order_cancelled","payment_refused","payment_declined","payment_timed_out","confirmation_unanswered"],"type":"enum"}},{"doc":"The same for people.","name":"reason","type":"string"}],"name":"CheckoutFailed","namespace":"checkout","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.CheckoutOrdered",
                json: r##"{"aggregate":"checkout.checkout","doc":"The order is placed. The payment is to be asked for.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The order that is placed for it.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The payment that is asked for it.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What is charged.","name":"method","type":"string"},{"doc":"What the order costs.","name":"total","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"CheckoutOrdered","namespace":"checkout","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.CheckoutPaid",
                json: r##"{"aggregate":"checkout.checkout","doc":"The money was taken. The order is to be confirmed.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The order that is placed for it.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The payment that is asked for it.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"When it is asked for again if nobody has answered.","name":"due","type":{"logicalType":"timestamp-micros","type":"long"}}],"name":"CheckoutPaid","namespace":"checkout","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.CheckoutRetried",
                json: r##"{"aggregate":"checkout.checkout","doc":"Nobody answered. The same is to be asked again.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The order that is placed for it.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The payment that is asked for it.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What is to be asked.","name":"step","type":{"default":"unknown","doc":"What a checkout asks of others, and asks again.","name":"Step","namespace":"checkout","symbols":["unknown","confirm_order","cancel_order","release_payment"],"type":"enum"}},{"doc":"Which try it is; what was asked first is 1.","name":"attempt","type":"int"},{"doc":"Why it is asked; empty if nothing went wrong.","name":"reason","type":"string"},{"doc":"When it is asked for again if nobody has answered.","name":"due","type":{"logicalType":"timestamp-micros","type":"long"}}],"name":"CheckoutRetried","namespace":"checkout","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.CheckoutStuck",
                json: r##"{"aggregate":"checkout.checkout","doc":"Nobody answers, often as they were asked: people have to look. An answer that comes late is still acted on.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What nobody answers.","name":"step","type":{"default":"unknown","doc":"What a checkout asks of others, and asks again.","name":"Step","namespace":"checkout","symbols":["unknown","confirm_order","cancel_order","release_payment"],"type":"enum"}},{"doc":"The same for people.","name":"reason","type":"string"}],"name":"CheckoutStuck","namespace":"checkout","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.PaymentReleaseRequested",
                json: r##"{"aggregate":"checkout.checkout","doc":"The order will not be confirmed. The payment is to be called off.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The payment that is asked for it.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What went wrong.","name":"cause","type":{"default":"unknown","doc":"What a checkout comes to grief by.","name":"Cause","namespace":"checkout","symbols":["unknown","order_refused","order_timed_out","order_cancelled","payment_refused","payment_declined","payment_timed_out","confirmation_unanswered"],"type":"enum"}},{"doc":"The same for people.","name":"reason","type":"string"},{"doc":"When it is asked for again if nobody has answered.","name":"due","type":{"logicalType":"timestamp-micros","type":"long"}}],"name":"PaymentReleaseRequested","namespace":"checkout","role":"event","type":"record"}"##,
            },
        ];
        fn record(&self) -> &'static str {
            match self {
                Self::CheckoutAbandoned(_) => "checkout.CheckoutAbandoned",
                Self::CheckoutBegun(_) => "checkout.CheckoutBegun",
                Self::CheckoutCompleted(_) => "checkout.CheckoutCompleted",
                Self::CheckoutFailed(_) => "checkout.CheckoutFailed",
                Self::CheckoutOrdered(_) => "checkout.CheckoutOrdered",
                Self::CheckoutPaid(_) => "checkout.CheckoutPaid",
                Self::CheckoutRetried(_) => "checkout.CheckoutRetried",
                Self::CheckoutStuck(_) => "checkout.CheckoutStuck",
                Self::PaymentReleaseRequested(_) => "checkout.PaymentReleaseRequested",
            }
        }
        fn encode(&self, codec: &factline::avro::Codec) -> Result<Vec<u8>, factline::avro::Error> {
            match self {
                Self::CheckoutAbandoned(record) => codec.encode(record),
                Self::CheckoutBegun(record) => codec.encode(record),
                Self::CheckoutCompleted(record) => codec.encode(record),
                Self::CheckoutFailed(record) => codec.encode(record),
                Self::CheckoutOrdered(record) => codec.encode(record),
                Self::CheckoutPaid(record) => codec.encode(record),
                Self::CheckoutRetried(record) => codec.encode(record),
                Self::CheckoutStuck(record) => codec.encode(record),
                Self::PaymentReleaseRequested(record) => codec.encode(record),
            }
        }
        fn decode(
            record: &str,
            codec: &factline::avro::Codec,
            datum: &[u8],
        ) -> Result<Self, factline::avro::Error> {
            match record {
                "checkout.CheckoutAbandoned" => codec.decode(datum).map(Self::CheckoutAbandoned),
                "checkout.CheckoutBegun" => codec.decode(datum).map(Self::CheckoutBegun),
                "checkout.CheckoutCompleted" => codec.decode(datum).map(Self::CheckoutCompleted),
                "checkout.CheckoutFailed" => codec.decode(datum).map(Self::CheckoutFailed),
                "checkout.CheckoutOrdered" => codec.decode(datum).map(Self::CheckoutOrdered),
                "checkout.CheckoutPaid" => codec.decode(datum).map(Self::CheckoutPaid),
                "checkout.CheckoutRetried" => codec.decode(datum).map(Self::CheckoutRetried),
                "checkout.CheckoutStuck" => codec.decode(datum).map(Self::CheckoutStuck),
                "checkout.PaymentReleaseRequested" => {
                    codec.decode(datum).map(Self::PaymentReleaseRequested)
                }
                _ => Err(factline::avro::Error::UnknownRecord {
                    record: record.to_owned(),
                }),
            }
        }
    }
    impl From<super::CheckoutAbandoned> for Event {
        fn from(record: super::CheckoutAbandoned) -> Self {
            Self::CheckoutAbandoned(record)
        }
    }
    impl From<super::CheckoutBegun> for Event {
        fn from(record: super::CheckoutBegun) -> Self {
            Self::CheckoutBegun(record)
        }
    }
    impl From<super::CheckoutCompleted> for Event {
        fn from(record: super::CheckoutCompleted) -> Self {
            Self::CheckoutCompleted(record)
        }
    }
    impl From<super::CheckoutFailed> for Event {
        fn from(record: super::CheckoutFailed) -> Self {
            Self::CheckoutFailed(record)
        }
    }
    impl From<super::CheckoutOrdered> for Event {
        fn from(record: super::CheckoutOrdered) -> Self {
            Self::CheckoutOrdered(record)
        }
    }
    impl From<super::CheckoutPaid> for Event {
        fn from(record: super::CheckoutPaid) -> Self {
            Self::CheckoutPaid(record)
        }
    }
    impl From<super::CheckoutRetried> for Event {
        fn from(record: super::CheckoutRetried) -> Self {
            Self::CheckoutRetried(record)
        }
    }
    impl From<super::CheckoutStuck> for Event {
        fn from(record: super::CheckoutStuck) -> Self {
            Self::CheckoutStuck(record)
        }
    }
    impl From<super::PaymentReleaseRequested> for Event {
        fn from(record: super::PaymentReleaseRequested) -> Self {
            Self::PaymentReleaseRequested(record)
        }
    }
}

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

/// A quantity of one product, with its name and price as the customer saw them.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct Line {
    /// The product; opaque to the checkout.
    pub product_id: String,
    /// The name of the product.
    pub name: String,
    /// The price of one unit; may be 0.
    pub unit_price: Money,
    /// The number of units; at least 1.
    pub quantity: i32,
}

/// Begins a checkout: places an order for these lines and requests its payment.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct BeginCheckout {
    /// The checkout; its id is assigned by the command API if the client gives none.
    pub checkout_id: uuid::Uuid,
    /// The customer who buys; opaque to the checkout.
    pub customer_id: String,
    /// The order lines; the rules of ordering apply to them.
    pub lines: Vec<Line>,
    /// The payment method, in the notation of the payment provider, such as card-ok.
    pub method: String,
    /// The time limit for the payment in seconds, counted from the beginning of the checkout; at least 1, at most 604800 (7 days).
    #[serde(default = "default_begincheckout_payment_seconds")]
    pub payment_seconds: i32,
}

#[inline(always)]
fn default_begincheckout_payment_seconds() -> i32 {
    900
}

/// The cause of the failure of a checkout.
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

/// A checkout was abandoned. The order has to be cancelled; the payment is left as it is until the order has answered.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CheckoutAbandoned {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The order that the checkout places.
    pub order_id: uuid::Uuid,
    /// The cause of the failure.
    pub cause: Cause,
    /// Human-readable form of the cause.
    pub reason: String,
    /// The time of the next attempt if no answer has arrived by then.
    pub due: i64,
}

/// A checkout was begun. The order has to be placed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CheckoutBegun {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The customer who buys.
    pub customer_id: String,
    /// The order lines.
    pub lines: Vec<Line>,
    /// The payment method, in the notation of the payment provider.
    pub method: String,
    /// The time limit for the payment, in seconds.
    pub payment_seconds: i32,
    /// The order that the checkout places.
    pub order_id: uuid::Uuid,
    /// The payment that the checkout requests.
    pub payment_id: uuid::Uuid,
    /// The time at which the checkout is abandoned if it has not been paid.
    pub payment_due: i64,
}

/// A checkout was completed: the order is paid and confirmed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CheckoutCompleted {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The customer who buys.
    pub customer_id: String,
    /// The order that the checkout places.
    pub order_id: uuid::Uuid,
    /// The payment that the checkout requests.
    pub payment_id: uuid::Uuid,
    /// The amount of money that was paid.
    pub total: Money,
}

/// A checkout failed: nothing was bought, and no money is kept.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CheckoutFailed {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The customer who buys.
    pub customer_id: String,
    /// The order that the checkout places.
    pub order_id: uuid::Uuid,
    /// The payment that the checkout requests.
    pub payment_id: uuid::Uuid,
    /// The cause of the failure.
    pub cause: Cause,
    /// Human-readable form of the cause.
    pub reason: String,
}

/// The order of a checkout was placed. The payment has to be requested.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CheckoutOrdered {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The order that the checkout places.
    pub order_id: uuid::Uuid,
    /// The payment that the checkout requests.
    pub payment_id: uuid::Uuid,
    /// The payment method, in the notation of the payment provider.
    pub method: String,
    /// The total price of the order.
    pub total: Money,
}

/// The payment of a checkout was captured. The order has to be confirmed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CheckoutPaid {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The order that the checkout places.
    pub order_id: uuid::Uuid,
    /// The payment that the checkout requests.
    pub payment_id: uuid::Uuid,
    /// The time of the next attempt if no answer has arrived by then.
    pub due: i64,
}

/// A step that a checkout requests from another context, and requests again if no answer arrives.
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

/// Another attempt at a step was requested, usually because no answer had arrived in time.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CheckoutRetried {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The order that the checkout places.
    pub order_id: uuid::Uuid,
    /// The payment that the checkout requests.
    pub payment_id: uuid::Uuid,
    /// The step to attempt.
    pub step: Step,
    /// The number of this attempt; the first request was attempt 1.
    pub attempt: i32,
    /// Human-readable reason for the step; empty if nothing went wrong.
    pub reason: String,
    /// The time of the next attempt if no answer has arrived by then.
    pub due: i64,
}

/// A step has had no answer after the maximum number of attempts. An operator has to investigate. A late answer still has its effect.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CheckoutStuck {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The step that has had no answer.
    pub step: Step,
    /// Human-readable description of the missing answer.
    pub reason: String,
}

/// Ends the time that a checkout waits for an answer. The deadline of the checkout sends it.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct ExpireCheckout {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
}

/// Notes that the order was cancelled.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NoteOrderCancelled {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
}

/// Notes that the order was confirmed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NoteOrderConfirmed {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
}

/// Notes that the cancellation of the order was rejected.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NoteOrderNotCancelled {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The reason, as a stable code.
    pub code: String,
    /// Human-readable form of the code; may be empty.
    pub reason: String,
}

/// Notes that the confirmation of the order was rejected.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NoteOrderNotConfirmed {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The reason, as a stable code.
    pub code: String,
    /// Human-readable form of the code; may be empty.
    pub reason: String,
}

/// Notes that the order was placed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NoteOrderPlaced {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The total price of the order.
    pub total: Money,
}

/// Notes that the placement of the order was rejected.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NoteOrderRefused {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The reason, as a stable code.
    pub code: String,
    /// Human-readable form of the code; may be empty.
    pub reason: String,
}

/// Notes that the payment was captured.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NotePaymentCaptured {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
}

/// Notes that the payment was declined.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NotePaymentDeclined {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The reason, as a stable code.
    pub code: String,
}

/// Notes that the request for the payment was rejected.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NotePaymentRefused {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The reason, as a stable code.
    pub code: String,
    /// Human-readable form of the code; may be empty.
    pub reason: String,
}

/// Notes that the payment was released: no money is or will be kept.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct NotePaymentReleased {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
}

/// The release of the payment was requested, because the order will not be confirmed. The payment has to be voided.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PaymentReleaseRequested {
    /// The checkout.
    pub checkout_id: uuid::Uuid,
    /// The payment that the checkout requests.
    pub payment_id: uuid::Uuid,
    /// The cause of the failure.
    pub cause: Cause,
    /// Human-readable form of the cause.
    pub reason: String,
    /// The time of the next attempt if no answer has arrived by then.
    pub due: i64,
}

/// The messages of `checkout.checkout`.
pub mod checkout {
    /// What can be asked of a `checkout.checkout`.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Command {
        /// Begins a checkout: places an order for these lines and requests its payment.
        BeginCheckout(super::BeginCheckout),
        /// Ends the time that a checkout waits for an answer. The deadline of the checkout sends it.
        ExpireCheckout(super::ExpireCheckout),
        /// Notes that the order was cancelled.
        NoteOrderCancelled(super::NoteOrderCancelled),
        /// Notes that the order was confirmed.
        NoteOrderConfirmed(super::NoteOrderConfirmed),
        /// Notes that the cancellation of the order was rejected.
        NoteOrderNotCancelled(super::NoteOrderNotCancelled),
        /// Notes that the confirmation of the order was rejected.
        NoteOrderNotConfirmed(super::NoteOrderNotConfirmed),
        /// Notes that the order was placed.
        NoteOrderPlaced(super::NoteOrderPlaced),
        /// Notes that the placement of the order was rejected.
        NoteOrderRefused(super::NoteOrderRefused),
        /// Notes that the payment was captured.
        NotePaymentCaptured(super::NotePaymentCaptured),
        /// Notes that the payment was declined.
        NotePaymentDeclined(super::NotePaymentDeclined),
        /// Notes that the request for the payment was rejected.
        NotePaymentRefused(super::NotePaymentRefused),
        /// Notes that the payment was released: no money is or will be kept.
        NotePaymentReleased(super::NotePaymentReleased),
    }
    impl factline::Messages for Command {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "checkout.BeginCheckout",
                json: r##"{"aggregate":"checkout.checkout","doc":"Begins a checkout: places an order for these lines and requests its payment.","fields":[{"doc":"The checkout; its id is assigned by the command API if the client gives none.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The customer who buys; opaque to the checkout.","name":"customer_id","personal":true,"type":"string"},{"doc":"The order lines; the rules of ordering apply to them.","name":"lines","type":{"items":{"doc":"A quantity of one product, with its name and price as the customer saw them.","fields":[{"doc":"The product; opaque to the checkout.","name":"product_id","type":"string"},{"doc":"The name of the product.","name":"name","type":"string"},{"doc":"The price of one unit; may be 0.","name":"unit_price","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"The number of units; at least 1.","name":"quantity","type":"int"}],"name":"Line","namespace":"checkout","type":"record"},"type":"array"}},{"doc":"The payment method, in the notation of the payment provider, such as card-ok.","name":"method","type":"string"},{"default":900,"doc":"The time limit for the payment in seconds, counted from the beginning of the checkout; at least 1, at most 604800 (7 days).","name":"payment_seconds","type":"int"}],"name":"BeginCheckout","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.ExpireCheckout",
                json: r##"{"aggregate":"checkout.checkout","doc":"Ends the time that a checkout waits for an answer. The deadline of the checkout sends it.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}}],"name":"ExpireCheckout","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NoteOrderCancelled",
                json: r##"{"aggregate":"checkout.checkout","doc":"Notes that the order was cancelled.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}}],"name":"NoteOrderCancelled","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NoteOrderConfirmed",
                json: r##"{"aggregate":"checkout.checkout","doc":"Notes that the order was confirmed.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}}],"name":"NoteOrderConfirmed","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NoteOrderNotCancelled",
                json: r##"{"aggregate":"checkout.checkout","doc":"Notes that the cancellation of the order was rejected.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The reason, as a stable code.","name":"code","type":"string"},{"doc":"Human-readable form of the code; may be empty.","name":"reason","type":"string"}],"name":"NoteOrderNotCancelled","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NoteOrderNotConfirmed",
                json: r##"{"aggregate":"checkout.checkout","doc":"Notes that the confirmation of the order was rejected.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The reason, as a stable code.","name":"code","type":"string"},{"doc":"Human-readable form of the code; may be empty.","name":"reason","type":"string"}],"name":"NoteOrderNotConfirmed","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NoteOrderPlaced",
                json: r##"{"aggregate":"checkout.checkout","doc":"Notes that the order was placed.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The total price of the order.","name":"total","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"NoteOrderPlaced","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NoteOrderRefused",
                json: r##"{"aggregate":"checkout.checkout","doc":"Notes that the placement of the order was rejected.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The reason, as a stable code.","name":"code","type":"string"},{"doc":"Human-readable form of the code; may be empty.","name":"reason","type":"string"}],"name":"NoteOrderRefused","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NotePaymentCaptured",
                json: r##"{"aggregate":"checkout.checkout","doc":"Notes that the payment was captured.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}}],"name":"NotePaymentCaptured","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NotePaymentDeclined",
                json: r##"{"aggregate":"checkout.checkout","doc":"Notes that the payment was declined.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The reason, as a stable code.","name":"code","type":"string"}],"name":"NotePaymentDeclined","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NotePaymentRefused",
                json: r##"{"aggregate":"checkout.checkout","doc":"Notes that the request for the payment was rejected.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The reason, as a stable code.","name":"code","type":"string"},{"doc":"Human-readable form of the code; may be empty.","name":"reason","type":"string"}],"name":"NotePaymentRefused","namespace":"checkout","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.NotePaymentReleased",
                json: r##"{"aggregate":"checkout.checkout","doc":"Notes that the payment was released: no money is or will be kept.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}}],"name":"NotePaymentReleased","namespace":"checkout","role":"command","type":"record"}"##,
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
        /// A checkout was abandoned. The order has to be cancelled; the payment is left as it is until the order has answered.
        CheckoutAbandoned(super::CheckoutAbandoned),
        /// A checkout was begun. The order has to be placed.
        CheckoutBegun(super::CheckoutBegun),
        /// A checkout was completed: the order is paid and confirmed.
        CheckoutCompleted(super::CheckoutCompleted),
        /// A checkout failed: nothing was bought, and no money is kept.
        CheckoutFailed(super::CheckoutFailed),
        /// The order of a checkout was placed. The payment has to be requested.
        CheckoutOrdered(super::CheckoutOrdered),
        /// The payment of a checkout was captured. The order has to be confirmed.
        CheckoutPaid(super::CheckoutPaid),
        /// Another attempt at a step was requested, usually because no answer had arrived in time.
        CheckoutRetried(super::CheckoutRetried),
        /// A step has had no answer after the maximum number of attempts. An operator has to investigate. A late answer still has its effect.
        CheckoutStuck(super::CheckoutStuck),
        /// The release of the payment was requested, because the order will not be confirmed. The payment has to be voided.
        PaymentReleaseRequested(super::PaymentReleaseRequested),
    }
    impl factline::Messages for Event {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "checkout.CheckoutAbandoned",
                json: r##"{"aggregate":"checkout.checkout","doc":"A checkout was abandoned. The order has to be cancelled; the payment is left as it is until the order has answered.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The order that the checkout places.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The cause of the failure.","name":"cause","type":{"default":"unknown","doc":"The cause of the failure of a checkout.","name":"Cause","namespace":"checkout","symbols":["unknown","order_refused","order_timed_out","order_cancelled","payment_refused","payment_declined","payment_timed_out","confirmation_unanswered"],"type":"enum"}},{"doc":"Human-readable form of the cause.","name":"reason","type":"string"},{"doc":"The time of the next attempt if no answer has arrived by then.","name":"due","type":{"logicalType":"timestamp-micros","type":"long"}}],"name":"CheckoutAbandoned","namespace":"checkout","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.CheckoutBegun",
                json: r##"{"aggregate":"checkout.checkout","doc":"A checkout was begun. The order has to be placed.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The customer who buys.","name":"customer_id","personal":true,"type":"string"},{"doc":"The order lines.","name":"lines","type":{"items":{"doc":"A quantity of one product, with its name and price as the customer saw them.","fields":[{"doc":"The product; opaque to the checkout.","name":"product_id","type":"string"},{"doc":"The name of the product.","name":"name","type":"string"},{"doc":"The price of one unit; may be 0.","name":"unit_price","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"The number of units; at least 1.","name":"quantity","type":"int"}],"name":"Line","namespace":"checkout","type":"record"},"type":"array"}},{"doc":"The payment method, in the notation of the payment provider.","name":"method","type":"string"},{"doc":"The time limit for the payment, in seconds.","name":"payment_seconds","type":"int"},{"doc":"The order that the checkout places.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The payment that the checkout requests.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The time at which the checkout is abandoned if it has not been paid.","name":"payment_due","type":{"logicalType":"timestamp-micros","type":"long"}}],"name":"CheckoutBegun","namespace":"checkout","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.CheckoutCompleted",
                json: r##"{"aggregate":"checkout.checkout","doc":"A checkout was completed: the order is paid and confirmed.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The customer who buys.","name":"customer_id","personal":true,"type":"string"},{"doc":"The order that the checkout places.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The payment that the checkout requests.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The amount of money that was paid.","name":"total","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"CheckoutCompleted","namespace":"checkout","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.CheckoutFailed",
                json: r##"{"aggregate":"checkout.checkout","doc":"A checkout failed: nothing was bought, and no money is kept.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The customer who buys.","name":"customer_id","personal":true,"type":"string"},{"doc":"The order that the checkout places.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The payment that the checkout requests.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The cause of the failure.","name":"cause","type":{"default":"unknown","doc":"The cause of the failure of a checkout.","name":"Cause","namespace":"checkout","symbols":["unknown","order_refused","order_timed_out","order_cancelled","payment_refused","payment_declined","payment_timed_out","confirmation_unanswered"],"type":"enum"}},{"doc":"Human-readable form of the cause.","name":"reason","type":"string"}],"name":"CheckoutFailed","namespace":"checkout","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.CheckoutOrdered",
                json: r##"{"aggregate":"checkout.checkout","doc":"The order of a checkout was placed. The payment has to be requested.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The order that the checkout places.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The payment that the checkout requests.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The payment method, in the notation of the payment provider.","name":"method","type":"string"},{"doc":"The total price of the order.","name":"total","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"CheckoutOrdered","namespace":"checkout","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.CheckoutPaid",
                json: r##"{"aggregate":"checkout.checkout","doc":"The payment of a checkout was captured. The order has to be confirmed.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The order that the checkout places.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The payment that the checkout requests.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The time of the next attempt if no answer has arrived by then.","name":"due","type":{"logicalType":"timestamp-micros","type":"long"}}],"name":"CheckoutPaid","namespace":"checkout","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.CheckoutRetried",
                json: r##"{"aggregate":"checkout.checkout","doc":"Another attempt at a step was requested, usually because no answer had arrived in time.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The order that the checkout places.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The payment that the checkout requests.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The step to attempt.","name":"step","type":{"default":"unknown","doc":"A step that a checkout requests from another context, and requests again if no answer arrives.","name":"Step","namespace":"checkout","symbols":["unknown","confirm_order","cancel_order","release_payment"],"type":"enum"}},{"doc":"The number of this attempt; the first request was attempt 1.","name":"attempt","type":"int"},{"doc":"Human-readable reason for the step; empty if nothing went wrong.","name":"reason","type":"string"},{"doc":"The time of the next attempt if no answer has arrived by then.","name":"due","type":{"logicalType":"timestamp-micros","type":"long"}}],"name":"CheckoutRetried","namespace":"checkout","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.CheckoutStuck",
                json: r##"{"aggregate":"checkout.checkout","doc":"A step has had no answer after the maximum number of attempts. An operator has to investigate. A late answer still has its effect.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The step that has had no answer.","name":"step","type":{"default":"unknown","doc":"A step that a checkout requests from another context, and requests again if no answer arrives.","name":"Step","namespace":"checkout","symbols":["unknown","confirm_order","cancel_order","release_payment"],"type":"enum"}},{"doc":"Human-readable description of the missing answer.","name":"reason","type":"string"}],"name":"CheckoutStuck","namespace":"checkout","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "checkout.PaymentReleaseRequested",
                json: r##"{"aggregate":"checkout.checkout","doc":"The release of the payment was requested, because the order will not be confirmed. The payment has to be voided.","fields":[{"doc":"The checkout.","name":"checkout_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The payment that the checkout requests.","name":"payment_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The cause of the failure.","name":"cause","type":{"default":"unknown","doc":"The cause of the failure of a checkout.","name":"Cause","namespace":"checkout","symbols":["unknown","order_refused","order_timed_out","order_cancelled","payment_refused","payment_declined","payment_timed_out","confirmation_unanswered"],"type":"enum"}},{"doc":"Human-readable form of the cause.","name":"reason","type":"string"},{"doc":"The time of the next attempt if no answer has arrived by then.","name":"due","type":{"logicalType":"timestamp-micros","type":"long"}}],"name":"PaymentReleaseRequested","namespace":"checkout","role":"event","type":"record"}"##,
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

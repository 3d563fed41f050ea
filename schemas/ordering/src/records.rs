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

/// Call an order off before it is shipped.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CancelOrder {
    /// The order to cancel.
    pub order_id: uuid::Uuid,
    /// Why, in the words of whoever cancels.
    pub reason: String,
}

/// The order is paid: it shall no longer be called off.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct ConfirmOrder {
    /// The order to confirm.
    pub order_id: uuid::Uuid,
}

/// Some units of one product, with its name and price as they were when the order was placed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct Line {
    /// The product; opaque to ordering.
    pub product_id: String,
    /// The product's name at that time.
    pub name: String,
    /// The price of one unit at that time; may be 0.
    pub unit_price: Money,
    /// Units bought, at least 1.
    pub quantity: i32,
}

/// An order was called off. Carries what a sum over orders has to take back.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct OrderCancelled {
    /// The order.
    pub order_id: uuid::Uuid,
    /// Whose order it was.
    pub customer_id: String,
    /// Why.
    pub reason: String,
    /// Units no longer bought.
    pub units: i64,
    /// Money no longer owed.
    pub total: Money,
}

/// An order was paid. From now on it cannot be called off.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct OrderConfirmed {
    /// The order.
    pub order_id: uuid::Uuid,
    /// Whose order it is.
    pub customer_id: String,
    /// The money that it was paid with.
    pub total: Money,
}

/// An order was placed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct OrderPlaced {
    /// The order.
    pub order_id: uuid::Uuid,
    /// Who buys.
    pub customer_id: String,
    /// What is bought.
    pub lines: Vec<Line>,
    /// The lines' quantities added up.
    pub units: i64,
    /// The lines' prices times quantities added up.
    pub total: Money,
}

/// The parcel has left.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct OrderShipped {
    /// The order.
    pub order_id: uuid::Uuid,
    /// Whose order it was.
    pub customer_id: String,
}

/// An order that was completed elsewhere was taken over.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PastOrderRecorded {
    /// The order.
    pub order_id: uuid::Uuid,
    /// Who bought.
    pub customer_id: String,
    /// Where the order stands in the system that took it.
    pub source: String,
    /// The day it was ordered there; the event's own time is when it was recorded here.
    pub ordered_on: i32,
    /// Units bought.
    pub units: i64,
    /// What was paid in all.
    pub total: Money,
}

/// A customer wants to buy these lines.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PlaceOrder {
    /// The order to place; chosen by the edge if the client names none.
    pub order_id: uuid::Uuid,
    /// Who buys; opaque to ordering.
    pub customer_id: String,
    /// What is bought, at least one line, all in one currency.
    pub lines: Vec<Line>,
}

/// Take over an order that was completed elsewhere, as a migration does.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct RecordPastOrder {
    /// Derived from the source, so that recording the same order again meets itself.
    pub order_id: uuid::Uuid,
    /// Who bought; opaque to ordering.
    pub customer_id: String,
    /// Where the order stands in the system that took it; unique there.
    pub source: String,
    /// The day it was ordered there.
    pub ordered_on: i32,
    /// Units bought, at least 1.
    pub quantity: i32,
    /// What was paid in all; may be 0.
    pub total: Money,
}

/// The parcel has left.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct ShipOrder {
    /// The order that was shipped.
    pub order_id: uuid::Uuid,
}

/// The messages of `ordering.order`.
pub mod order {
    /// What can be asked of a `ordering.order`.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Command {
        /// Call an order off before it is shipped.
        CancelOrder(super::CancelOrder),
        /// The order is paid: it shall no longer be called off.
        ConfirmOrder(super::ConfirmOrder),
        /// A customer wants to buy these lines.
        PlaceOrder(super::PlaceOrder),
        /// Take over an order that was completed elsewhere, as a migration does.
        RecordPastOrder(super::RecordPastOrder),
        /// The parcel has left.
        ShipOrder(super::ShipOrder),
    }
    impl factline::Messages for Command {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "ordering.CancelOrder",
                json: r##"{"aggregate":"ordering.order","doc":"Call an order off before it is shipped.","fields":[{"doc":"The order to cancel.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Why, in the words of whoever cancels.","name":"reason","personal":true,"type":"string"}],"name":"CancelOrder","namespace":"ordering","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "ordering.ConfirmOrder",
                json: r##"{"aggregate":"ordering.order","doc":"The order is paid: it shall no longer be called off.","fields":[{"doc":"The order to confirm.","name":"order_id","type":{"logicalType":"uuid","type":"string"}}],"name":"ConfirmOrder","namespace":"ordering","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "ordering.PlaceOrder",
                json: r##"{"aggregate":"ordering.order","doc":"A customer wants to buy these lines.","fields":[{"doc":"The order to place; chosen by the edge if the client names none.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Who buys; opaque to ordering.","name":"customer_id","personal":true,"type":"string"},{"doc":"What is bought, at least one line, all in one currency.","name":"lines","type":{"items":{"doc":"Some units of one product, with its name and price as they were when the order was placed.","fields":[{"doc":"The product; opaque to ordering.","name":"product_id","type":"string"},{"doc":"The product's name at that time.","name":"name","type":"string"},{"doc":"The price of one unit at that time; may be 0.","name":"unit_price","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"Units bought, at least 1.","name":"quantity","type":"int"}],"name":"Line","namespace":"ordering","type":"record"},"type":"array"}}],"name":"PlaceOrder","namespace":"ordering","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "ordering.RecordPastOrder",
                json: r##"{"aggregate":"ordering.order","doc":"Take over an order that was completed elsewhere, as a migration does.","fields":[{"doc":"Derived from the source, so that recording the same order again meets itself.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Who bought; opaque to ordering.","name":"customer_id","personal":true,"type":"string"},{"doc":"Where the order stands in the system that took it; unique there.","name":"source","type":"string"},{"doc":"The day it was ordered there.","name":"ordered_on","type":{"logicalType":"date","type":"int"}},{"doc":"Units bought, at least 1.","name":"quantity","type":"int"},{"doc":"What was paid in all; may be 0.","name":"total","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"RecordPastOrder","namespace":"ordering","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "ordering.ShipOrder",
                json: r##"{"aggregate":"ordering.order","doc":"The parcel has left.","fields":[{"doc":"The order that was shipped.","name":"order_id","type":{"logicalType":"uuid","type":"string"}}],"name":"ShipOrder","namespace":"ordering","role":"command","type":"record"}"##,
            },
        ];
        fn record(&self) -> &'static str {
            match self {
                Self::CancelOrder(_) => "ordering.CancelOrder",
                Self::ConfirmOrder(_) => "ordering.ConfirmOrder",
                Self::PlaceOrder(_) => "ordering.PlaceOrder",
                Self::RecordPastOrder(_) => "ordering.RecordPastOrder",
                Self::ShipOrder(_) => "ordering.ShipOrder",
            }
        }
        fn encode(&self, codec: &factline::avro::Codec) -> Result<Vec<u8>, factline::avro::Error> {
            match self {
                Self::CancelOrder(record) => codec.encode(record),
                Self::ConfirmOrder(record) => codec.encode(record),
                Self::PlaceOrder(record) => codec.encode(record),
                Self::RecordPastOrder(record) => codec.encode(record),
                Self::ShipOrder(record) => codec.encode(record),
            }
        }
        fn decode(
            record: &str,
            codec: &factline::avro::Codec,
            datum: &[u8],
        ) -> Result<Self, factline::avro::Error> {
            match record {
                "ordering.CancelOrder" => codec.decode(datum).map(Self::CancelOrder),
                "ordering.ConfirmOrder" => codec.decode(datum).map(Self::ConfirmOrder),
                "ordering.PlaceOrder" => codec.decode(datum).map(Self::PlaceOrder),
                "ordering.RecordPastOrder" => codec.decode(datum).map(Self::RecordPastOrder),
                "ordering.ShipOrder" => codec.decode(datum).map(Self::ShipOrder),
                _ => Err(factline::avro::Error::UnknownRecord {
                    record: record.to_owned(),
                }),
            }
        }
    }
    impl From<super::CancelOrder> for Command {
        fn from(record: super::CancelOrder) -> Self {
            Self::CancelOrder(record)
        }
    }
    impl From<super::ConfirmOrder> for Command {
        fn from(record: super::ConfirmOrder) -> Self {
            Self::ConfirmOrder(record)
        }
    }
    impl From<super::PlaceOrder> for Command {
        fn from(record: super::PlaceOrder) -> Self {
            Self::PlaceOrder(record)
        }
    }
    impl From<super::RecordPastOrder> for Command {
        fn from(record: super::RecordPastOrder) -> Self {
            Self::RecordPastOrder(record)
        }
    }
    impl From<super::ShipOrder> for Command {
        fn from(record: super::ShipOrder) -> Self {
            Self::ShipOrder(record)
        }
    }
    /// What can have happened to a `ordering.order`.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// An order was called off. Carries what a sum over orders has to take back.
        OrderCancelled(super::OrderCancelled),
        /// An order was paid. From now on it cannot be called off.
        OrderConfirmed(super::OrderConfirmed),
        /// An order was placed.
        OrderPlaced(super::OrderPlaced),
        /// The parcel has left.
        OrderShipped(super::OrderShipped),
        /// An order that was completed elsewhere was taken over.
        PastOrderRecorded(super::PastOrderRecorded),
    }
    impl factline::Messages for Event {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "ordering.OrderCancelled",
                json: r##"{"aggregate":"ordering.order","doc":"An order was called off. Carries what a sum over orders has to take back.","fields":[{"doc":"The order.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Whose order it was.","name":"customer_id","personal":true,"type":"string"},{"doc":"Why.","name":"reason","personal":true,"type":"string"},{"doc":"Units no longer bought.","name":"units","type":"long"},{"doc":"Money no longer owed.","name":"total","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"OrderCancelled","namespace":"ordering","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "ordering.OrderConfirmed",
                json: r##"{"aggregate":"ordering.order","doc":"An order was paid. From now on it cannot be called off.","fields":[{"doc":"The order.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Whose order it is.","name":"customer_id","personal":true,"type":"string"},{"doc":"The money that it was paid with.","name":"total","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"OrderConfirmed","namespace":"ordering","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "ordering.OrderPlaced",
                json: r##"{"aggregate":"ordering.order","doc":"An order was placed.","fields":[{"doc":"The order.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Who buys.","name":"customer_id","personal":true,"type":"string"},{"doc":"What is bought.","name":"lines","type":{"items":{"doc":"Some units of one product, with its name and price as they were when the order was placed.","fields":[{"doc":"The product; opaque to ordering.","name":"product_id","type":"string"},{"doc":"The product's name at that time.","name":"name","type":"string"},{"doc":"The price of one unit at that time; may be 0.","name":"unit_price","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"Units bought, at least 1.","name":"quantity","type":"int"}],"name":"Line","namespace":"ordering","type":"record"},"type":"array"}},{"doc":"The lines' quantities added up.","name":"units","type":"long"},{"doc":"The lines' prices times quantities added up.","name":"total","type":"money.Money"}],"name":"OrderPlaced","namespace":"ordering","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "ordering.OrderShipped",
                json: r##"{"aggregate":"ordering.order","doc":"The parcel has left.","fields":[{"doc":"The order.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Whose order it was.","name":"customer_id","personal":true,"type":"string"}],"name":"OrderShipped","namespace":"ordering","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "ordering.PastOrderRecorded",
                json: r##"{"aggregate":"ordering.order","doc":"An order that was completed elsewhere was taken over.","fields":[{"doc":"The order.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"Who bought.","name":"customer_id","personal":true,"type":"string"},{"doc":"Where the order stands in the system that took it.","name":"source","type":"string"},{"doc":"The day it was ordered there; the event's own time is when it was recorded here.","name":"ordered_on","type":{"logicalType":"date","type":"int"}},{"doc":"Units bought.","name":"units","type":"long"},{"doc":"What was paid in all.","name":"total","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"PastOrderRecorded","namespace":"ordering","role":"event","type":"record"}"##,
            },
        ];
        fn record(&self) -> &'static str {
            match self {
                Self::OrderCancelled(_) => "ordering.OrderCancelled",
                Self::OrderConfirmed(_) => "ordering.OrderConfirmed",
                Self::OrderPlaced(_) => "ordering.OrderPlaced",
                Self::OrderShipped(_) => "ordering.OrderShipped",
                Self::PastOrderRecorded(_) => "ordering.PastOrderRecorded",
            }
        }
        fn encode(&self, codec: &factline::avro::Codec) -> Result<Vec<u8>, factline::avro::Error> {
            match self {
                Self::OrderCancelled(record) => codec.encode(record),
                Self::OrderConfirmed(record) => codec.encode(record),
                Self::OrderPlaced(record) => codec.encode(record),
                Self::OrderShipped(record) => codec.encode(record),
                Self::PastOrderRecorded(record) => codec.encode(record),
            }
        }
        fn decode(
            record: &str,
            codec: &factline::avro::Codec,
            datum: &[u8],
        ) -> Result<Self, factline::avro::Error> {
            match record {
                "ordering.OrderCancelled" => codec.decode(datum).map(Self::OrderCancelled),
                "ordering.OrderConfirmed" => codec.decode(datum).map(Self::OrderConfirmed),
                "ordering.OrderPlaced" => codec.decode(datum).map(Self::OrderPlaced),
                "ordering.OrderShipped" => codec.decode(datum).map(Self::OrderShipped),
                "ordering.PastOrderRecorded" => codec.decode(datum).map(Self::PastOrderRecorded),
                _ => Err(factline::avro::Error::UnknownRecord {
                    record: record.to_owned(),
                }),
            }
        }
    }
    impl From<super::OrderCancelled> for Event {
        fn from(record: super::OrderCancelled) -> Self {
            Self::OrderCancelled(record)
        }
    }
    impl From<super::OrderConfirmed> for Event {
        fn from(record: super::OrderConfirmed) -> Self {
            Self::OrderConfirmed(record)
        }
    }
    impl From<super::OrderPlaced> for Event {
        fn from(record: super::OrderPlaced) -> Self {
            Self::OrderPlaced(record)
        }
    }
    impl From<super::OrderShipped> for Event {
        fn from(record: super::OrderShipped) -> Self {
            Self::OrderShipped(record)
        }
    }
    impl From<super::PastOrderRecorded> for Event {
        fn from(record: super::PastOrderRecorded) -> Self {
            Self::PastOrderRecorded(record)
        }
    }
}

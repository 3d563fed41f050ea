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

/// Cancels an order before it is confirmed or shipped.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CancelOrder {
    /// The order to cancel.
    pub order_id: uuid::Uuid,
    /// The reason, in the sender's own words.
    pub reason: String,
}

/// Confirms an order that was paid. A confirmed order can no longer be cancelled.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct ConfirmOrder {
    /// The order to confirm.
    pub order_id: uuid::Uuid,
}

/// A quantity of one product, with its name and price at the time of the order.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct Line {
    /// The product; opaque to ordering.
    pub product_id: String,
    /// The name of the product at the time of the order.
    pub name: String,
    /// The price of one unit at the time of the order; may be 0.
    pub unit_price: Money,
    /// The number of units; at least 1.
    pub quantity: i32,
}

/// An order was cancelled. Carries the amounts that a sum over orders has to subtract.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct OrderCancelled {
    /// The order.
    pub order_id: uuid::Uuid,
    /// The customer whose order it is.
    pub customer_id: String,
    /// The reason, in the sender's own words.
    pub reason: String,
    /// The number of units in the cancelled order.
    pub units: i64,
    /// The total price of the cancelled order.
    pub total: Money,
}

/// An order was confirmed, because it was paid. It can no longer be cancelled.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct OrderConfirmed {
    /// The order.
    pub order_id: uuid::Uuid,
    /// The customer whose order it is.
    pub customer_id: String,
    /// The total price of the order, which was paid.
    pub total: Money,
}

/// An order was placed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct OrderPlaced {
    /// The order.
    pub order_id: uuid::Uuid,
    /// The customer who buys.
    pub customer_id: String,
    /// The order lines.
    pub lines: Vec<Line>,
    /// The sum of the quantities of all lines.
    pub units: i64,
    /// The sum of unit price times quantity over all lines.
    pub total: Money,
}

/// An order was shipped.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct OrderShipped {
    /// The order.
    pub order_id: uuid::Uuid,
    /// The customer whose order it is.
    pub customer_id: String,
}

/// An order that was completed in another system was recorded.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PastOrderRecorded {
    /// The order.
    pub order_id: uuid::Uuid,
    /// The customer who bought.
    pub customer_id: String,
    /// The identifier of the order in the system that it comes from.
    pub source: String,
    /// The date of the order in the system that it comes from. The time of the event is the time of recording.
    pub ordered_on: i32,
    /// The number of units.
    pub units: i64,
    /// The total amount paid.
    pub total: Money,
}

/// Places an order for these lines.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PlaceOrder {
    /// The order to place; its id is assigned by the command API if the client gives none.
    pub order_id: uuid::Uuid,
    /// The customer who buys; opaque to ordering.
    pub customer_id: String,
    /// The order lines: at least one, all in the same currency.
    pub lines: Vec<Line>,
}

/// Records an order that was completed in another system, for example during a migration.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct RecordPastOrder {
    /// The order; its id is derived from the source, so that the same order is not recorded twice.
    pub order_id: uuid::Uuid,
    /// The customer who bought; opaque to ordering.
    pub customer_id: String,
    /// The identifier of the order in the system that it comes from; unique there.
    pub source: String,
    /// The date of the order in the system that it comes from.
    pub ordered_on: i32,
    /// The number of units; at least 1.
    pub quantity: i32,
    /// The total amount paid; may be 0.
    pub total: Money,
}

/// Marks an order as shipped.
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
        /// Cancels an order before it is confirmed or shipped.
        CancelOrder(super::CancelOrder),
        /// Confirms an order that was paid. A confirmed order can no longer be cancelled.
        ConfirmOrder(super::ConfirmOrder),
        /// Places an order for these lines.
        PlaceOrder(super::PlaceOrder),
        /// Records an order that was completed in another system, for example during a migration.
        RecordPastOrder(super::RecordPastOrder),
        /// Marks an order as shipped.
        ShipOrder(super::ShipOrder),
    }
    impl factline::Messages for Command {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "ordering.CancelOrder",
                json: r##"{"aggregate":"ordering.order","doc":"Cancels an order before it is confirmed or shipped.","fields":[{"doc":"The order to cancel.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The reason, in the sender's own words.","name":"reason","personal":true,"type":"string"}],"name":"CancelOrder","namespace":"ordering","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "ordering.ConfirmOrder",
                json: r##"{"aggregate":"ordering.order","doc":"Confirms an order that was paid. A confirmed order can no longer be cancelled.","fields":[{"doc":"The order to confirm.","name":"order_id","type":{"logicalType":"uuid","type":"string"}}],"name":"ConfirmOrder","namespace":"ordering","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "ordering.PlaceOrder",
                json: r##"{"aggregate":"ordering.order","doc":"Places an order for these lines.","fields":[{"doc":"The order to place; its id is assigned by the command API if the client gives none.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The customer who buys; opaque to ordering.","name":"customer_id","personal":true,"type":"string"},{"doc":"The order lines: at least one, all in the same currency.","name":"lines","type":{"items":{"doc":"A quantity of one product, with its name and price at the time of the order.","fields":[{"doc":"The product; opaque to ordering.","name":"product_id","type":"string"},{"doc":"The name of the product at the time of the order.","name":"name","type":"string"},{"doc":"The price of one unit at the time of the order; may be 0.","name":"unit_price","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"The number of units; at least 1.","name":"quantity","type":"int"}],"name":"Line","namespace":"ordering","type":"record"},"type":"array"}}],"name":"PlaceOrder","namespace":"ordering","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "ordering.RecordPastOrder",
                json: r##"{"aggregate":"ordering.order","doc":"Records an order that was completed in another system, for example during a migration.","fields":[{"doc":"The order; its id is derived from the source, so that the same order is not recorded twice.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The customer who bought; opaque to ordering.","name":"customer_id","personal":true,"type":"string"},{"doc":"The identifier of the order in the system that it comes from; unique there.","name":"source","type":"string"},{"doc":"The date of the order in the system that it comes from.","name":"ordered_on","type":{"logicalType":"date","type":"int"}},{"doc":"The number of units; at least 1.","name":"quantity","type":"int"},{"doc":"The total amount paid; may be 0.","name":"total","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"RecordPastOrder","namespace":"ordering","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "ordering.ShipOrder",
                json: r##"{"aggregate":"ordering.order","doc":"Marks an order as shipped.","fields":[{"doc":"The order that was shipped.","name":"order_id","type":{"logicalType":"uuid","type":"string"}}],"name":"ShipOrder","namespace":"ordering","role":"command","type":"record"}"##,
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
        /// An order was cancelled. Carries the amounts that a sum over orders has to subtract.
        OrderCancelled(super::OrderCancelled),
        /// An order was confirmed, because it was paid. It can no longer be cancelled.
        OrderConfirmed(super::OrderConfirmed),
        /// An order was placed.
        OrderPlaced(super::OrderPlaced),
        /// An order was shipped.
        OrderShipped(super::OrderShipped),
        /// An order that was completed in another system was recorded.
        PastOrderRecorded(super::PastOrderRecorded),
    }
    impl factline::Messages for Event {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "ordering.OrderCancelled",
                json: r##"{"aggregate":"ordering.order","doc":"An order was cancelled. Carries the amounts that a sum over orders has to subtract.","fields":[{"doc":"The order.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The customer whose order it is.","name":"customer_id","personal":true,"type":"string"},{"doc":"The reason, in the sender's own words.","name":"reason","personal":true,"type":"string"},{"doc":"The number of units in the cancelled order.","name":"units","type":"long"},{"doc":"The total price of the cancelled order.","name":"total","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"OrderCancelled","namespace":"ordering","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "ordering.OrderConfirmed",
                json: r##"{"aggregate":"ordering.order","doc":"An order was confirmed, because it was paid. It can no longer be cancelled.","fields":[{"doc":"The order.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The customer whose order it is.","name":"customer_id","personal":true,"type":"string"},{"doc":"The total price of the order, which was paid.","name":"total","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"OrderConfirmed","namespace":"ordering","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "ordering.OrderPlaced",
                json: r##"{"aggregate":"ordering.order","doc":"An order was placed.","fields":[{"doc":"The order.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The customer who buys.","name":"customer_id","personal":true,"type":"string"},{"doc":"The order lines.","name":"lines","type":{"items":{"doc":"A quantity of one product, with its name and price at the time of the order.","fields":[{"doc":"The product; opaque to ordering.","name":"product_id","type":"string"},{"doc":"The name of the product at the time of the order.","name":"name","type":"string"},{"doc":"The price of one unit at the time of the order; may be 0.","name":"unit_price","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}},{"doc":"The number of units; at least 1.","name":"quantity","type":"int"}],"name":"Line","namespace":"ordering","type":"record"},"type":"array"}},{"doc":"The sum of the quantities of all lines.","name":"units","type":"long"},{"doc":"The sum of unit price times quantity over all lines.","name":"total","type":"money.Money"}],"name":"OrderPlaced","namespace":"ordering","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "ordering.OrderShipped",
                json: r##"{"aggregate":"ordering.order","doc":"An order was shipped.","fields":[{"doc":"The order.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The customer whose order it is.","name":"customer_id","personal":true,"type":"string"}],"name":"OrderShipped","namespace":"ordering","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "ordering.PastOrderRecorded",
                json: r##"{"aggregate":"ordering.order","doc":"An order that was completed in another system was recorded.","fields":[{"doc":"The order.","name":"order_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The customer who bought.","name":"customer_id","personal":true,"type":"string"},{"doc":"The identifier of the order in the system that it comes from.","name":"source","type":"string"},{"doc":"The date of the order in the system that it comes from. The time of the event is the time of recording.","name":"ordered_on","type":{"logicalType":"date","type":"int"}},{"doc":"The number of units.","name":"units","type":"long"},{"doc":"The total amount paid.","name":"total","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"PastOrderRecorded","namespace":"ordering","role":"event","type":"record"}"##,
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

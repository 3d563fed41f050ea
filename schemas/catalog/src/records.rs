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

/// Changes the price of a product.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct ChangePrice {
    /// The product whose price changes.
    pub product_id: uuid::Uuid,
    /// The new price of one unit; may be 0, and may be in another currency.
    pub price: Money,
}

/// Adds a product to the catalogue.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CreateProduct {
    /// The product to create; its id is assigned by the command API if the client gives none.
    pub product_id: uuid::Uuid,
    /// The name of the product; not blank, at most 200 characters.
    pub name: String,
    /// The brand of the product; not blank, at most 200 characters. It never changes.
    pub brand: String,
    /// The price of one unit; may be 0.
    pub price: Money,
}

/// Removes a product from the catalogue permanently.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct DiscontinueProduct {
    /// The product to discontinue.
    pub product_id: uuid::Uuid,
}

/// The price of a product was changed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PriceChanged {
    /// The product.
    pub product_id: uuid::Uuid,
    /// The new price of one unit.
    pub price: Money,
}

/// A product was added to the catalogue.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct ProductCreated {
    /// The product.
    pub product_id: uuid::Uuid,
    /// The name of the product.
    pub name: String,
    /// The brand of the product.
    pub brand: String,
    /// The price of one unit.
    pub price: Money,
}

/// A product was permanently removed from the catalogue.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct ProductDiscontinued {
    /// The product.
    pub product_id: uuid::Uuid,
}

/// A product was renamed.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct ProductRenamed {
    /// The product.
    pub product_id: uuid::Uuid,
    /// The new name of the product.
    pub name: String,
}

/// Renames a product.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct RenameProduct {
    /// The product to rename.
    pub product_id: uuid::Uuid,
    /// The new name of the product; not blank, at most 200 characters.
    pub name: String,
}

/// The messages of `catalog.product`.
pub mod product {
    /// What can be asked of a `catalog.product`.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Command {
        /// Changes the price of a product.
        ChangePrice(super::ChangePrice),
        /// Adds a product to the catalogue.
        CreateProduct(super::CreateProduct),
        /// Removes a product from the catalogue permanently.
        DiscontinueProduct(super::DiscontinueProduct),
        /// Renames a product.
        RenameProduct(super::RenameProduct),
    }
    impl factline::Messages for Command {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "catalog.ChangePrice",
                json: r##"{"aggregate":"catalog.product","doc":"Changes the price of a product.","fields":[{"doc":"The product whose price changes.","name":"product_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The new price of one unit; may be 0, and may be in another currency.","name":"price","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"ChangePrice","namespace":"catalog","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "catalog.CreateProduct",
                json: r##"{"aggregate":"catalog.product","doc":"Adds a product to the catalogue.","fields":[{"doc":"The product to create; its id is assigned by the command API if the client gives none.","name":"product_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The name of the product; not blank, at most 200 characters.","name":"name","type":"string"},{"doc":"The brand of the product; not blank, at most 200 characters. It never changes.","name":"brand","type":"string"},{"doc":"The price of one unit; may be 0.","name":"price","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"CreateProduct","namespace":"catalog","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "catalog.DiscontinueProduct",
                json: r##"{"aggregate":"catalog.product","doc":"Removes a product from the catalogue permanently.","fields":[{"doc":"The product to discontinue.","name":"product_id","type":{"logicalType":"uuid","type":"string"}}],"name":"DiscontinueProduct","namespace":"catalog","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "catalog.RenameProduct",
                json: r##"{"aggregate":"catalog.product","doc":"Renames a product.","fields":[{"doc":"The product to rename.","name":"product_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The new name of the product; not blank, at most 200 characters.","name":"name","type":"string"}],"name":"RenameProduct","namespace":"catalog","role":"command","type":"record"}"##,
            },
        ];
        fn record(&self) -> &'static str {
            match self {
                Self::ChangePrice(_) => "catalog.ChangePrice",
                Self::CreateProduct(_) => "catalog.CreateProduct",
                Self::DiscontinueProduct(_) => "catalog.DiscontinueProduct",
                Self::RenameProduct(_) => "catalog.RenameProduct",
            }
        }
        fn encode(&self, codec: &factline::avro::Codec) -> Result<Vec<u8>, factline::avro::Error> {
            match self {
                Self::ChangePrice(record) => codec.encode(record),
                Self::CreateProduct(record) => codec.encode(record),
                Self::DiscontinueProduct(record) => codec.encode(record),
                Self::RenameProduct(record) => codec.encode(record),
            }
        }
        fn decode(
            record: &str,
            codec: &factline::avro::Codec,
            datum: &[u8],
        ) -> Result<Self, factline::avro::Error> {
            match record {
                "catalog.ChangePrice" => codec.decode(datum).map(Self::ChangePrice),
                "catalog.CreateProduct" => codec.decode(datum).map(Self::CreateProduct),
                "catalog.DiscontinueProduct" => codec.decode(datum).map(Self::DiscontinueProduct),
                "catalog.RenameProduct" => codec.decode(datum).map(Self::RenameProduct),
                _ => Err(factline::avro::Error::UnknownRecord {
                    record: record.to_owned(),
                }),
            }
        }
    }
    impl From<super::ChangePrice> for Command {
        fn from(record: super::ChangePrice) -> Self {
            Self::ChangePrice(record)
        }
    }
    impl From<super::CreateProduct> for Command {
        fn from(record: super::CreateProduct) -> Self {
            Self::CreateProduct(record)
        }
    }
    impl From<super::DiscontinueProduct> for Command {
        fn from(record: super::DiscontinueProduct) -> Self {
            Self::DiscontinueProduct(record)
        }
    }
    impl From<super::RenameProduct> for Command {
        fn from(record: super::RenameProduct) -> Self {
            Self::RenameProduct(record)
        }
    }
    /// What can have happened to a `catalog.product`.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// The price of a product was changed.
        PriceChanged(super::PriceChanged),
        /// A product was added to the catalogue.
        ProductCreated(super::ProductCreated),
        /// A product was permanently removed from the catalogue.
        ProductDiscontinued(super::ProductDiscontinued),
        /// A product was renamed.
        ProductRenamed(super::ProductRenamed),
    }
    impl factline::Messages for Event {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "catalog.PriceChanged",
                json: r##"{"aggregate":"catalog.product","doc":"The price of a product was changed.","fields":[{"doc":"The product.","name":"product_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The new price of one unit.","name":"price","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"PriceChanged","namespace":"catalog","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "catalog.ProductCreated",
                json: r##"{"aggregate":"catalog.product","doc":"A product was added to the catalogue.","fields":[{"doc":"The product.","name":"product_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The name of the product.","name":"name","type":"string"},{"doc":"The brand of the product.","name":"brand","type":"string"},{"doc":"The price of one unit.","name":"price","type":{"doc":"An amount of money in the minor units of its currency: 29.33 US dollars are amount 2933 and currency USD.","fields":[{"doc":"The amount in minor units, such as cents; may be negative.","name":"amount","type":"long"},{"doc":"The ISO 4217 code of the currency: three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"ProductCreated","namespace":"catalog","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "catalog.ProductDiscontinued",
                json: r##"{"aggregate":"catalog.product","doc":"A product was permanently removed from the catalogue.","fields":[{"doc":"The product.","name":"product_id","type":{"logicalType":"uuid","type":"string"}}],"name":"ProductDiscontinued","namespace":"catalog","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "catalog.ProductRenamed",
                json: r##"{"aggregate":"catalog.product","doc":"A product was renamed.","fields":[{"doc":"The product.","name":"product_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The new name of the product.","name":"name","type":"string"}],"name":"ProductRenamed","namespace":"catalog","role":"event","type":"record"}"##,
            },
        ];
        fn record(&self) -> &'static str {
            match self {
                Self::PriceChanged(_) => "catalog.PriceChanged",
                Self::ProductCreated(_) => "catalog.ProductCreated",
                Self::ProductDiscontinued(_) => "catalog.ProductDiscontinued",
                Self::ProductRenamed(_) => "catalog.ProductRenamed",
            }
        }
        fn encode(&self, codec: &factline::avro::Codec) -> Result<Vec<u8>, factline::avro::Error> {
            match self {
                Self::PriceChanged(record) => codec.encode(record),
                Self::ProductCreated(record) => codec.encode(record),
                Self::ProductDiscontinued(record) => codec.encode(record),
                Self::ProductRenamed(record) => codec.encode(record),
            }
        }
        fn decode(
            record: &str,
            codec: &factline::avro::Codec,
            datum: &[u8],
        ) -> Result<Self, factline::avro::Error> {
            match record {
                "catalog.PriceChanged" => codec.decode(datum).map(Self::PriceChanged),
                "catalog.ProductCreated" => codec.decode(datum).map(Self::ProductCreated),
                "catalog.ProductDiscontinued" => codec.decode(datum).map(Self::ProductDiscontinued),
                "catalog.ProductRenamed" => codec.decode(datum).map(Self::ProductRenamed),
                _ => Err(factline::avro::Error::UnknownRecord {
                    record: record.to_owned(),
                }),
            }
        }
    }
    impl From<super::PriceChanged> for Event {
        fn from(record: super::PriceChanged) -> Self {
            Self::PriceChanged(record)
        }
    }
    impl From<super::ProductCreated> for Event {
        fn from(record: super::ProductCreated) -> Self {
            Self::ProductCreated(record)
        }
    }
    impl From<super::ProductDiscontinued> for Event {
        fn from(record: super::ProductDiscontinued) -> Self {
            Self::ProductDiscontinued(record)
        }
    }
    impl From<super::ProductRenamed> for Event {
        fn from(record: super::ProductRenamed) -> Self {
            Self::ProductRenamed(record)
        }
    }
}

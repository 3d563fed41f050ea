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

/// Ask another price for a product.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct ChangePrice {
    /// The product whose price changes.
    pub product_id: uuid::Uuid,
    /// The price of one unit from now on; may be 0, and in another currency.
    pub price: Money,
}

/// Take a product into the catalogue.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct CreateProduct {
    /// The product to create; chosen by the edge if the client names none.
    pub product_id: uuid::Uuid,
    /// What it is called; not blank, 200 characters at most.
    pub name: String,
    /// Whose brand it is; not blank, 200 characters at most, never changed.
    pub brand: String,
    /// The price of one unit; may be 0.
    pub price: Money,
}

/// Take a product out of the catalogue, for good.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct DiscontinueProduct {
    /// The product to discontinue.
    pub product_id: uuid::Uuid,
}

/// A product has another price.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct PriceChanged {
    /// The product.
    pub product_id: uuid::Uuid,
    /// The price of one unit now.
    pub price: Money,
}

/// A product was taken into the catalogue.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct ProductCreated {
    /// The product.
    pub product_id: uuid::Uuid,
    /// What it is called.
    pub name: String,
    /// Whose brand it is.
    pub brand: String,
    /// The price of one unit.
    pub price: Money,
}

/// A product was taken out of the catalogue.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct ProductDiscontinued {
    /// The product.
    pub product_id: uuid::Uuid,
}

/// A product is called something else.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct ProductRenamed {
    /// The product.
    pub product_id: uuid::Uuid,
    /// What it is called now.
    pub name: String,
}

/// Call a product something else.
#[derive(Debug, PartialEq, Eq, Clone, serde::Deserialize, serde::Serialize)]
pub struct RenameProduct {
    /// The product to rename.
    pub product_id: uuid::Uuid,
    /// What it is called from now on; not blank, 200 characters at most.
    pub name: String,
}

/// The messages of `catalog.product`.
pub mod product {
    /// What can be asked of a `catalog.product`.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Command {
        /// Ask another price for a product.
        ChangePrice(super::ChangePrice),
        /// Take a product into the catalogue.
        CreateProduct(super::CreateProduct),
        /// Take a product out of the catalogue, for good.
        DiscontinueProduct(super::DiscontinueProduct),
        /// Call a product something else.
        RenameProduct(super::RenameProduct),
    }
    impl factline::Messages for Command {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "catalog.ChangePrice",
                json: r##"{"aggregate":"catalog.product","doc":"Ask another price for a product.","fields":[{"doc":"The product whose price changes.","name":"product_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The price of one unit from now on; may be 0, and in another currency.","name":"price","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"ChangePrice","namespace":"catalog","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "catalog.CreateProduct",
                json: r##"{"aggregate":"catalog.product","doc":"Take a product into the catalogue.","fields":[{"doc":"The product to create; chosen by the edge if the client names none.","name":"product_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What it is called; not blank, 200 characters at most.","name":"name","type":"string"},{"doc":"Whose brand it is; not blank, 200 characters at most, never changed.","name":"brand","type":"string"},{"doc":"The price of one unit; may be 0.","name":"price","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"CreateProduct","namespace":"catalog","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "catalog.DiscontinueProduct",
                json: r##"{"aggregate":"catalog.product","doc":"Take a product out of the catalogue, for good.","fields":[{"doc":"The product to discontinue.","name":"product_id","type":{"logicalType":"uuid","type":"string"}}],"name":"DiscontinueProduct","namespace":"catalog","role":"command","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "catalog.RenameProduct",
                json: r##"{"aggregate":"catalog.product","doc":"Call a product something else.","fields":[{"doc":"The product to rename.","name":"product_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What it is called from now on; not blank, 200 characters at most.","name":"name","type":"string"}],"name":"RenameProduct","namespace":"catalog","role":"command","type":"record"}"##,
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
        /// A product has another price.
        PriceChanged(super::PriceChanged),
        /// A product was taken into the catalogue.
        ProductCreated(super::ProductCreated),
        /// A product was taken out of the catalogue.
        ProductDiscontinued(super::ProductDiscontinued),
        /// A product is called something else.
        ProductRenamed(super::ProductRenamed),
    }
    impl factline::Messages for Event {
        const RECORDS: &'static [factline::RecordSchema] = &[
            factline::RecordSchema {
                name: "catalog.PriceChanged",
                json: r##"{"aggregate":"catalog.product","doc":"A product has another price.","fields":[{"doc":"The product.","name":"product_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"The price of one unit now.","name":"price","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"PriceChanged","namespace":"catalog","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "catalog.ProductCreated",
                json: r##"{"aggregate":"catalog.product","doc":"A product was taken into the catalogue.","fields":[{"doc":"The product.","name":"product_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What it is called.","name":"name","type":"string"},{"doc":"Whose brand it is.","name":"brand","type":"string"},{"doc":"The price of one unit.","name":"price","type":{"doc":"An amount of money in the minor units of its currency: 29.33 dollars are 2933 USD.","fields":[{"doc":"Minor units (cents), may be negative.","name":"amount","type":"long"},{"doc":"ISO 4217 code, three capital letters.","name":"currency","type":"string"}],"name":"Money","namespace":"money","type":"record"}}],"name":"ProductCreated","namespace":"catalog","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "catalog.ProductDiscontinued",
                json: r##"{"aggregate":"catalog.product","doc":"A product was taken out of the catalogue.","fields":[{"doc":"The product.","name":"product_id","type":{"logicalType":"uuid","type":"string"}}],"name":"ProductDiscontinued","namespace":"catalog","role":"event","type":"record"}"##,
            },
            factline::RecordSchema {
                name: "catalog.ProductRenamed",
                json: r##"{"aggregate":"catalog.product","doc":"A product is called something else.","fields":[{"doc":"The product.","name":"product_id","type":{"logicalType":"uuid","type":"string"}},{"doc":"What it is called now.","name":"name","type":"string"}],"name":"ProductRenamed","namespace":"catalog","role":"event","type":"record"}"##,
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

use std::sync::Arc;

use apache_avro::Schema;
use factline::avro::Codec;
use factline::{Contract, RecordSchema};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::*;
use crate::routes::{self, Route};

const ID: &str = "0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67";

const PURCHASE: &str = r#"{"type": "record", "name": "a.Purchase", "fields": [
    {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "buyer", "type": "string", "personal": true},
    {"name": "source", "type": "string"},
    {"name": "bought_on", "type": {"type": "int", "logicalType": "date"}},
    {"name": "quantity", "type": "int"},
    {"name": "total", "type": {"type": "record", "name": "a.Money", "fields": [
        {"name": "amount", "type": "long"}, {"name": "currency", "type": "string"}]}}
]}"#;

const BASKET: &str = r#"{"type": "record", "name": "a.Basket", "fields": [
    {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "buyer", "type": "string", "personal": true},
    {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "a.Line", "fields": [
        {"name": "product", "type": "string"},
        {"name": "name", "type": "string"},
        {"name": "price", "type": {"type": "record", "name": "a.Money", "fields": [
            {"name": "amount", "type": "long"}, {"name": "currency", "type": "string"}]}},
        {"name": "quantity", "type": "int"}]}}}
]}"#;

const CONTRACT: &Contract = &Contract {
    aggregate: "a.shop",
    partitions: 1,
    commands: &[
        RecordSchema {
            name: "a.Purchase",
            json: PURCHASE,
        },
        RecordSchema {
            name: "a.Basket",
            json: BASKET,
        },
    ],
    events: &[],
    routes: r#"{"aggregate": "a.shop", "resource": "shops/{id}", "routes": [
        {"method": "POST", "path": "/purchases", "command": "a.Purchase",
         "id": {"from": "body_or_new", "field": "id"}},
        {"method": "POST", "path": "/baskets", "command": "a.Basket",
         "id": {"from": "body_or_new", "field": "id"}}]}"#,
};

#[derive(Debug, Deserialize)]
struct Purchase {
    id: Uuid,
    bought_on: i32,
    quantity: i32,
    total: Money,
}

#[derive(Debug, Serialize, Deserialize)]
struct Basket {
    id: Uuid,
    buyer: String,
    lines: Vec<Line>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    product: String,
    name: String,
    price: Money,
    quantity: i32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Money {
    amount: i64,
    currency: String,
}

fn route(record: &str) -> Arc<Route> {
    let mut routes = routes::read(CONTRACT).unwrap().into_iter();
    routes.find(|route| route.record == record).unwrap()
}

fn read(body_schema: &BodySchema, body: &Json) -> Result<Avro, Vec<String>> {
    let object = body.as_object().expect("an object");
    record(body_schema, object).map_err(|errors| {
        let pointers = errors.into_iter().filter_map(|error| error.pointer);
        pointers.collect()
    })
}

fn decode<T: serde::de::DeserializeOwned>(route: &Route, value: Avro) -> T {
    let schema = CONTRACT.commands.iter().find(|it| it.name == route.record);
    let codec = Codec::parse(schema.unwrap().json).unwrap();
    codec.decode(&route.encode(value).unwrap()).unwrap()
}

fn purchase() -> Json {
    json!({
        "id": ID, "buyer": "c-1", "source": "list:1", "bought_on": "1997-01-31",
        "quantity": 2, "total": {"amount": 2933, "currency": "USD"},
    })
}

#[test]
fn valid_body_becomes_the_command() {
    let route = route("a.Purchase");
    let value = read(&route.body_schema, &purchase()).unwrap();
    let command: Purchase = decode(&route, value);
    assert_eq!(command.id.to_string(), ID);
    // 27 years of 365 days, 7 leap days, 30 days.
    assert_eq!(command.bought_on, 27 * 365 + 7 + 30);
    assert_eq!((command.quantity, command.total.amount), (2, 2933));
}

#[test]
fn invalid_fields_are_all_named_at_once() {
    let place = route("a.Basket");
    let body = json!({
        "id": "7", "buyer": 7, "colour": "red", "~/": 1,
        "lines": [
            {"product": "p", "name": "n", "price": {"amount": 1.5}, "quantity": 2_147_483_648_u32},
            "a line",
            {"product": "p", "name": "n", "price": null, "quantity": 1, "size": "L"},
        ],
    });
    assert_eq!(
        read(&place.body_schema, &body).unwrap_err(),
        [
            "/id",
            "/buyer",
            "/lines/0/price/amount",
            "/lines/0/price/currency",
            "/lines/0/quantity",
            "/lines/1",
            "/lines/2/price",
            "/lines/2/size",
            "/colour",
            "/~0~1",
        ]
    );
}

#[test]
fn invalid_value_is_one_error() {
    let record = route("a.Purchase");
    let long = "é".repeat(MAX_CHARACTERS + 1);
    let cases = [
        ("/id", json!(ID.replace('-', ""))),
        ("/id", json!(format!("{{{ID}}}"))),
        ("/id", json!(null)),
        ("/buyer", json!(long)),
        ("/buyer", json!("$enc:v1:abc")),
        ("/source", json!("a\u{0}b")),
        ("/source", json!("a\u{1f}b")),
        ("/source", json!(["list:1"])),
        ("/bought_on", json!("1997-02-29")),
        ("/bought_on", json!("1997-1-31")),
        ("/bought_on", json!("1997- 1-31")),
        ("/bought_on", json!("1997-01- 1")),
        ("/bought_on", json!("+1997-01-31")),
        ("/bought_on", json!("19970131")),
        ("/bought_on", json!("1997-01-31T00:00:00Z")),
        ("/bought_on", json!(9892)),
        ("/quantity", json!("2")),
        ("/quantity", json!(2.5)),
        ("/quantity", json!(2_147_483_648.0)),
        // The parser makes this of -9223372036854775809.
        ("/total/amount", json!(-9_223_372_036_854_775_808.0)),
        ("/total/amount", json!(9_223_372_036_854_775_808.0)),
        ("/quantity", json!(-2_147_483_649_i64)),
        ("/total", json!(29.33)),
    ];
    for (pointer, bad) in cases {
        let mut body = purchase();
        *body.pointer_mut(pointer).unwrap() = bad.clone();
        assert_eq!(
            read(&record.body_schema, &body),
            Err(vec![pointer.to_owned()]),
            "{bad}"
        );
    }
}

#[test]
fn values_for_the_domain_to_judge_are_accepted() {
    let record = route("a.Purchase");
    let cases = [
        ("/buyer", json!("")),
        ("/buyer", json!("é".repeat(MAX_CHARACTERS))),
        // The source is not personal, so the prefix of the encrypted form is not reserved there.
        ("/source", json!("$enc:")),
        ("/quantity", json!(-1)),
        ("/quantity", json!(2.0)),
        ("/total/amount", json!(1e15)),
        ("/total/amount", json!(i64::MIN)),
        ("/total/currency", json!("dollars\n")),
        ("/bought_on", json!("0000-01-01")),
        ("/bought_on", json!("9999-12-31")),
    ];
    for (pointer, odd) in cases {
        let mut body = purchase();
        *body.pointer_mut(pointer).unwrap() = odd.clone();
        assert!(read(&record.body_schema, &body).is_ok(), "{pointer} {odd}");
    }
}

/// A field of every supported type.
const EVERYTHING: &str = r#"{"type": "record", "name": "a.Everything", "fields": [
    {"name": "boolean", "type": "boolean"},
    {"name": "int", "type": "int", "default": 7},
    {"name": "long", "type": "long"},
    {"name": "float", "type": "float"},
    {"name": "double", "type": "double"},
    {"name": "text", "type": "string", "personal": true},
    {"name": "uuid", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "date", "type": {"type": "int", "logicalType": "date"}},
    {"name": "millis", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "micros", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "kind", "type": {"type": "enum", "name": "a.Kind", "symbols": ["one", "two"]}},
    {"name": "list", "type": {"type": "array", "items": "a.Kind"}},
    {"name": "map", "type": {"type": "map", "values": "long"}},
    {"name": "maybe", "type": ["null", "string"], "default": null},
    {"name": "either", "type": ["int", "null"]}
]}"#;

fn everything() -> Json {
    json!({
        "boolean": true, "int": 1, "long": 2, "float": 1.5, "double": 2, "text": "t", "uuid": ID,
        "date": "2026-01-01", "millis": "2026-01-01T01:00:00.5+01:00", "micros": "2026-01-01T00:00:00.000001Z",
        "kind": "two", "list": ["one"], "map": {"k": 1}, "maybe": "m", "either": null,
    })
}

#[test]
fn supported_types_are_all_converted() {
    let schema = Schema::parse_str(EVERYTHING).unwrap();
    let body_schema = BodySchema::of(&schema).unwrap();
    let mut body = everything();
    let full = read(&body_schema, &body).unwrap();
    assert!(full.validate(&schema));
    let object = body.as_object_mut().unwrap();
    object.remove("int");
    object.remove("maybe");
    let value = read(&body_schema, &body).unwrap();
    assert!(value.validate(&schema));
    let Avro::Record(fields) = value else {
        panic!("not a record")
    };
    let field = |name: &str| {
        let found = fields.iter().find(|(known, _)| known == name);
        found.unwrap().1.clone()
    };
    assert_eq!(field("int"), Avro::Int(7));
    assert_eq!(field("maybe"), Avro::Union(0, Box::new(Avro::Null)));
    assert_eq!(field("either"), Avro::Union(1, Box::new(Avro::Null)));
    assert_eq!(field("millis"), Avro::TimestampMillis(1_767_225_600_500));
    assert_eq!(
        field("micros"),
        Avro::TimestampMicros(1_767_225_600_000_001)
    );
}

#[test]
fn invalid_value_of_every_type_is_named() {
    let body_schema = BodySchema::of(&Schema::parse_str(EVERYTHING).unwrap()).unwrap();
    let mut body = everything();
    for (_, value) in body.as_object_mut().unwrap() {
        *value = json!({"": []});
    }
    body["float"] = json!(1e300);
    let pointers = read(&body_schema, &body).unwrap_err();
    assert_eq!(pointers.len(), 15, "{pointers:?}");
    assert!(pointers.contains(&"/map/".to_owned()));
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}".prop_map(Json::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,12})?(Z|[+-][0-9]{2}:[0-9]{2})"
            .prop_map(Json::from),
        any::<u128>().prop_map(|bits| Uuid::from_u128(bits).to_string().into()),
        Just(json!("one")),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            proptest::collection::hash_map("[a-z]{0,3}", inner, 0..6)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Any value in any field causes no panic, and an accepted value matches the schema.
    #[test]
    fn accepted_value_matches_the_schema(replaced in 0_usize..15, value in any_json()) {
        let schema = Schema::parse_str(EVERYTHING).unwrap();
        let body_schema = BodySchema::of(&schema).unwrap();
        let mut body = everything();
        let slot = body.as_object_mut().unwrap().values_mut().nth(replaced);
        *slot.unwrap() = value;
        if let Ok(value) = read(&body_schema, &body) {
            prop_assert!(value.validate(&schema), "{value:?}");
        }
    }

    /// Any text as a body causes no panic, from the bytes to the record.
    #[test]
    fn parsing_and_validation_never_panic(document in any_json()) {
        let text = document.to_string();
        let parsed = crate::json::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(&parsed.value, &serde_json::from_str::<Json>(&text).unwrap());
        if let Json::Object(object) = parsed.value {
            prop_assert!(record(&route("a.Basket").body_schema, &object).is_err());
        }
    }

    /// A valid body is unchanged after encoding and decoding.
    #[test]
    fn accepted_commands_read_back(
        customer in "[a-z0-9-]{0,12}",
        lines in proptest::collection::vec(("[^\\p{C}]{0,8}", any::<i64>(), any::<i32>()), 0..5),
    ) {
        let place = route("a.Basket");
        let json_lines: Vec<Json> = lines.iter().map(|(name, amount, quantity)| json!({
            "product": "p", "name": name, "quantity": quantity,
            "price": {"amount": amount, "currency": "EUR"},
        })).collect();
        let body = json!({"id": ID, "buyer": customer, "lines": json_lines});
        let value = read(&place.body_schema, &body).unwrap();
        let command: Basket = decode(&place, value);
        prop_assert_eq!(serde_json::to_value(&command).unwrap(), body);
    }
}

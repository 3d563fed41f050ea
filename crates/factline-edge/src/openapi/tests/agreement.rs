//! The edge accepts a body exactly if it is valid against the published schema.

use std::cell::Cell;
use std::sync::Arc;

use jsonschema::Validator;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value as Json, json};

use super::{TAG, THING, body, document};
use crate::aggregate_id::IdSources;
use crate::body as request_body;
use crate::openapi::body::id;
use crate::routes::{self, Route};

const ID: &str = "0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67";

/// A route of [`THING`] with the published schema of its bodies.
struct Published {
    route: Arc<Route>,
    validator: Validator,
}

impl Published {
    fn new(path: &str, method: &str) -> Self {
        let document = document(&[THING]).unwrap();
        let mut routes = routes::read(THING).unwrap().into_iter();
        let wanted = |route: &Arc<Route>| {
            route.path == path && route.method.as_str().eq_ignore_ascii_case(method)
        };
        Self {
            route: routes.find(wanted).unwrap(),
            validator: validator(&body(&document, path, method)),
        }
    }

    fn accepts(&self, body: &Json) -> Result<(), Vec<String>> {
        // The edge reads the text, so that its reading of numbers is tested too.
        let Ok((mut object, _)) = request_body::parse(body.to_string().as_bytes()) else {
            return Err(vec!["not an object".to_owned()]);
        };
        let mut errors = Vec::new();
        let sources = IdSources {
            path: self.route.has_path_id().then_some(ID),
            scope: None,
        };
        let read = self
            .route
            .read("a.thing", sources, &mut object, &mut errors);
        match read {
            Some((_, record)) if errors.is_empty() => {
                self.route
                    .encode(record)
                    .expect("a valid record can be encoded");
                Ok(())
            }
            _ => Err(errors
                .into_iter()
                .map(|error| format!("{error:?}"))
                .collect()),
        }
    }

    fn check(&self, body: &Json) -> Result<(), TestCaseError> {
        let (edge, schema) = (self.accepts(body), self.validator.validate(body));
        let same = edge.is_ok() == schema.is_ok();
        prop_assert!(same, "edge: {edge:?}, schema: {schema:?}, body: {body}");
        Ok(())
    }
}

fn validator(schema: &Json) -> Validator {
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(schema)
        .unwrap()
}

/// Texts at the limits of what is a text, a UUID, a date or a time.
const TEXTS: &[&str] = &[
    "",
    "one",
    "two",
    "$enc:",
    "$enc:x",
    "a$enc:",
    "$en",
    "\t\n\r",
    "\u{0}",
    "a\u{1f}b",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    ID,
    "0190A6D2-7C4E-7F3A-8B1D-5E2F9C0A4B67",
    "0190a6d27c4e7f3a8b1d5e2f9c0a4b67",
    "{0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a}",
    "urn:uuid:0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67",
    "0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b6g",
    "0190a6d27-c4e-7f3a-8b1d-5e2f9c0a4b67",
    "1997-01-31",
    "2000-02-29",
    "1900-02-29",
    "2026-13-01",
    "2026-00-01",
    "2026-01-00",
    "0000-01-01",
    "9999-12-31",
    "10000-01-01",
    "+1997-01-31",
    "-001-01-01",
    "1997-1-31",
    "19970131",
    "1997-01-31 ",
    " 1997-01-31",
    "1997/01/31",
    "１９９７-01-31",
    "2026-W01-1",
    "1997-01-31T12:00:00Z",
    "1997-01-31t12:00:00z",
    "1997-01-31 12:00:00Z",
    "1997-01-31_12:00:00Z",
    "1997-01-31T12:00:00",
    "1997-01-31T12:00Z",
    "1997-01-31T24:00:00Z",
    "1997-01-31T23:60:00Z",
    "1998-12-31T23:59:60Z",
    "1998-12-31T23:59:61Z",
    "1998-12-31T12:00:60Z",
    "1998-12-31T15:59:60.123-08:00",
    "1998-12-31T15:58:60-08:00",
    "1990-02-28T23:59:60Z",
    "1997-01-31T12:00:00.Z",
    "1997-01-31T12:00:00,5Z",
    "1997-01-31T12:00:00.1234567890123Z",
    "1997-01-31T12:00:00+00:00",
    "1997-01-31T12:00:00-00:00",
    "1997-01-31T12:00:00+24:00",
    "1997-01-31T12:00:00+23:59",
    "1997-01-31T12:00:00+23:60",
    "1997-01-31T12:00:00+0100",
    "1997-01-31T12:00:00+01",
    "1997-01-31T12:00:00 Z",
    "1997-01-31T12:00:00\u{2212}01:00",
    "0000-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "1997-02-29T00:00:00Z",
    "1997-01-31T1:00:00Z",
    "１997-01-31T12:00:00Z",
];

/// Numbers at the limits of the numeric types. The float -2^63 is missing: it stands for too small
/// integers too, so the edge refuses it.
fn numbers() -> Vec<Json> {
    let mut numbers = vec![
        json!(u64::MAX),
        json!(2_147_483_648_i64),
        json!(-2_147_483_649_i64),
    ];
    for float in [
        0.0,
        -0.0,
        1.0,
        2.0,
        1.5,
        -1.5,
        1e3,
        2_147_483_647.0,
        2_147_483_648.0,
        1e15,
        9_007_199_254_740_993.0,
        9_223_372_036_854_774_784.0,
        9_223_372_036_854_775_808.0,
        -9.3e18,
        1e19,
        1e300,
        5e-324,
        3.402_823_466_385_288_6e38,
        3.402_823_567_797_336_6e38,
        3.402_823_567_797_336e38,
        -3.402_823_567_797_336_6e38,
        f64::MAX,
    ] {
        numbers.push(json!(float));
    }
    for whole in [
        i64::MIN,
        i64::MAX,
        0,
        1,
        -1,
        i32::MIN.into(),
        i32::MAX.into(),
    ] {
        numbers.push(json!(whole));
    }
    numbers
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<f32>().prop_map(Json::from),
        select(numbers()),
        any::<String>().prop_map(Json::from),
        select(TEXTS).prop_map(Json::from),
        "[0-9]{4}-[01][0-9]-[0-3][0-9]".prop_map(Json::from),
        "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,12})?([Zz]|[+-][0-2][0-9]:[0-6][0-9])"
            .prop_map(Json::from),
        "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{11,13}".prop_map(Json::from),
        (999_usize..1002, select(&["a", "é", "\u{1f600}"])).prop_map(|(count, text)| text.repeat(count).into()),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            proptest::collection::hash_map("[a-z]{0,3}|price|amount|note", inner, 0..4)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn valid_text() -> impl Strategy<Value = String> {
    "[^\\p{Cc}$]{0,12}"
}

fn time() -> impl Strategy<Value = String> {
    "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
}

/// Bodies of `a.Everything` that are valid without the id.
fn valid() -> impl Strategy<Value = Json> {
    let kind = || select(&["one", "two"]);
    let line = (any::<i64>(), valid_text(), proptest::option::of(valid_text())).prop_map(
        |(amount, currency, note)| json!({"price": {"amount": amount, "currency": currency}, "note": note}),
    );
    let scalars = (
        any::<bool>(),
        any::<i32>(),
        any::<i64>(),
        any::<f32>(),
        any::<f64>(),
    );
    let texts = (valid_text(), valid_text(), any::<u128>(), time(), time());
    let rest = (
        proptest::collection::vec(line, 0..3),
        proptest::collection::hash_map("[a-z]{0,3}", any::<i64>(), 0..3),
        kind(),
        proptest::option::of(kind()),
        proptest::option::of(any::<f32>()),
    );
    (scalars, texts, rest).prop_map(|(scalars, texts, rest)| {
        let (boolean, int, long, float, double) = scalars;
        let (text, name, uuid, millis, micros) = texts;
        let (list, map, kind, maybe, either) = rest;
        json!({
            "boolean": boolean, "int": int, "long": long, "float": float, "double": double,
            "text": text, "name": name, "uuid": uuid::Uuid::from_u128(uuid), "date": &millis[..10],
            "millis": millis, "micros": micros, "kind": kind, "list": list, "map": map,
            "maybe": maybe, "either": either,
        })
    })
}

/// A change of one place in a body.
#[derive(Debug, Clone)]
enum Change {
    Replace(Json),
    Remove,
    Insert(String, Json),
}

fn change() -> impl Strategy<Value = Change> {
    let name = prop_oneof![
        "[a-z]{0,3}",
        select(&["id", "int", "price", "note", "\u{0}"]).prop_map(str::to_owned)
    ];
    prop_oneof![
        6 => any_json().prop_map(Change::Replace),
        1 => Just(Change::Remove),
        2 => (name, any_json()).prop_map(|(name, value)| Change::Insert(name, value)),
    ]
}

/// Returns the pointers to all values in a document.
fn places(value: &Json, at: &str, places: &mut Vec<String>) {
    places.push(at.to_owned());
    match value {
        Json::Object(members) => {
            for (name, member) in members {
                self::places(member, &format!("{at}/{name}"), places);
            }
        }
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                self::places(item, &format!("{at}/{index}"), places);
            }
        }
        _ => {}
    }
}

fn apply(body: &mut Json, at: &str, change: Change) {
    let (parent, name) = at.rsplit_once('/').unwrap_or_default();
    match change {
        Change::Replace(value) => {
            if let Some(place) = body.pointer_mut(at) {
                *place = value;
            }
        }
        Change::Remove => {
            if let Some(Json::Object(members)) = body.pointer_mut(parent) {
                members.remove(name);
            }
        }
        Change::Insert(name, value) => {
            if let Some(Json::Object(members)) = body.pointer_mut(at) {
                members.insert(name, value);
            }
        }
    }
}

fn changed(mut body: Json, changes: Vec<(Index, Change)>) -> Json {
    for (place, change) in changes {
        let mut all = Vec::new();
        places(&body, "", &mut all);
        apply(&mut body, place.get::<String>(&all), change);
    }
    body
}

#[test]
fn edge_and_schema_agree_about_generated_bodies() {
    let published = [
        Published::new("/things", "post"),
        Published::new("/things/{id}", "put"),
    ];
    let changes = proptest::collection::vec((any::<Index>(), change()), 0..3);
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(1_500)
    };
    let (accepted, refused) = (Cell::new(0), Cell::new(0));
    TestRunner::new(config)
        .run(&(valid(), changes), |(body, changes)| {
            for published in &published {
                prop_assert_eq!(published.accepts(&body), Ok(()));
            }
            let body = changed(body, changes);
            for published in &published {
                published.check(&body)?;
            }
            let count = match published[0].accepts(&body) {
                Ok(()) => &accepted,
                Err(_) => &refused,
            };
            count.set(count.get() + 1);
            Ok(())
        })
        .unwrap();
    let (accepted, refused) = (accepted.get(), refused.get());
    assert!(
        accepted > 300 && refused > 300,
        "{accepted} accepted, {refused} refused"
    );
}

/// Each odd value at the place of each field.
#[test]
fn edge_and_schema_agree_about_values_at_the_limits() {
    let published = Published::new("/things", "post");
    let base = json!({
        "id": ID, "boolean": true, "int": 1, "long": 1, "float": 1, "double": 1, "text": "", "name": "", "uuid": ID,
        "date": "1997-01-31", "millis": "1997-01-31T12:00:00Z", "micros": "1997-01-31T12:00:00Z", "kind": "one",
        "list": [], "map": {}, "maybe": null, "either": null,
    });
    published.accepts(&base).unwrap();
    let texts = TEXTS.iter().map(|text| json!(text));
    let mut differences = Vec::new();
    for value in texts
        .chain(numbers())
        .chain([json!(null), json!(true), json!([]), json!({})])
    {
        for field in base.as_object().unwrap().keys() {
            let mut body = base.clone();
            body[field] = value.clone();
            if let Err(difference) = published.check(&body) {
                differences.push(format!("{field} {value}: {difference}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn edge_and_schema_agree_about_ids() {
    let route = routes::read(TAG).unwrap().remove(0);
    let tag = validator(&serde_json::to_value(id(&route.id_format)).unwrap());
    let thing = routes::read(THING).unwrap().remove(0);
    let uuid = validator(&serde_json::to_value(id(&thing.id_format)).unwrap());
    for text in TEXTS
        .iter()
        .copied()
        .chain(["ab", "abcd", "abcde", "a", "Ab", "ab\n", "a b"])
    {
        assert_eq!(
            route.id_format.read(text).is_ok(),
            tag.is_valid(&json!(text)),
            "{text:?}"
        );
        assert_eq!(
            thing.id_format.read(text).is_ok(),
            uuid.is_valid(&json!(text)),
            "{text:?}"
        );
    }
}

#[test]
fn edge_and_schema_agree_about_derived_ids() {
    let published = Published::new("/records", "post");
    for body in [
        json!({"source": "a"}),
        json!({"source": ""}),
        json!({"source": 7}),
        json!({}),
        json!({"source": "a", "id": ID}),
        Json::Object(Map::new()),
    ] {
        published.check(&body).unwrap();
    }
}

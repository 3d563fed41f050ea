//! Operations of the document, one for each route.

use std::collections::BTreeSet;

use factline_http::Problem;
use factline_http::openapi::headers::{
    CACHE_CONTROL, ETAG, PARKED_KEYS, PARKED_SINCE, READ, ResponseHeader,
};
use factline_http::openapi::{Document, parameters as shared};
use utoipa::openapi::path::OperationBuilder;
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Content, Ref, ResponseBuilder};

use crate::declare;
use crate::parked::parked;
use crate::path;
use crate::read_your_writes::{HALTED_AT, STATE, behind, other_topic, unavailable};
use crate::serve::{ByHand, Item, List};
use crate::tokens::{BEHIND, HALTED, REBUILDING};

use super::parameters;

/// Operations that are being described, with the document that has their components.
pub(super) struct Operations<'a> {
    document: &'a mut Document,
    /// The ids that are taken.
    ids: BTreeSet<String>,
}

impl<'a> Operations<'a> {
    pub(super) fn new(document: &'a mut Document) -> Self {
        let ids = BTreeSet::new();
        Self { document, ids }
    }

    /// Describes an item: `getOrder`.
    pub(super) fn item(&mut self, item: &Item) -> OperationBuilder {
        let name = item.id.name;
        let declared = &item.declared;
        let summary = text_or(declared.summary, &format!("One {name}"));
        let id = parameters::id(first_parameter(declared.path), &item.id);
        let schema = self.schema(declared.rows.schema);
        let ids = [format!("get{}", camel(name)), path_id("get", declared.path)];
        let operation = self.operation(name, &summary, ids).parameter(id);
        self.answers(operation, &format!("The {name}."), schema, true)
    }

    /// Describes a list: `listOrders`.
    pub(super) fn list(&mut self, list: &List) -> OperationBuilder {
        let declared = &list.declared;
        let summary = text_or(declared.summary, &format!("A list of {}", list.name));
        let ids = [path_id("list", declared.path)];
        let mut operation = self.operation(list.name, &summary, ids);
        if let Some(within) = &list.within {
            operation = operation.parameter(parameters::id(first_parameter(declared.path), within));
        }
        for filter in &list.filters {
            operation = operation.parameter(parameters::filter(filter));
        }
        operation = operation
            .parameter(parameters::sort(list))
            .parameter(parameters::limit(declared))
            .parameter_ref(self.document.parameter(parameters::after()));
        let row = self.schema(declared.rows.schema);
        let name = format!("{}Page", (declared.rows.schema.name)());
        let page = self.document.schema(&name, page_of(row));
        self.answers(
            operation,
            "A page of the list.",
            page,
            list.within.is_some(),
        )
    }

    /// Describes a route that is written by hand.
    pub(super) fn by_hand(&mut self, route: &ByHand) -> OperationBuilder {
        let declared = &route.declared;
        let summary = text_or(declared.summary, &format!("Data of {}", route.name));
        let ids = [path_id("get", declared.path)];
        let mut operation = self.operation(route.name, &summary, ids);
        let mut has_parameters = false;
        for name in path::parameters(declared.path) {
            operation = operation.parameter(parameters::path(name));
            has_parameters = true;
        }
        let schema = self.schema(declared.schema);
        let operation = self.answers(operation, "The response.", schema, has_parameters);
        (declared.describe)(operation)
    }

    /// Begins an operation with the first id that is not taken.
    fn operation<const N: usize>(
        &mut self,
        tag: &str,
        summary: &str,
        ids: [String; N],
    ) -> OperationBuilder {
        let id = ids.into_iter().find(|id| self.ids.insert(id.clone()));
        OperationBuilder::new()
            .operation_id(id)
            .tag(tag)
            .summary(Some(summary))
            .parameter_ref(self.document.parameter(shared::position()))
    }

    /// Adds the responses. A route with an id in its path has a 404.
    fn answers(
        &mut self,
        operation: OperationBuilder,
        description: &str,
        schema: Ref,
        has_id: bool,
    ) -> OperationBuilder {
        let found = ResponseBuilder::new()
            .description(description)
            .content("application/json", Content::new(Some(schema)));
        let optional = [PARKED_KEYS, PARKED_SINCE].map(ResponseHeader::optional);
        let found = self.document.headers(found, &[ETAG, CACHE_CONTROL, READ]);
        let found = self.document.headers(found, &optional);
        let operation = self.document.tagged(operation, found);
        let mut problems = vec![
            Problem::invalid_request(),
            other_topic(),
            Problem::service_failed(),
        ];
        if has_id {
            problems.push(Problem::not_found(""));
        }
        let operation = self.document.problems(operation, &problems);
        operation.response("503", self.unavailable())
    }

    /// Adds the response of a view that cannot be read, or not at the position.
    fn unavailable(&mut self) -> Ref {
        let text = |description| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some(description))
        };
        let members = ObjectBuilder::new()
            .property(
                STATE,
                text("The reason why the view has not reached the position.")
                    .enum_values(Some([BEHIND, HALTED, REBUILDING])),
            )
            .property(
                HALTED_AT,
                text(
                    "The record before which the view has halted a partition: \
                     `topic/partition@offset`.",
                ),
            );
        let problems = [unavailable(), behind(), parked()];
        let problems = problems.each_ref();
        self.document
            .problem_with("read-unavailable", &problems, members)
    }

    /// Adds a schema with those that it refers to.
    fn schema(&mut self, schema: declare::Schema) -> Ref {
        for (name, schema) in (schema.all)() {
            self.document.schema(&name, schema);
        }
        Ref::from_schema_name((schema.name)())
    }
}

/// Returns the schema of a page of these rows.
fn page_of(row: Ref) -> Object {
    let next = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some(
            "The value of `after` for the next page; null on the last one.",
        ));
    ObjectBuilder::new()
        .property("items", ArrayBuilder::new().items(row))
        .property("next", next)
        .required("items")
        .required("next")
        .build()
}

fn first_parameter(path: &str) -> &str {
    path::parameters(path).next().unwrap_or_default()
}

fn text_or(text: &str, default: &str) -> String {
    if text.is_empty() { default } else { text }.to_owned()
}

/// Returns an id from the words of a path, without its parameters: `listProductsPrices`.
fn path_id(verb: &str, path: &str) -> String {
    let words = path.split('/').filter(|segment| !segment.starts_with('{'));
    words.fold(verb.to_owned(), |id, word| id + &camel(word))
}

fn camel(words: &str) -> String {
    let words = words.split(|letter: char| !letter.is_ascii_alphanumeric());
    let capital = |word: &str| {
        let (first, rest) = word.split_at_checked(1).unwrap_or_default();
        first.to_ascii_uppercase() + rest
    };
    words.map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_words_of_a_path() {
        assert_eq!(
            path_id("list", "/price-lists/{id}/entries"),
            "listPriceListsEntries"
        );
        assert_eq!(camel("price list"), "PriceList");
    }
}

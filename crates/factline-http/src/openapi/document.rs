//! The description of one service, with the components that it uses.

use serde_json::Value;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, Paths};
use utoipa::openapi::schema::{Components, ObjectBuilder, Schema};
use utoipa::openapi::{
    Content, Header, Info, OpenApiBuilder, Ref, RefOr, Response, ResponseBuilder, Server, Tag,
};

use super::headers::{CACHE_CONTROL, ETAG, ResponseHeader};
use super::{parameters, problems};
use crate::Problem;

/// An OpenAPI document that is being built.
///
/// Each method that takes a component returns the reference to it. A component that is added a
/// second time replaces the first, so a name must always have the same content.
#[derive(Clone)]
pub struct Document {
    title: String,
    tags: Vec<Tag>,
    paths: Paths,
    components: Components,
}

impl Document {
    /// Creates a document without operations.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            tags: Vec::new(),
            paths: Paths::new(),
            components: Components::new(),
        }
    }

    /// Adds an operation. The path has its parameters in braces: `/people/{id}`.
    pub fn operation(&mut self, method: HttpMethod, path: &str, operation: OperationBuilder) {
        self.paths.add_path_operation(path, vec![method], operation);
    }

    /// Adds a group of operations, to which they refer by its name.
    pub fn tag(&mut self, name: &str, description: &str) {
        let mut tag = Tag::new(name);
        tag.description = Some(description.to_owned());
        self.tags.push(tag);
    }

    /// Adds a schema.
    pub fn schema(&mut self, name: &str, schema: impl Into<RefOr<Schema>>) -> Ref {
        self.components
            .schemas
            .insert(name.to_owned(), schema.into());
        Ref::from_schema_name(name)
    }

    /// Adds a parameter that several operations have, under its own name.
    pub fn parameter(&mut self, parameter: Parameter) -> Ref {
        let reference = Ref::new(format!("#/components/parameters/{}", parameter.name));
        let name = parameter.name.clone();
        self.components.parameters.insert(name, parameter.into());
        reference
    }

    /// Adds a response that several operations have.
    pub fn response(&mut self, name: &str, response: impl Into<RefOr<Response>>) -> Ref {
        self.components
            .responses
            .insert(name.to_owned(), response.into());
        Ref::from_response_name(name)
    }

    /// Adds these headers to a response, as references to shared ones.
    #[must_use]
    pub fn headers(
        &mut self,
        response: ResponseBuilder,
        headers: &[ResponseHeader],
    ) -> ResponseBuilder {
        headers.iter().fold(response, |response, header| {
            let reference = self.header(header.name, header.build());
            response.header_ref(header.name, reference)
        })
    }

    /// Adds the responses of a read to an operation: 200 with a JSON body and its entity tag, and
    /// 304. Adds the parameter `If-None-Match`.
    #[must_use]
    pub fn tagged_json(
        &mut self,
        operation: OperationBuilder,
        description: &str,
        schema: impl Into<RefOr<Schema>>,
    ) -> OperationBuilder {
        let found = ResponseBuilder::new()
            .description(description)
            .content("application/json", Content::new(Some(schema)));
        let found = self.headers(found, &[ETAG, CACHE_CONTROL]);
        self.tagged(operation, found)
    }

    /// Adds a 200 that the caller describes, and its 304, to an operation. Adds the parameter
    /// `If-None-Match`.
    #[must_use]
    pub fn tagged(
        &mut self,
        operation: OperationBuilder,
        found: impl Into<RefOr<Response>>,
    ) -> OperationBuilder {
        let unchanged = ResponseBuilder::new()
            .description("The client has this representation: its tag is in `If-None-Match`.");
        let unchanged = self.headers(unchanged, &[ETAG, CACHE_CONTROL]);
        let unchanged = self.response("not-modified", unchanged);
        operation
            .parameter_ref(self.parameter(parameters::if_none_match()))
            .response("200", found)
            .response("304", unchanged)
    }

    /// Adds the responses for these problems to an operation, one for each status.
    #[must_use]
    pub fn problems(
        &mut self,
        operation: OperationBuilder,
        problems: &[Problem],
    ) -> OperationBuilder {
        let by_status = problems::by_status(problems);
        by_status.into_iter().fold(operation, |operation, same| {
            let status = same[0].status();
            operation.response(status.as_str(), self.problem(&same))
        })
    }

    /// Adds the response for problems that have one status.
    pub fn problem(&mut self, problems: &[&Problem]) -> Ref {
        self.problem_with(&problems::name(problems), problems, ObjectBuilder::new())
    }

    /// Does the same for problems with members of their own: `members` is an object that has them
    /// as properties. The name is that of the response.
    pub fn problem_with(
        &mut self,
        name: &str,
        problems: &[&Problem],
        members: ObjectBuilder,
    ) -> Ref {
        self.schema(problems::SCHEMA, problems::schema());
        let response = problems::response(problems, members);
        let response = self.headers(response, &problems::headers(problems));
        self.response(name, response)
    }

    /// Returns the document as JSON.
    ///
    /// # Panics
    ///
    /// Never: each map in a document has texts as keys.
    pub fn build(self) -> Value {
        let document = OpenApiBuilder::new()
            .info(Info::new(self.title.as_str(), env!("CARGO_PKG_VERSION")))
            .servers(Some([Server::new("/")]))
            // No operation needs credentials.
            .security(Some([]))
            .tags(Some(self.tags).filter(|tags| !tags.is_empty()))
            .paths(self.paths)
            .components(Some(self.components))
            .build();
        serde_json::to_value(document).expect("a document has only texts as keys")
    }

    fn header(&mut self, name: &str, header: Header) -> Ref {
        self.components
            .headers
            .insert(name.to_owned(), header.into());
        Ref::new(format!("#/components/headers/{name}"))
    }
}

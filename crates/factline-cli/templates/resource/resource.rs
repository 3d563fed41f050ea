const ROWS: Rows = Rows::document::<{Document}>();

/// `GET /{view-}/1`, and `GET /{view-}` page by page.
pub const RESOURCE: Resource = Resource::new("{document words}")
    .items(&[ROWS.item("/{view-}/{id}", Id::text("id", "[A-Za-z0-9-]{1,40}"))])
    .lists(&[ROWS.list("/{view-}", &[BY_ID])]);

const BY_ID: Sort = Sort::by("id", &[asc("id")], &["{view}_pkey"]);


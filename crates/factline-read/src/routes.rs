//! Routes of resources.

use axum::Router;
use factline_http::fallback;
use factline_http::openapi::serving;
use factline_postgres::ConsistentReads;

use crate::checked::Checked;
use crate::declare::Resource;
use crate::misuse::Misuses;
use crate::openapi;

/// Returns the routes of all resources, without a fallback, to be merged with other routes in one
/// process.
pub fn routes(resources: &[Resource], snapshots: ConsistentReads) -> Result<Router, Misuses> {
    Ok(served(Checked::new(resources)?, snapshots))
}

/// Returns the routes of all resources and of their OpenAPI document. Other requests get 404 or
/// 405.
pub fn router(resources: &[Resource], snapshots: ConsistentReads) -> Result<Router, Misuses> {
    let checked = Checked::new(resources)?;
    let document = serving::route(openapi::document(&checked));
    Ok(served(checked, snapshots)
        .merge(document)
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed))
}

fn served(checked: Checked, snapshots: ConsistentReads) -> Router {
    let items = checked.items.into_iter();
    let items = items.map(|item| (item.declared.path, item.route()));
    let lists = checked.lists.into_iter();
    let lists = lists.map(|list| (list.declared.path, list.route()));
    let by_hand = checked.by_hand.iter().map(|route| route.declared);
    let by_hand = by_hand.map(|route| (route.path, (route.route)()));
    let routes = items.chain(lists).chain(by_hand);
    routes
        .fold(Router::new(), |router, (path, route)| {
            router.route(path, route)
        })
        .with_state(snapshots)
}

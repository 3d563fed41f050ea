//! Resources.

use super::by_hand::ByHand;
use super::item::Item;
use super::list::List;
use super::schema::Schema;

/// Resource: its routes, and the views that they read.
#[derive(Debug, Clone, Copy)]
pub struct Resource {
    pub(crate) name: &'static str,
    pub(crate) items: &'static [Item],
    pub(crate) lists: &'static [List],
    pub(crate) by_hand: &'static [ByHand],
}

impl Resource {
    /// A resource without routes. The name is the client's word for one item, such as `order`: it
    /// appears in the text of a 404 and in the OpenAPI document.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            items: &[],
            lists: &[],
            by_hand: &[],
        }
    }

    /// Sets the items that are read by their ids.
    #[must_use]
    pub const fn items(self, items: &'static [Item]) -> Self {
        Self { items, ..self }
    }

    /// Sets the lists.
    #[must_use]
    pub const fn lists(self, lists: &'static [List]) -> Self {
        Self { lists, ..self }
    }

    /// Sets the routes that are written by hand.
    #[must_use]
    pub const fn by_hand(self, by_hand: &'static [ByHand]) -> Self {
        Self { by_hand, ..self }
    }

    /// Returns the views that the resource is read from.
    pub(crate) fn views(&self) -> impl Iterator<Item = &'static str> {
        let items = self.items.iter().map(|item| item.rows.view);
        let lists = self.lists.iter().map(|list| list.rows.view);
        let by_hand = self.by_hand.iter().flat_map(|route| route.views);
        items.chain(lists).chain(by_hand.copied())
    }

    /// Returns the paths of the routes.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &'static str> {
        let items = self.items.iter().map(|item| item.path);
        let lists = self.lists.iter().map(|list| list.path);
        items
            .chain(lists)
            .chain(self.by_hand.iter().map(|route| route.path))
    }

    /// Returns the path and the schema of each route.
    pub(crate) fn schemas(&self) -> impl Iterator<Item = (&'static str, Schema)> {
        let items = self.items.iter().map(|item| (item.path, item.rows.schema));
        let lists = self.lists.iter().map(|list| (list.path, list.rows.schema));
        let by_hand = self.by_hand.iter().map(|route| (route.path, route.schema));
        items.chain(lists).chain(by_hand)
    }
}

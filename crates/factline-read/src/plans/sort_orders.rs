//! Plans of a list, for each sort order and each combination of filters.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use crate::declare::Comparison;
use crate::misuse::Misuse;
use crate::serve::{List, Sort};

use super::catalog::{self, Relation};
use super::combination::{self, Combination};
use super::explain::{Plan, explain};
use super::remedy::remedy;

/// Returns the mistakes of a list.
pub(super) async fn check(
    list: &List,
    place: &str,
    connection: &mut PgConnection,
) -> Result<Vec<Misuse>, sqlx::Error> {
    let mut mistakes = Vec::new();
    for (index, sort) in list.sorts.iter().enumerate() {
        let mut check = Check {
            list,
            sort,
            index,
            missing: Vec::new(),
            used: BTreeSet::new(),
            texts: Vec::new(),
        };
        check.indexes(connection).await?;
        check.combinations(connection).await?;
        check.unused();
        let texts = check.texts.into_iter();
        mistakes.extend(texts.map(|text| {
            let text = format!("the sort order `{}` {text}", sort.declared.name);
            Misuse::new(place, text)
        }));
    }
    Ok(mistakes)
}

/// Check of one sort order.
struct Check<'a> {
    list: &'a List,
    sort: &'a Sort,
    /// The index of the sort order in its list.
    index: usize,
    /// Declared indexes that do not exist.
    missing: Vec<&'static str>,
    /// Indexes that plans use.
    used: BTreeSet<String>,
    texts: Vec<String>,
}

/// Plans of a combination.
struct Plans {
    first_page: Plan,
    later_page: Plan,
}

impl Check<'_> {
    async fn indexes(&mut self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        for name in self.sort.declared.indexes {
            if !catalog::has_index(name, connection).await? {
                self.missing.push(name);
                self.texts.push(format!(
                    "names the index {name}, which does not exist: create it in a migration of the \
                     view, or remove it"
                ));
            }
        }
        Ok(())
    }

    /// Plans each combination. If one fails, those with more filters are not reported.
    async fn combinations(&mut self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let mut failed: Vec<Combination> = Vec::new();
        // The condition of the index without optional filters; known after the first combination.
        let mut base: Option<Option<String>> = None;
        for combination in combination::all(self.list, self.sort) {
            if failed.iter().any(|failed| failed.is_part_of(&combination)) {
                continue;
            }
            let plans = self.plans(&combination, connection).await?;
            let indexes = [plans.first_page.index(), plans.later_page.index()];
            let indexes = indexes.into_iter().flatten();
            self.used.extend(indexes.map(str::to_owned));
            if let Some(text) = self.fault(&combination, &plans, base.as_ref()) {
                self.texts.push(text);
                failed.push(combination);
            }
            if base.is_none() {
                base = Some(plans.first_page.condition().map(str::to_owned));
                self.table(&plans.first_page, connection).await?;
            }
        }
        Ok(())
    }

    async fn plans(
        &self,
        combination: &Combination,
        connection: &mut PgConnection,
    ) -> Result<Plans, sqlx::Error> {
        let first = combination.request(self.list, self.index, false);
        let later = combination.request(self.list, self.index, true);
        Ok(Plans {
            first_page: explain(connection, |query| self.list.push_page(&first, query)).await?,
            later_page: explain(connection, |query| self.list.push_page(&later, query)).await?,
        })
    }

    /// Returns the fault of a combination's plans.
    fn fault(
        &self,
        combination: &Combination,
        plans: &Plans,
        base: Option<&Option<String>>,
    ) -> Option<String> {
        let Plans {
            first_page: first,
            later_page: later,
        } = plans;
        let with = combination.describe(self.list);
        let missing = self.missing.first().copied();
        let remedy = || remedy(self.list, self.sort, combination, first.table(), missing);
        let others = [first, later].into_iter().flat_map(Plan::other_nodes);
        let others: BTreeSet<_> = others.collect();
        if !others.is_empty() {
            let others = Vec::from_iter(others).join(", ");
            return Some(format!(
                "{with} has no index, so each page reads and sorts the whole table ({others}): {}",
                remedy()
            ));
        }
        let index = first.index().unwrap_or_default();
        let is_narrowed = if let Some(base) = base {
            first.condition() != base.as_deref()
        } else {
            let mut filters = combination.filters(self.list);
            let is_whole = filters.next().is_none() && self.list.within.is_none();
            is_whole || first.condition().is_some()
        };
        if !is_narrowed {
            return Some(format!(
                "{with} reads as much of the index {index} as without it, because no index begins \
                 with its column: {}",
                remedy()
            ));
        }
        if later.condition() == first.condition() {
            return Some(format!(
                "{with} reads all earlier pages again for a later one, because the index {index} \
                 does not begin with its columns: {}",
                remedy()
            ));
        }
        let indexes = [first.index(), later.index()].into_iter().flatten();
        let mut others = indexes.filter(|index| !self.sort.declared.indexes.contains(index));
        others.next().map(|index| {
            format!("{with} uses the index {index}, which the declaration does not name: name it")
        })
    }

    /// Checks that the keys identify a row, and are never null. Pages would miss rows otherwise.
    async fn table(
        &mut self,
        plan: &Plan,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let name = plan.relation();
        let Some(table) = Relation::find(&name, connection).await? else {
            return Ok(());
        };
        let keys = self.sort.declared.keys.iter().map(|key| key.column);
        let nullable = keys.clone().filter(|key| table.is_nullable(key));
        self.texts.extend(nullable.map(|key| {
            format!(
                "sorts by {key}, which can be null in {name}, and no page begins after a null: \
                 declare the column `not null`, or sort by another one"
            )
        }));
        let fixed = self.list.filters.iter().filter(|filter| {
            filter.declared.required.is_some() && filter.declared.comparison == Comparison::Equal
        });
        let fixed = fixed.map(|filter| filter.declared.column);
        let within = self.list.within.iter().map(|within| within.column);
        let known: BTreeSet<&str> = keys.chain(fixed).chain(within).collect();
        let unique = catalog::unique_keys(&name, connection).await?;
        let mut unique = unique.iter();
        if !unique.any(|key| key.iter().all(|column| known.contains(column.as_str()))) {
            self.texts.push(format!(
                "does not identify a row of {name}, so a page could skip rows with equal keys: end \
                 its keys with the primary key"
            ));
        }
        Ok(())
    }

    /// Reports declared indexes that no plan uses, because each of them costs every write. If there
    /// are other mistakes, they may be the reason.
    fn unused(&mut self) {
        if !self.texts.is_empty() {
            return;
        }
        let declared = self.sort.declared.indexes.iter();
        let unused = declared.filter(|name| !self.used.contains(**name));
        self.texts.extend(unused.map(|name| {
            format!(
                "names the index {name}, which no combination of filters uses: drop it in a \
                 migration, or remove it"
            )
        }));
    }
}

//! The names of indexes and aliases, and which version each means: the aliases are the registry (docs/decisions/0012).
//!
//! ```text
//! PREFIX-v3      an index           PREFIX-v3-any   itself             PREFIX-v3-live   itself, while it is the live one
//! PREFIX         the live one       PREFIX-building, PREFIX-previous   those            PREFIX-meta      counts versions
//! ```

use std::collections::BTreeMap;

use schemas::log::Offset;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::search::SearchError;
use crate::views::Versions;

/// Bits of a document's version that hold the offset.
const OFFSET_BITS: u32 = 44;
/// Generations of the log that versions can tell apart; a version is a positive i64.
const GENERATION_MAX: u32 = (1 << 19) - 1;

/// All names under one prefix.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) prefix: String,
}

/// What `GET PREFIX-v*/_alias` answers: of each index its aliases.
pub(super) type Aliases = BTreeMap<String, IndexAliases>;

/// The aliases of one index.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct IndexAliases {
    #[serde(default)]
    aliases: BTreeMap<String, Value>,
}

impl Names {
    pub(super) fn index(&self, number: u32) -> String {
        format!("{}-v{number}", self.prefix)
    }

    /// The alias that searches ask.
    pub(super) fn serving(&self) -> &str {
        &self.prefix
    }

    pub(super) fn building(&self) -> String {
        format!("{}-building", self.prefix)
    }

    pub(super) fn previous(&self) -> String {
        format!("{}-previous", self.prefix)
    }

    /// The alias that takes writes to a version for as long as it exists.
    pub(super) fn any(&self, number: u32) -> String {
        format!("{}-v{number}-any", self.prefix)
    }

    /// The alias that takes writes to a version while it is the live one.
    pub(super) fn live(&self, number: u32) -> String {
        format!("{}-v{number}-live", self.prefix)
    }

    pub(super) fn all_indexes(&self) -> String {
        format!("{}-v*", self.prefix)
    }

    /// The index of the document whose own version counts the versions begun.
    pub(super) fn meta(&self) -> String {
        format!("{}-meta", self.prefix)
    }

    pub(super) fn number(&self, index: &str) -> Option<u32> {
        index.strip_prefix(self.prefix.as_str())?.strip_prefix("-v")?.parse().ok()
    }

    /// The numbers of indexes that have an alias, the lowest first.
    pub(super) fn with(&self, aliases: &Aliases, alias: &str) -> Vec<u32> {
        let has = aliases.iter().filter(|(_, of)| of.aliases.contains_key(alias));
        let mut numbers: Vec<u32> = has.filter_map(|(index, _)| self.number(index)).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The versions that the aliases tell of; `None` before the first one is made.
    pub(super) fn versions(&self, aliases: &Aliases) -> Option<Versions> {
        let newest = |alias: &str| self.with(aliases, alias).pop();
        let live = newest(self.serving())?;
        Some(Versions { live, building: newest(&self.building()), previous: newest(&self.previous()) })
    }

    /// The aliases that the first version is made with.
    pub(super) fn of_the_first(&self) -> Value {
        json!({ self.serving(): {}, self.any(1): {}, self.live(1): {} })
    }

    /// The aliases that a version under construction is made with.
    pub(super) fn of_a_new(&self, number: u32) -> Value {
        json!({ self.building(): {}, self.any(number): {} })
    }

    /// Actions that turn one state of the versions into another, in one change of the cluster. They fail as a whole where the former
    /// state is no longer there.
    pub(super) fn actions(&self, from: Versions, to: Versions) -> Vec<Value> {
        let mut actions = Vec::new();
        let mut moves = |alias: String, from: Option<u32>, to: Option<u32>| {
            if from != to {
                actions.extend(from.map(|number| json!({ "remove": { "index": self.index(number), "alias": alias, "must_exist": true } })));
                actions.extend(to.map(|number| json!({ "add": { "index": self.index(number), "alias": alias } })));
            }
        };
        moves(self.serving().to_owned(), Some(from.live), Some(to.live));
        moves(self.building(), from.building, to.building);
        moves(self.previous(), from.previous, to.previous);
        if from.live != to.live {
            moves(self.live(from.live), Some(from.live), None);
            moves(self.live(to.live), None, Some(to.live));
        }
        let numbers = |versions: Versions| [Some(versions.live), versions.building, versions.previous].into_iter().flatten();
        let gone: Vec<u32> = numbers(from).filter(|number| !numbers(to).any(|kept| kept == *number)).collect();
        // An index that is removed takes its aliases with it.
        actions.retain(|action| {
            let index = action.get("remove").and_then(|remove| remove.get("index")).and_then(Value::as_str);
            !gone.iter().any(|number| index == Some(&self.index(*number)))
        });
        actions.extend(gone.iter().map(|number| json!({ "remove_index": { "index": self.index(*number) } })));
        actions
    }
}

/// The version of a document that the record at `offset` makes.
pub(super) fn document_version(generation: u32, offset: Offset) -> Result<u64, SearchError> {
    let next = offset.checked_add(1).filter(|next| *next < 1 << OFFSET_BITS);
    match next {
        Some(next) if generation <= GENERATION_MAX => Ok(u64::from(generation) << OFFSET_BITS | next),
        _ => Err(SearchError::Fatal(format!("generation {generation}, offset {offset} are beyond what versions of documents can hold"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::registry::Registry;
    use proptest::prelude::*;

    fn names() -> Names {
        Names { prefix: "r".to_owned() }
    }

    fn aliases(of: &[(&str, &[&str])]) -> Aliases {
        let index = |names: &[&str]| IndexAliases { aliases: names.iter().map(|name| ((*name).to_owned(), Value::Null)).collect() };
        of.iter().map(|(name, names)| ((*name).to_owned(), index(names))).collect()
    }

    #[test]
    fn aliases_tell_the_versions() {
        let known =
            aliases(&[("r-v2", &["r", "r-v2-any"]), ("r-v1", &["r-previous"]), ("r-v10", &["r-building"]), ("r-v9", &["r-building"])]);
        assert_eq!(names().versions(&known), Some(Versions { live: 2, building: Some(10), previous: Some(1) }));
        assert_eq!(names().with(&known, "r-building"), [9, 10]);
        let others = aliases(&[("r-v2-x", &["r"]), ("r-views", &["r"]), ("other-v1", &["r"])]);
        assert_eq!(names().versions(&others), None);
    }

    /// Renders actions as `+alias@index`, `-alias@index` and `x index`.
    fn shown(from: Versions, to: Versions) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let show = |action: &Value| match action {
            _ if action["add"].is_object() => format!("+{}@{}", text(&action["add"]["alias"]), text(&action["add"]["index"])),
            _ if action["remove"].is_object() => format!("-{}@{}", text(&action["remove"]["alias"]), text(&action["remove"]["index"])),
            _ => format!("x {}", text(&action["remove_index"]["index"])),
        };
        names().actions(from, to).iter().map(show).collect()
    }

    #[test]
    fn a_promotion_is_one_set_of_actions() {
        let from = Versions { live: 2, building: Some(3), previous: Some(1) };
        let to = Registry::of(from, 4).promote().expect("there is one to promote").versions();
        let expected = ["-r@r-v2", "+r@r-v3", "-r-building@r-v3", "+r-previous@r-v2", "-r-v2-live@r-v2", "+r-v3-live@r-v3", "x r-v1"];
        assert_eq!(shown(from, to), expected);
    }

    #[test]
    fn a_dropped_version_takes_its_aliases_along() {
        let from = Versions { live: 2, building: Some(3), previous: Some(1) };
        assert_eq!(shown(from, Versions { building: None, ..from }), ["x r-v3"]);
        assert_eq!(shown(from, from), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn later_records_make_higher_versions(one in (0_u32..=GENERATION_MAX, 0_u64..(1 << OFFSET_BITS) - 1), other in (0_u32..=GENERATION_MAX, 0_u64..(1 << OFFSET_BITS) - 1)) {
            let version = |(generation, offset)| document_version(generation, offset).unwrap();
            prop_assert_eq!(version(one).cmp(&version(other)), one.cmp(&other));
            prop_assert!(version(one) >= 1 && i64::try_from(version(one)).is_ok());
        }
    }

    #[test]
    fn what_versions_cannot_hold_is_refused() {
        assert!(
            document_version(GENERATION_MAX + 1, 0).is_err()
                && document_version(1, 1 << OFFSET_BITS).is_err()
                && document_version(1, u64::MAX).is_err()
        );
    }
}

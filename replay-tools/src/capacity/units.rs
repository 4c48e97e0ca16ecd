//! What one of each costs, as measured; `--unit NAME=VALUE` puts one's own figures in their place.

use serde::Serialize;

/// The unit costs. Where each default comes from is told in docs/performance.md, with the command that measures it.
#[derive(Debug, Clone, Serialize)]
pub struct UnitCosts {
    /// CPU of a home page of 40 posts over HTTP, microseconds: `bench home`, the mix.
    pub home_page_cpu_us: f64,
    /// Bytes of that page: `bench home`.
    pub home_page_bytes: f64,
    /// CPU of a post over HTTP until it is in every view and the search index, microseconds: `bench post`.
    pub command_cpu_us: f64,
    /// CPU of a delivery into a hot timeline, nanoseconds: `bench fanout`.
    pub delivery_cpu_ns: f64,
    /// Entries of a hot timeline.
    pub timeline_entries: f64,
    /// Bytes of an entry, all in: `bench fanout`.
    pub entry_bytes: f64,
    /// Bytes of a follow edge, both ways: `bench fanout`.
    pub edge_bytes: f64,
    /// Bytes of a record in the log: `bench post`.
    pub log_bytes: f64,
    /// Bytes of a post in the views, decision state included: `bench post`.
    pub view_bytes: f64,
    /// Bytes of a post in the search index: `bench post`.
    pub search_bytes: f64,
}

impl Default for UnitCosts {
    fn default() -> Self {
        Self {
            home_page_cpu_us: 93.0,
            home_page_bytes: 96_000.0,
            command_cpu_us: 186.0,
            delivery_cpu_ns: 150.0,
            timeline_entries: 256.0,
            entry_bytes: 17.0,
            edge_bytes: 5.2,
            log_bytes: 283.0,
            view_bytes: 579.0,
            search_bytes: 76.0,
        }
    }
}

impl UnitCosts {
    /// Puts another figure in the place of one.
    ///
    /// # Errors
    /// Says which names there are where it has none of this name.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), String> {
        let mut all = self.by_name();
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, place)) => {
                **place = value;
                Ok(())
            }
            None => {
                let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
                Err(format!("there is no unit cost {name}: {}", names.join(", ")))
            }
        }
    }

    fn by_name(&mut self) -> [(&'static str, &mut f64); 10] {
        [
            ("home_page_cpu_us", &mut self.home_page_cpu_us),
            ("home_page_bytes", &mut self.home_page_bytes),
            ("command_cpu_us", &mut self.command_cpu_us),
            ("delivery_cpu_ns", &mut self.delivery_cpu_ns),
            ("timeline_entries", &mut self.timeline_entries),
            ("entry_bytes", &mut self.entry_bytes),
            ("edge_bytes", &mut self.edge_bytes),
            ("log_bytes", &mut self.log_bytes),
            ("view_bytes", &mut self.view_bytes),
            ("search_bytes", &mut self.search_bytes),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_set_by_its_name() {
        let mut units = UnitCosts::default();
        units.set("edge_bytes", 81.0).unwrap();
        assert_eq!(units.edge_bytes, 81.0);
        let refused = units.set("edge", 1.0).unwrap_err();
        assert!(refused.contains("edge_bytes"), "{refused}");
        let json = serde_json::to_value(&units).unwrap();
        let names: Vec<&str> = units.by_name().iter().map(|(name, _)| *name).collect();
        assert!(names.iter().all(|name| json.get(name).is_some()) && json.as_object().unwrap().len() == names.len());
    }
}

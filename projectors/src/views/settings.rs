//! The settings view: reading markers.

use schemas::events::Event;
use schemas::rows::{MarkerRow, RowKey, View, keys};

use super::{Context, Projection};
use crate::rows::Rows;

/// The settings view.
pub(super) struct Settings;

impl Projection for Settings {
    fn view(&self) -> View {
        View::Settings
    }

    fn reads(&self, _event: &Event, _context: &Context, _reads: &mut Vec<RowKey>) {}

    fn project(&self, event: &Event, context: &Context, rows: &mut Rows) {
        if let Event::MarkerMoved(e) = event {
            let row = MarkerRow { last_read: e.last_read, version: e.version, updated_ms: context.time_ms };
            rows.put(keys::marker(e.account, &e.timeline), &row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::*;
    use super::*;
    use schemas::events::MarkerMoved;

    #[test]
    fn the_last_marker_stands() {
        let moved = |last_read, version| MarkerMoved { account: ANA, timeline: "home".into(), last_read, version };
        let stands = row(keys::marker(ANA, "home"), MarkerRow { last_read: 9, version: 2, updated_ms: T0 });
        check(&Settings, &[moved(7, 1).into(), moved(9, 2).into()], &[stands]);
    }
}

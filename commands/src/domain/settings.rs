//! Settings that clients keep: reading markers.

use schemas::commands::MoveMarker;
use schemas::events::{Event, MarkerMoved};

use super::limits::invalid;
use super::{Decided, actor, one, unchanged};
use crate::state::{MarkedTimeline, MarkerState, State, StateKey, StateValue};

pub(super) fn move_marker(c: MoveMarker, state: &State) -> Decided {
    let MoveMarker { account, timeline, last_read } = c;
    actor(state, account)?;
    let marked = MarkedTimeline::named(&timeline).ok_or_else(|| invalid("timeline", "is not one of home, notifications"))?;
    let standing = state.marker(account, marked).unwrap_or(MarkerState { last_read: 0, version: 0 });
    if standing.version > 0 && standing.last_read == last_read {
        return unchanged(0);
    }
    one(0, MarkerMoved { account, timeline, last_read, version: standing.version + 1 })
}

pub(super) fn evolve(state: &mut State, event: &Event) {
    if let Event::MarkerMoved(e) = event
        && let Some(timeline) = MarkedTimeline::named(&e.timeline)
    {
        let marker = MarkerState { last_read: e.last_read, version: e.version };
        state.put(StateKey::Marker(e.account, timeline), Some(StateValue::Marker(marker)));
    }
}

#[cfg(test)]
mod specs {
    use super::*;
    use crate::domain::spec::*;

    fn to(timeline: &str, last_read: u64) -> MoveMarker {
        MoveMarker { account: ANA, timeline: timeline.into(), last_read }
    }

    fn moved(timeline: &str, last_read: u64, version: u64) -> Event {
        MarkerMoved { account: ANA, timeline: timeline.into(), last_read, version }.into()
    }

    #[test]
    fn markers_move_both_ways_and_count_their_changes() {
        given([registered(ANA)]).when(to("home", 7)).then([moved("home", 7, 1)]).again_changes_nothing();
        given([registered(ANA), moved("home", 7, 1)]).when(to("home", 5)).then([moved("home", 5, 2)]);
        given([registered(ANA), moved("home", 7, 1)]).when(to("notifications", 5)).then([moved("notifications", 5, 1)]);
        given([registered(ANA)]).when(to("local", 5)).then_invalid("timeline", "is not one of home, notifications");
    }
}

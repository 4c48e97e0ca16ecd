//! Home, public and hashtag timelines.

use axum::extract::State;
use infra::http::{Caller, Params, PathText, Routes};

use super::{Answer, Shared, page, page_ask, page_of_pieces};
use crate::feeds::{FeedFilter, TagFilter};
use crate::paging::STATUSES;

pub(super) fn mount(routes: Routes<Shared>) -> Routes<Shared> {
    routes.on("timelines.home", home).on("timelines.public", public).on("timelines.tag", tag)
}

async fn home(State(shared): State<Shared>, caller: Caller, params: Params) -> Answer {
    let ask = page_ask(&params, STATUSES)?;
    Ok(page_of_pieces(&caller, shared.side.home(caller.user()?, ask).await?))
}

async fn public(State(shared): State<Shared>, caller: Caller, params: Params) -> Answer {
    let ask = page_ask(&params, STATUSES)?;
    Ok(page(&caller, shared.side.public(caller.account, &filter(&params), ask).await?))
}

async fn tag(State(shared): State<Shared>, caller: Caller, PathText(tag): PathText, params: Params) -> Answer {
    let ask = page_ask(&params, STATUSES)?;
    let texts = |name: &str| params.list(name).into_iter().map(str::to_owned).collect();
    let tags = TagFilter { any: texts("any"), all: texts("all"), none: texts("none") };
    Ok(page(&caller, shared.side.tag_timeline(caller.account, &tag, &tags, &filter(&params), ask).await?))
}

fn filter(params: &Params) -> FeedFilter {
    // `local` and `remote` exclude one another; whoever asks for both gets what is here.
    FeedFilter { remote: params.flag("remote") && !params.flag("local"), only_media: params.flag("only_media") }
}

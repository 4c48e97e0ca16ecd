//! Entities as clients get them, and the surfaces that show them: by snapshot, and by table.

use infra::readside::ReadSide;
use infra::search::{SearchChange, SearchDocument, SearchIndex, SearchWrite};
use infra::views::Version;
use schemas::events::{ProfileField, ReplyTo, Visibility};
use schemas::rows::{
    AppRow, AuthorRow, Checkpoint, InteractionRow, NoteRow, PostRow, StatusCountRow, StatusEditRow, StatusRow, Table, TagUseRow, keys,
};
use schemas::{AccountId, AppId, PartitionId, PostId, RelationId};
use serde_json::Value;

use crate::paging::{Page, PageAsk};
use crate::testing::{T0, World, mention, post_id, says};
use crate::{AboutServer, FeedFilter, ProfileFilter, SearchAsk, TagFilter};

const ANA: AccountId = AccountId(T0 << 16 | 1);
const BOB: AccountId = AccountId(T0 << 16 | 2);

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON of ours is well-formed")
}

fn ids(bytes: &[u8]) -> Vec<u64> {
    let entities = value(bytes);
    let ids = entities.as_array().expect("an array").iter();
    ids.map(|entity| entity["id"].as_str().expect("an id").parse().expect("a number")).collect()
}

fn page_ids(page: &Page<bytes::Bytes>) -> Vec<u64> {
    ids(&page.items)
}

/// Ana, who has much to say of herself, and Bob, who follows her.
async fn world() -> World {
    let world = World::new();
    world
        .account(ANA.0, |profile| {
            profile.display_name = "Ana <b>".to_owned();
            profile.note = "Likes #birds\nand tea".to_owned();
            profile.fields = vec![ProfileField { name: "Site".to_owned(), value: "https://ana.example".to_owned(), verified_ms: 0 }];
            profile.discoverable = true;
        })
        .await;
    world.account(BOB.0, |profile| profile.indexable = true).await;
    world.follow(BOB.0, ANA.0).await;
    world
}

fn text() -> String {
    format!("Hi @u{BOB}, see #Birds & <https://birds.example>")
}

async fn a_full_post(world: &World) -> PostId {
    let app = AppRow {
        secret_hash: bytes::Bytes::new(),
        name: "Tusk".to_owned(),
        website: Some("https://tusk.example".to_owned()),
        redirect_uris: vec![],
        scopes: vec![],
        created_ms: T0,
    };
    world.put(keys::app(AppId(5)), &app).await;
    let mut row = says(ANA.0, &text());
    row.content.mentions = vec![schemas::events::Mention { handle: format!("u{}", BOB.0), ..mention(BOB.0) }];
    row.content.tags = vec!["birds".to_owned()];
    row.content.spoiler = "feathers".to_owned();
    row.content.language = Some("en".to_owned());
    row.in_reply_to = Some(ReplyTo { post: post_id(1), account: BOB });
    row.app = AppId(5);
    let id = post_id(5);
    world.publish(id, row).await;
    for (partition, replies) in [(0, 1), (1, 2)] {
        let part = StatusCountRow { replies, reblogs: 1, favourites: 4, last: 0 };
        world.put(keys::status_count(id, PartitionId(partition)), &part).await;
    }
    id
}

#[tokio::test]
async fn a_status_in_full() {
    let world = world().await;
    let id = a_full_post(&world).await;
    world.interact(BOB.0, id, InteractionRow { favourite: Some(RelationId(1)), muted: true, ..InteractionRow::default() }).await;
    let status = world.side.status(Some(BOB), id, false).await.unwrap().unwrap();
    insta::assert_json_snapshot!("status", value(&status));
    let open = value(&world.side.status(None, id, false).await.unwrap().unwrap());
    assert!(open.get("favourited").is_none() && open.get("filtered").is_none(), "nobody is signed in");
    let own = value(&world.side.status(Some(ANA), id, true).await.unwrap().unwrap());
    assert_eq!((&own["pinned"], &own["text"]), (&Value::Bool(false), &Value::from(text())));
}

#[tokio::test]
async fn a_reblog_wraps_its_original() {
    let world = world().await;
    let id = a_full_post(&world).await;
    world.reblog(post_id(9), BOB.0, id, ANA.0).await;
    world.interact(BOB.0, id, InteractionRow { reblog: Some(post_id(9)), ..InteractionRow::default() }).await;
    let wrapper = value(&world.side.status(Some(BOB), post_id(9), false).await.unwrap().unwrap());
    assert_eq!((&wrapper["reblogged"], &wrapper["reblog"]["reblogged"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!(wrapper["reblog"]["id"], Value::from(id.to_string()));
    assert_eq!(wrapper["account"]["id"], Value::from(BOB.to_string()));
    let seen = world.side.visible_post(Some(ANA), post_id(9)).await.unwrap().unwrap();
    assert_eq!((seen.original, seen.author), (id, ANA));
    world.remove(keys::status(id)).await;
    assert_eq!(world.side.status(Some(BOB), post_id(9), false).await.unwrap(), None, "the original is gone");
}

#[tokio::test]
async fn accounts_and_how_they_stand() {
    let world = world().await;
    insta::assert_json_snapshot!("account", value(&world.side.account_entity(ANA, false).await.unwrap().unwrap()));
    insta::assert_json_snapshot!("credential_account", value(&world.side.account_entity(ANA, true).await.unwrap().unwrap()));
    world.put(keys::note(BOB, ANA), &NoteRow { text: "met at the fair".to_owned() }).await;
    world.mute(BOB.0, ANA.0, T0 + 1).await;
    let relationships = world.side.relationships(BOB, &[ANA, AccountId(3), ANA]).await.unwrap();
    insta::assert_json_snapshot!("relationships", value(&relationships));
    world.clock.store(T0 + 1, std::sync::atomic::Ordering::SeqCst);
    let later = value(&world.side.relationships(BOB, &[ANA]).await.unwrap());
    assert_eq!(later[0]["muting"], Value::Bool(false), "the mute has ended by itself");
    assert_eq!(world.side.lookup(&format!("@U{}@roost.example", ANA.0)).await.unwrap(), Some(ANA));
    assert_eq!(world.side.lookup(&format!("u{}@far.example", ANA.0)).await.unwrap(), None);
}

#[tokio::test]
async fn the_server_describes_itself() {
    let world = world().await;
    world.publish(post_id(5), says(ANA.0, "hello")).await;
    world.clock.store(T0 + 1_000, std::sync::atomic::Ordering::SeqCst);
    for (name, what) in [
        ("instance_v1", AboutServer::InstanceV1),
        ("instance_v2", AboutServer::InstanceV2),
        ("nodeinfo_20", AboutServer::Nodeinfo20),
        ("nodeinfo_21", AboutServer::Nodeinfo21),
    ] {
        insta::assert_json_snapshot!(name, value(&world.side.about(what).await.unwrap()));
    }
    let activity = value(&world.side.activity_by_week().await.unwrap());
    assert_eq!((activity.as_array().map(Vec::len), &activity[0]["statuses"]), (Some(12), &Value::from("1")));
    let found = world.side.webfinger(&format!("acct:u{}@roost.example", ANA.0)).await.unwrap().unwrap();
    assert_eq!(value(&found)["subject"], Value::from(format!("acct:u{}@roost.example", ANA.0)));
}

fn reply(author: AccountId, to: PostId, account: AccountId) -> StatusRow {
    StatusRow { in_reply_to: Some(ReplyTo { post: to, account }), ..says(author.0, "reply") }
}

#[tokio::test]
async fn threads_are_shown_depth_first() {
    let world = world().await;
    let [root, first, nested, second, hidden] = [1, 2, 3, 4, 5].map(post_id);
    world.publish(root, says(ANA.0, "root")).await;
    world.publish(first, reply(BOB, root, ANA)).await;
    world.publish(nested, reply(ANA, first, BOB)).await;
    world.publish(second, reply(ANA, root, ANA)).await;
    world.publish(hidden, StatusRow { visibility: Visibility::Direct, ..reply(ANA, root, ANA) }).await;
    let context = async |reader: Option<AccountId>, id: PostId| {
        let context = value(&world.side.context(reader, id).await.unwrap().unwrap());
        let list = |name: &str| ids(context[name].to_string().as_bytes());
        (list("ancestors"), list("descendants"))
    };
    assert_eq!(context(None, root).await, (vec![], vec![first.0, nested.0, second.0]));
    assert_eq!(context(Some(ANA), root).await, (vec![], vec![first.0, nested.0, second.0, hidden.0]));
    assert_eq!(context(None, nested).await, (vec![root.0, first.0], vec![]));
    assert_eq!(world.side.context(None, hidden).await.unwrap(), None);
}

#[tokio::test]
async fn profiles_filter_and_page() {
    let world = world().await;
    let [own, other, answer, to_self, boost] = [1, 2, 3, 4, 5].map(post_id);
    let mut tagged = says(ANA.0, "#birds");
    tagged.content.tags = vec!["birds".to_owned()];
    world.publish(own, tagged).await;
    world.publish(other, says(BOB.0, "theirs")).await;
    world.publish(answer, reply(ANA, other, BOB)).await;
    world.publish(to_self, reply(ANA, own, ANA)).await;
    world.reblog(boost, ANA.0, other, BOB.0).await;
    world.put(keys::listed(Table::PinList, ANA, RelationId(1)), &PostRow { post: own, author: ANA }).await;
    let list = async |filter: ProfileFilter| {
        page_ids(&world.side.account_statuses(None, ANA, &filter, PageAsk::newest(20)).await.unwrap().unwrap())
    };
    let all = ProfileFilter::default();
    assert_eq!(list(all.clone()).await, [boost.0, to_self.0, answer.0, own.0]);
    assert_eq!(list(ProfileFilter { exclude_replies: true, ..all.clone() }).await, [boost.0, to_self.0, own.0]);
    assert_eq!(list(ProfileFilter { exclude_reblogs: true, ..all.clone() }).await, [to_self.0, answer.0, own.0]);
    assert_eq!(list(ProfileFilter { pinned: true, ..all.clone() }).await, [own.0]);
    assert_eq!(list(ProfileFilter { only_media: true, ..all.clone() }).await, Vec::<u64>::new());
    assert_eq!(list(ProfileFilter { tagged: Some("#Birds".to_owned()), ..all.clone() }).await, [own.0]);
    assert!(world.side.account_statuses(None, AccountId(3), &all, PageAsk::newest(20)).await.unwrap().is_none());
}

/// Posts lie months apart: pages cross buckets, both ways, and stop at the oldest post.
#[tokio::test]
async fn public_and_tag_timelines_cross_buckets() {
    const MONTH_MS: u64 = 31 * 86_400_000;
    let world = world().await;
    let mut posted: Vec<u64> = Vec::new();
    for n in 0..7 {
        let mut row = says(ANA.0, "#birds");
        row.content.tags = vec!["birds".to_owned(), format!("n{n}")];
        posted.insert(0, post_id(n * MONTH_MS).0);
        world.publish(post_id(n * MONTH_MS), row).await;
    }
    world.clock.store(T0 + 40 * MONTH_MS, std::sync::atomic::Ordering::SeqCst);
    let none = FeedFilter::default();
    let (mut public, mut tag) = (Vec::new(), Vec::new());
    let mut ask = PageAsk::newest(2);
    loop {
        let page = world.side.public(None, &none, ask).await.unwrap();
        public.extend(page_ids(&page));
        let both = world.side.tag_timeline(None, "Birds", &TagFilter::default(), &none, ask).await.unwrap();
        tag.extend(page_ids(&both));
        assert_eq!(page.links, both.links);
        let Some(next) = page.links.next else { break };
        ask.max_id = Some(next);
    }
    assert_eq!((&public, &tag), (&posted, &posted));
    let upwards = PageAsk { min_id: Some(posted[5]), ..PageAsk::newest(2) };
    assert_eq!(page_ids(&world.side.public(None, &none, upwards).await.unwrap()), &posted[3..5]);
    let some = |any: &[&str], all: &[&str], none: &[&str]| {
        let texts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        TagFilter { any: texts(any), all: texts(all), none: texts(none) }
    };
    for (tag, tags, expected) in [
        ("n1", some(&["n3", "n1"], &[], &[]), vec![posted[3], posted[5]]),
        ("birds", some(&[], &["n2"], &[]), vec![posted[4]]),
        ("birds", some(&[], &[], &["n0", "n1", "n2", "n3"]), posted[..3].to_vec()),
    ] {
        let page = world.side.tag_timeline(None, tag, &tags, &none, PageAsk::newest(20)).await.unwrap();
        assert_eq!(page_ids(&page), expected, "{tag} {tags:?}");
    }
    let away = FeedFilter { remote: true, ..none };
    assert_eq!(page_ids(&world.side.public(None, &away, PageAsk::newest(2)).await.unwrap()), Vec::<u64>::new());
}

#[tokio::test]
async fn lists_of_accounts_hide_and_page() {
    let world = world().await;
    for n in 10..15 {
        world.account(n, |_| {}).await;
        world.follow(n, ANA.0).await;
    }
    let list = async |reader: Option<u64>, ask: PageAsk| world.side.followers(reader.map(AccountId), ANA, ask).await.unwrap().unwrap();
    let first = list(None, PageAsk::newest(2)).await;
    assert_eq!(page_ids(&first), [14, 13]);
    let second = list(None, PageAsk { max_id: first.links.next, ..PageAsk::newest(2) }).await;
    assert_eq!(page_ids(&second), [12, 11]);
    let back = list(None, PageAsk { min_id: second.links.prev, ..PageAsk::newest(2) }).await;
    assert_eq!(page_ids(&back), [14, 13]);
    world.block(BOB.0, 13).await;
    assert_eq!(page_ids(&list(Some(BOB.0), PageAsk::newest(80)).await), [14, 12, 11, 10, BOB.0], "not whom one blocks");
    world.block(ANA.0, 14).await;
    assert_eq!(page_ids(&list(Some(14), PageAsk::newest(80)).await), Vec::<u64>::new(), "not to whom the account blocks");
    assert_eq!(page_ids(&world.side.blocks(ANA, PageAsk::newest(80)).await.unwrap()), [14]);
    let id = a_full_post(&world).await;
    for (n, account) in [BOB.0, 10, 11].into_iter().enumerate() {
        world.put(keys::favourited_by(id, RelationId(n as u64)), &AuthorRow { author: AccountId(account) }).await;
    }
    let fans = world.side.favourited_by(None, id, PageAsk::newest(2)).await.unwrap().unwrap();
    assert_eq!((page_ids(&fans), fans.links.next), (vec![11, 10], Some(1)));
}

#[tokio::test]
async fn what_is_kept_follows_visibility() {
    let world = world().await;
    let [open, secret] = [1, 2].map(post_id);
    world.publish(open, says(ANA.0, "open")).await;
    world.publish(secret, StatusRow { visibility: Visibility::Private, ..says(ANA.0, "secret") }).await;
    for (n, post) in [open, secret].into_iter().enumerate() {
        world.put(keys::listed(Table::FavouriteList, BOB, RelationId(n as u64 + 1)), &PostRow { post, author: ANA }).await;
    }
    assert_eq!(page_ids(&world.side.favourites(BOB, PageAsk::newest(20)).await.unwrap()), [secret.0, open.0]);
    world.unfollow(BOB.0, ANA.0).await;
    assert_eq!(page_ids(&world.side.favourites(BOB, PageAsk::newest(20)).await.unwrap()), [open.0]);
}

#[tokio::test]
async fn versions_and_source() {
    let world = world().await;
    let id = a_full_post(&world).await;
    let history = value(&world.side.history(None, id).await.unwrap().unwrap());
    assert_eq!(history.as_array().map(Vec::len), Some(1), "never edited");
    for (version, text) in [(0, "first"), (1, "second")] {
        let row = StatusEditRow { content: says(ANA.0, text).content, created_ms: T0 + version };
        world.put(keys::status_edit(id, version), &row).await;
    }
    let history = value(&world.side.history(None, id).await.unwrap().unwrap());
    let contents: Vec<_> = history.as_array().unwrap().iter().map(|version| version["content"].clone()).collect();
    assert_eq!(contents, ["<p>first</p>", "<p>second</p>"]);
    let source = value(&world.side.source(ANA, id).await.unwrap().unwrap());
    assert_eq!(source["spoiler_text"], Value::from("feathers"));
}

#[tokio::test]
async fn tags_tell_their_week() {
    let world = world().await;
    let today = T0 / keys::DAY_MS;
    for (day, partition) in [(today, 0), (today, 1), (today - 6, 0), (today - 7, 0)] {
        let part = TagUseRow { uses: 2, accounts: 1, recent: vec![], last: 0 };
        world.put(keys::tag_use("birds", day, PartitionId(partition)), &part).await;
    }
    let tag = value(&world.side.tag("#Birds", true).await.unwrap());
    let uses: Vec<_> = tag["history"].as_array().unwrap().iter().map(|day| day["uses"].as_str().unwrap().to_owned()).collect();
    assert_eq!(uses, ["4", "0", "0", "0", "0", "0", "2"]);
    assert_eq!(tag["following"], Value::Bool(false));
}

#[tokio::test]
async fn search_finds_what_one_has_a_claim_to() {
    let world = world().await;
    world.account(30, |_| {}).await;
    let [own, named, liked, findable, other] = [1, 2, 3, 4, 5].map(post_id);
    let mut documents = vec![
        SearchDocument::Account { id: ANA, handle: format!("u{}", ANA.0), display_name: "Ana of the Hill".to_owned() },
        SearchDocument::Tag { name: "quokkas".to_owned() },
    ];
    let mut about_ana = says(30, "a quokka");
    about_ana.content.mentions = vec![mention(ANA.0)];
    for (id, row) in [
        (own, says(ANA.0, "a quokka")),
        (named, about_ana),
        (liked, says(30, "a quokka")),
        (findable, says(BOB.0, "a quokka")),
        (other, says(30, "a quokka")),
    ] {
        documents.push(SearchDocument::Status { id, author: row.author, text: row.content.text.clone() });
        world.publish(id, row).await;
    }
    world.put(keys::mention(ANA, named), &AuthorRow { author: AccountId(30) }).await;
    world.interact(ANA.0, liked, InteractionRow { favourite: Some(RelationId(1)), ..InteractionRow::default() }).await;
    let writes = documents.into_iter().zip(0..).map(|(document, offset)| SearchWrite { offset, change: SearchChange::Put(document) });
    world.search.apply(Version::Live, PartitionId(0), writes.collect(), Checkpoint { next: 100, ..Checkpoint::default() }).await.unwrap();
    let search = async |reader: Option<AccountId>, q: &str, limit: usize, offset: usize| {
        let ask = SearchAsk { q: q.to_owned(), limit, offset, ..SearchAsk::default() };
        value(&world.side.search(reader, &ask).await.unwrap())
    };
    let found = search(Some(ANA), "quokka", 20, 0).await;
    assert_eq!(ids(found["statuses"].to_string().as_bytes()), [findable.0, liked.0, named.0, own.0]);
    assert_eq!(found["hashtags"][0]["name"], Value::from("quokkas"));
    let found = search(Some(ANA), "quokka", 2, 1).await;
    assert_eq!(ids(found["statuses"].to_string().as_bytes()), [liked.0, named.0]);
    assert_eq!(search(None, "quokka", 20, 0).await["statuses"], serde_json::json!([]));
    for (q, shown) in [("ana of the", true), ("Hill", true), (format!("@u{}", ANA.0).as_str(), true), ("anas", false), ("#ana", false)] {
        let found = search(Some(BOB), q, 20, 0).await;
        assert_eq!(!found["accounts"].as_array().unwrap().is_empty(), shown, "{q}");
    }
    world.block(BOB.0, ANA.0).await;
    assert_eq!(search(Some(BOB), "hill", 20, 0).await["accounts"], serde_json::json!([]), "behind a block");
    let exact = search(Some(BOB), &format!("u{}", ANA.0), 20, 0).await;
    assert_eq!(ids(exact["accounts"].to_string().as_bytes()), [ANA.0], "but by the exact name");
}

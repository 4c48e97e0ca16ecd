//! Random histories: what a write side could have logged, by seed.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use schemas::events::{
    AccountRegistered, Bookmarked, Event, Favourited, FollowAccepted, FollowConfirmed, FollowRequested, FollowerRemoved, HandleClaimed,
    HandleConfirmed, PostDeleted, PostEdited, PostPublished, Profile, ProfileChanged, Reblogged, ReplyTo, Unbookmarked, Unfavourited,
    Unfollowed, Unreblogged, Visibility,
};
use schemas::ids::{AppId, RelationId, partition_of_text};
use schemas::{AccountId, PartitionId, PostId, Snowflake};

use super::PARTITIONS;

pub(crate) const T0: u64 = 1_700_000_000_000;
const ACCOUNTS: u64 = 6;
const TAGS: [&str; 3] = ["rust", "owls", "tea"];

/// Records with their partition, in the order of writing.
pub(crate) type History = Vec<(PartitionId, Vec<Event>)>;

struct Maker {
    rng: StdRng,
    ids: u64,
    history: History,
    posts: Vec<PostPublished>,
    reblogs: BTreeMap<(AccountId, PostId), Reblogged>,
    follows: BTreeMap<(AccountId, AccountId), RelationId>,
    favourites: BTreeMap<(AccountId, PostId), RelationId>,
    bookmarks: BTreeMap<(AccountId, PostId), RelationId>,
}

/// A history of about `steps` commands.
pub(crate) fn random(seed: u64, steps: usize) -> History {
    let mut maker = Maker {
        rng: StdRng::seed_from_u64(seed),
        ids: 0,
        history: Vec::new(),
        posts: Vec::new(),
        reblogs: BTreeMap::new(),
        follows: BTreeMap::new(),
        favourites: BTreeMap::new(),
        bookmarks: BTreeMap::new(),
    };
    for account in 1..=ACCOUNTS {
        maker.register(AccountId(account));
    }
    for _ in 0..steps {
        maker.step();
    }
    maker.history
}

/// A public post.
pub(crate) fn post(author: AccountId, id: u64) -> Event {
    PostPublished {
        post: PostId(id),
        account: author,
        visibility: Visibility::Public,
        text: format!("text {id}"),
        spoiler: String::new(),
        sensitive: false,
        language: None,
        mentions: Vec::new(),
        tags: Vec::new(),
        in_reply_to: None,
        app: AppId(0),
    }
    .into()
}

pub(crate) fn home_of(account: AccountId) -> PartitionId {
    account.partition(PARTITIONS)
}

impl Maker {
    fn log(&mut self, account: AccountId, events: Vec<Event>) {
        self.history.push((home_of(account), events));
    }

    fn id(&mut self, account: AccountId) -> u64 {
        self.ids += 1;
        Snowflake::new(T0 + self.ids * 40_000, home_of(account), 0).0
    }

    fn register(&mut self, account: AccountId) {
        let handle = format!("u{account}");
        let partition = partition_of_text(&handle, PARTITIONS);
        let claim = RelationId(self.id(account));
        let claimed = HandleClaimed { handle: handle.clone(), account, claim, expires_ms: T0 };
        self.history.push((partition, vec![claimed.into()]));
        let registered = AccountRegistered { account, handle: handle.clone(), profile: Profile::default(), invited_by: AccountId(0) };
        self.log(account, vec![registered.into()]);
        self.history.push((partition, vec![HandleConfirmed { handle, account, claim }.into()]));
    }

    fn step(&mut self) {
        let account = AccountId(self.rng.random_range(1..=ACCOUNTS));
        let other = AccountId(self.rng.random_range(1..=ACCOUNTS));
        match self.rng.random_range(0..12) {
            0..3 => self.publish(account),
            3 => self.edit(),
            4 => self.delete(),
            5 => self.reblog(account),
            6 => self.favourite(account),
            7 => self.bookmark(account),
            8 => {
                let profile = Profile { note: format!("note {}", self.ids), ..Profile::default() };
                self.log(account, vec![ProfileChanged { account, profile }.into()]);
            }
            9 if account != other => self.remove(account, other),
            _ if account != other => self.follow(account, other),
            _ => {}
        }
    }

    fn any_post(&mut self) -> Option<PostPublished> {
        let index = self.rng.random_range(0..self.posts.len().max(1));
        self.posts.get(index).cloned()
    }

    fn tags(&mut self) -> Vec<String> {
        let chosen: BTreeSet<_> = (0..self.rng.random_range(0..3)).map(|_| TAGS[self.rng.random_range(0..TAGS.len())]).collect();
        chosen.into_iter().map(str::to_owned).collect()
    }

    fn publish(&mut self, account: AccountId) {
        let in_reply_to = self.any_post().filter(|_| self.rng.random_bool(0.5));
        let visibilities = [Visibility::Public, Visibility::Public, Visibility::Unlisted, Visibility::Private, Visibility::Direct];
        let post = PostPublished {
            post: PostId(self.id(account)),
            account,
            visibility: visibilities[self.rng.random_range(0..visibilities.len())],
            text: format!("text {}", self.ids),
            spoiler: String::new(),
            sensitive: false,
            language: None,
            mentions: Vec::new(),
            tags: self.tags(),
            in_reply_to: in_reply_to.map(|parent| ReplyTo { post: parent.post, account: parent.account }),
            app: AppId(0),
        };
        self.posts.push(post.clone());
        self.log(account, vec![post.into()]);
    }

    fn edit(&mut self) {
        let Some(post) = self.any_post() else { return };
        let tags = self.tags();
        self.posts.iter_mut().filter(|known| known.post == post.post).for_each(|known| known.tags.clone_from(&tags));
        let edited = PostEdited {
            post: post.post,
            account: post.account,
            visibility: post.visibility,
            text: format!("edit {}", self.ids),
            spoiler: post.spoiler,
            sensitive: false,
            language: None,
            mentions: Vec::new(),
            tags,
        };
        self.log(post.account, vec![edited.into()]);
    }

    fn delete(&mut self) {
        let Some(post) = self.any_post() else { return };
        self.posts.retain(|known| known.post != post.post);
        let (account, visibility, in_reply_to) = (post.account, post.visibility, post.in_reply_to);
        let deleted = PostDeleted { post: post.post, account, visibility, in_reply_to, mentions: Vec::new(), tags: post.tags };
        self.log(account, vec![deleted.into()]);
    }

    fn reblog(&mut self, account: AccountId) {
        let Some(post) = self.any_post() else { return };
        if let Some(e) = self.reblogs.remove(&(account, post.post)) {
            let back = Unreblogged { reblog: e.reblog, account, post: e.post, author: e.author, visibility: e.visibility };
            return self.log(account, vec![back.into()]);
        }
        let reblog = PostId(self.id(account));
        let reblogged = Reblogged { reblog, account, post: post.post, author: post.account, visibility: Visibility::Public };
        self.reblogs.insert((account, post.post), reblogged.clone());
        self.log(account, vec![reblogged.into()]);
    }

    fn favourite(&mut self, account: AccountId) {
        let Some(PostPublished { post, account: author, .. }) = self.any_post() else { return };
        let event = match self.favourites.remove(&(account, post)) {
            Some(relation) => Unfavourited { account, post, author, relation }.into(),
            None => {
                let relation = RelationId(self.id(account));
                self.favourites.insert((account, post), relation);
                Favourited { account, post, author, relation }.into()
            }
        };
        self.log(account, vec![event]);
    }

    fn bookmark(&mut self, account: AccountId) {
        let Some(PostPublished { post, account: author, .. }) = self.any_post() else { return };
        let event = match self.bookmarks.remove(&(account, post)) {
            Some(relation) => Unbookmarked { account, post, author, relation }.into(),
            None => {
                let relation = RelationId(self.id(account));
                self.bookmarks.insert((account, post), relation);
                Bookmarked { account, post, author, relation }.into()
            }
        };
        self.log(account, vec![event]);
    }

    fn follow(&mut self, account: AccountId, target: AccountId) {
        if let Some(relation) = self.follows.remove(&(account, target)) {
            self.log(account, vec![Unfollowed { account, target, relation }.into()]);
            return self.log(target, vec![FollowerRemoved { account: target, follower: account, relation }.into()]);
        }
        let relation = RelationId(self.id(account));
        self.follows.insert((account, target), relation);
        let wish = FollowRequested { account, target, relation, reblogs: true, notify: false, languages: Vec::new() };
        self.log(account, vec![wish.into()]);
        self.log(target, vec![FollowAccepted { account: target, follower: account, relation }.into()]);
        self.log(account, vec![FollowConfirmed { account, target, relation }.into()]);
    }

    fn remove(&mut self, account: AccountId, follower: AccountId) {
        if let Some(relation) = self.follows.remove(&(follower, account)) {
            self.log(account, vec![FollowerRemoved { account, follower, relation }.into()]);
            self.log(follower, vec![Unfollowed { account: follower, target: account, relation }.into()]);
        }
    }
}

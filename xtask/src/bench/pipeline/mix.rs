//! What the writers of workload W1 do: the next command by the shares of performance.md, and what was acknowledged of it.
//!
//! Commands act on posts that were acknowledged a moment ago. Each changes something, by construction: nobody likes or passes on a post
//! twice, or follows whom he follows; so what was acknowledged is what the views must count.

use super::super::dice::Dice;
use super::super::post::world::World;
use super::super::post::writing::{TEXTS, texts};
use parking_lot::Mutex;
use schemas::commands::{Command, Content, Envelope, Follow, OnAccount, OnPost, PublishPost, Reblog};
use schemas::events::{Mention, ReplyTo, Visibility};
use schemas::log::{CommandId, TraceContext};
use schemas::{AppId, PostId};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

const SEED: u64 = 1;
/// Of each hundred writes so many are posts, reblogs, replies and changes of follows; and five favourites come with each post.
const SHARES: [(Kind, u32); 6] =
    [(Kind::Post, 55), (Kind::Reblog, 25), (Kind::Reply, 15), (Kind::Follow, 4), (Kind::Unfollow, 1), (Kind::Favourite, 5 * 55)];
/// Posts that are acted on: the last ones acknowledged.
const RECENT: usize = 4_096;
/// Draws of somebody who has not acted on a post before another command is sent instead.
const DRAWS_MAX: usize = 8;
/// One post of so many is a sample, whose counts and words are looked up at the end.
const SAMPLE_EVERY: u64 = 1_000;
/// Readers whose follows are left alone, so that their homes can be compared.
pub(in crate::bench) const CHECKED_READERS: usize = 50;

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bench) enum Kind {
    Post,
    Reblog,
    Reply,
    Follow,
    Unfollow,
    Favourite,
}

/// A command to be sent.
pub(in crate::bench) struct Planned {
    pub(in crate::bench) envelope: Envelope,
    pub(in crate::bench) about: About,
}

/// What a command is about, for when its receipt comes.
pub(in crate::bench) struct About {
    kind: Kind,
    actor: u32,
    /// The post that is acted on.
    on: PostId,
    /// Whom a follow is about.
    target: u32,
    /// The word by which a sample is found.
    word: Option<String>,
}

/// A post that may be acted on, and who did.
struct Recent {
    post: PostId,
    author: u32,
    rebloggers: Vec<u32>,
    fans: Vec<u32>,
}

/// A post that is looked up at the end.
#[derive(Debug, Clone)]
pub(in crate::bench) struct Sample {
    /// A word that no other post has.
    pub(in crate::bench) word: String,
    /// Acknowledged favourites.
    pub(in crate::bench) favourites: i64,
}

/// What was acknowledged.
#[derive(Debug, Default, Clone)]
pub(in crate::bench) struct Acknowledged {
    pub(in crate::bench) posts: u64,
    pub(in crate::bench) replies: u64,
    pub(in crate::bench) reblogs: u64,
    pub(in crate::bench) favourites: u64,
    pub(in crate::bench) follows: u64,
    pub(in crate::bench) unfollows: u64,
    pub(in crate::bench) samples: HashMap<PostId, Sample>,
    /// Posts (no replies) of those whom the checked readers follow.
    pub(in crate::bench) followed: HashMap<u32, Vec<PostId>>,
}

/// Everybody who writes.
pub(in crate::bench) struct Mix {
    world: Arc<World>,
    texts: Arc<Vec<String>>,
    /// By the number of a hot reader: whom it follows from the beginning.
    hot: HashMap<u32, HashSet<u32>>,
    still: HashSet<u32>,
    state: Mutex<State>,
}

struct State {
    dice: Dice,
    sent: u64,
    recent: VecDeque<Recent>,
    /// Follows by commands, those on their way included.
    pairs: HashSet<(u32, u32)>,
    /// Those of them that stand.
    standing: Vec<(u32, u32)>,
    known: Acknowledged,
}

impl Mix {
    pub(in crate::bench) fn new(world: &Arc<World>) -> Self {
        let mut dice = Dice::new(SEED + 1);
        let texts = texts(&mut dice);
        let hot = world.readers.iter().map(|reader| (reader.account, reader.followees.iter().copied().collect())).collect();
        let checked = world.readers.iter().take(CHECKED_READERS);
        let of_whom = checked.clone().flat_map(|reader| reader.followees.iter().copied().chain([reader.account]));
        let known = Acknowledged { followed: of_whom.map(|author| (author, Vec::new())).collect(), ..Acknowledged::default() };
        let state = State { dice, sent: 0, recent: VecDeque::with_capacity(RECENT), pairs: HashSet::new(), standing: Vec::new(), known };
        let still = checked.map(|reader| reader.account).collect();
        Self { world: world.clone(), texts, hot, still, state: Mutex::new(state) }
    }

    /// What was acknowledged until now.
    pub(in crate::bench) fn acknowledged(&self) -> Acknowledged {
        self.state.lock().known.clone()
    }

    /// The next command.
    pub(in crate::bench) fn next(&self) -> Planned {
        let mut state = self.state.lock();
        let drawn = state.dice.below(SHARES.iter().map(|(_, share)| share).sum());
        let planned = match kind(drawn) {
            Kind::Post => None,
            Kind::Reply => self.reply(&mut state),
            Kind::Follow => self.follow(&mut state),
            Kind::Unfollow => self.unfollow(&mut state),
            kind @ (Kind::Reblog | Kind::Favourite) => self.act(kind, &mut state),
        };
        // What nothing is there for yet is a post: so it begins.
        match planned {
            Some(planned) => planned,
            None => {
                let author = self.world.posters.draw(&mut state.dice);
                self.post(&mut state, author)
            }
        }
    }

    /// A post of somebody in particular, with a word of its own.
    pub(in crate::bench) fn post_of(&self, author: u32, word: &str) -> Planned {
        let mut state = self.state.lock();
        let mut planned = self.post(&mut state, author);
        if let Command::PublishPost(publish) = &mut planned.envelope.command {
            publish.content.text = format!("a post that is followed on its way, {word}");
        }
        planned.about.word = None;
        planned
    }

    fn plan(&self, state: &mut State, kind: Kind, actor: u32, command: Command) -> Planned {
        state.sent += 1;
        let (id, causation, trace) = (CommandId((1 << 120) | u128::from(state.sent)), CommandId(0), TraceContext::default());
        let envelope = Envelope { id, maybe_repeated: false, actor: self.world.id(actor), causation, trace, command };
        Planned { envelope, about: About { kind, actor, on: PostId(0), target: 0, word: None } }
    }

    fn publish(&self, state: &mut State, (kind, author): (Kind, u32), in_reply_to: Option<(ReplyTo, u32)>) -> Planned {
        let mut text = self.texts.get(state.dice.below(TEXTS as u32) as usize).cloned().unwrap_or_default();
        let word = state.sent.is_multiple_of(SAMPLE_EVERY).then(|| format!("sample{}", state.sent));
        if let Some(word) = &word {
            text = format!("{text} {word}");
        }
        let mut content = Content { text, language: Some("en".to_owned()), ..Content::default() };
        if let Some((parent, of)) = in_reply_to.filter(|(_, of)| *of != author) {
            let handle = format!("person_{of}");
            content.text = format!("@{handle} {}", content.text);
            content.mentions.push(Mention { account: parent.account, handle });
        }
        let in_reply_to = in_reply_to.map(|(parent, _)| parent);
        let post = PublishPost { account: self.world.id(author), content, visibility: Visibility::Public, in_reply_to, app: AppId(0) };
        let mut planned = self.plan(state, kind, author, Command::PublishPost(post));
        planned.about.word = word;
        planned
    }

    fn post(&self, state: &mut State, author: u32) -> Planned {
        self.publish(state, (Kind::Post, author), None)
    }

    fn reply(&self, state: &mut State) -> Option<Planned> {
        let author = self.world.posters.draw(&mut state.dice);
        let parent = state.recent.get(state.dice.below(state.recent.len() as u32) as usize)?;
        let (parent, of) = (ReplyTo { post: parent.post, account: self.world.id(parent.author) }, parent.author);
        Some(self.publish(state, (Kind::Reply, author), Some((parent, of))))
    }

    /// A reblog or a favourite.
    fn act(&self, kind: Kind, state: &mut State) -> Option<Planned> {
        for _ in 0..DRAWS_MAX {
            let actor = match kind {
                Kind::Reblog => self.world.posters.draw(&mut state.dice),
                _ => state.dice.below(self.world.members.len() as u32),
            };
            let number = state.dice.below(state.recent.len() as u32) as usize;
            let recent = state.recent.get_mut(number)?;
            let before = if kind == Kind::Reblog { &mut recent.rebloggers } else { &mut recent.fans };
            if before.contains(&actor) {
                continue;
            }
            before.push(actor);
            let (post, account, author) = (recent.post, self.world.id(actor), self.world.id(recent.author));
            let command = match kind {
                Kind::Reblog => Command::Reblog(Reblog { account, post, author, visibility: Visibility::Public }),
                _ => Command::Favourite(OnPost { account, post, author }),
            };
            let mut planned = self.plan(state, kind, actor, command);
            planned.about.on = post;
            return Some(planned);
        }
        None
    }

    fn follow(&self, state: &mut State) -> Option<Planned> {
        for _ in 0..DRAWS_MAX {
            let (actor, target) = (state.dice.below(self.world.members.len() as u32), self.world.posters.draw(&mut state.dice));
            let follows_already = self.hot.get(&actor).is_some_and(|followees| followees.contains(&target));
            if actor == target || follows_already || self.still.contains(&actor) || !state.pairs.insert((actor, target)) {
                continue;
            }
            let (account, of) = (self.world.id(actor), self.world.id(target));
            let follow = Follow { account, target: of, reblogs: None, notify: None, languages: None, renew: false };
            let mut planned = self.plan(state, Kind::Follow, actor, Command::Follow(follow));
            planned.about.target = target;
            return Some(planned);
        }
        None
    }

    fn unfollow(&self, state: &mut State) -> Option<Planned> {
        let number = state.dice.below(state.standing.len() as u32) as usize;
        let (actor, target) = (number < state.standing.len()).then(|| state.standing.swap_remove(number))?;
        let unfollow = OnAccount { account: self.world.id(actor), target: self.world.id(target) };
        let mut planned = self.plan(state, Kind::Unfollow, actor, Command::Unfollow(unfollow));
        planned.about.target = target;
        Some(planned)
    }

    /// Takes a receipt's id.
    pub(in crate::bench) fn heard(&self, about: About, id: u64) {
        let state = &mut *self.state.lock();
        match about.kind {
            Kind::Post => {
                state.known.posts += 1;
                if let Some(posts) = state.known.followed.get_mut(&about.actor) {
                    posts.push(PostId(id));
                }
                state.remember(PostId(id), &about);
            }
            Kind::Reply => {
                state.known.replies += 1;
                state.remember(PostId(id), &about);
            }
            Kind::Reblog => state.known.reblogs += 1,
            Kind::Favourite => {
                state.known.favourites += 1;
                if let Some(sample) = state.known.samples.get_mut(&about.on) {
                    sample.favourites += 1;
                }
            }
            Kind::Follow => {
                state.known.follows += 1;
                state.standing.push((about.actor, about.target));
            }
            Kind::Unfollow => {
                state.known.unfollows += 1;
                state.pairs.remove(&(about.actor, about.target));
            }
        }
    }
}

/// What the draw of a number below the sum of all shares means.
fn kind(mut drawn: u32) -> Kind {
    for (kind, share) in SHARES {
        if drawn < share {
            return kind;
        }
        drawn -= share;
    }
    Kind::Favourite
}

impl State {
    fn remember(&mut self, post: PostId, about: &About) {
        if let Some(word) = &about.word {
            self.known.samples.insert(post, Sample { word: word.clone(), favourites: 0 });
        }
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(Recent { post, author: about.actor, rebloggers: Vec::new(), fans: Vec::new() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_come_by_their_shares() {
        let count = |wanted| (0..375).filter(|drawn| kind(*drawn) == wanted).count();
        assert_eq!(SHARES.map(|(kind, _)| count(kind)), [55, 25, 15, 4, 1, 275]);
    }
}

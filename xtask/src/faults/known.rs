//! What must be there by the journal: each writer's attempts in their order, folded into what the API has to show.

use super::action::{Action, Attempt, Outcome};
use std::collections::{BTreeMap, BTreeSet};

/// Whether something is the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Is {
    #[default]
    No,
    Yes,
    /// An attempt to make it so, or to end it, has no answer yet.
    Maybe,
}

impl Is {
    /// Whether what is shown may be.
    pub(super) fn allows(self, shown: bool) -> bool {
        match self {
            Self::No => !shown,
            Self::Yes => shown,
            Self::Maybe => true,
        }
    }

    /// After an attempt to make it so, or to end it.
    fn turn(&mut self, to: bool, outcome: &Outcome) {
        match outcome {
            Outcome::Ok(_) => *self = if to { Self::Yes } else { Self::No },
            Outcome::Refused => {}
            Outcome::Unknown | Outcome::Moot if self.allows(to) && *self != Self::Maybe => {}
            Outcome::Unknown | Outcome::Moot => *self = Self::Maybe,
        }
    }
}

/// How a writer stands to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Relation {
    pub(super) following: Is,
    pub(super) blocking: Is,
}

/// What the attempts of all writers come to.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Whether a post is there, of those that were acknowledged.
    pub(super) posts: BTreeMap<String, Is>,
    /// The post's writer, of the same.
    pub(super) authors: BTreeMap<String, usize>,
    /// Whether a writer's favourite for a post is there, the post's own end left aside.
    pub(super) favourites: BTreeMap<(usize, String), Is>,
    /// Likewise of reblogs, with the id of the wrapper where it is known.
    pub(super) reblogs: BTreeMap<(usize, String), (Is, Option<String>)>,
    pub(super) relations: BTreeMap<(usize, String), Relation>,
}

impl Known {
    /// Folds a journal.
    pub(super) fn of(attempts: &[(Attempt, Outcome)]) -> Self {
        let mut known = Self::default();
        for (attempt, outcome) in attempts {
            known.fold(attempt, outcome);
        }
        // Deletions come last: what was acknowledged is known by then, in whatever order the writers' lines came.
        for (attempt, outcome) in attempts {
            if let Action::Delete { post } = &attempt.action {
                known.posts.entry(post.clone()).or_default().turn(false, outcome);
            }
        }
        known
    }

    fn fold(&mut self, attempt: &Attempt, outcome: &Outcome) {
        let writer = attempt.writer;
        match &attempt.action {
            Action::Post | Action::Reply { .. } => {
                if let Outcome::Ok(id) = outcome {
                    self.posts.insert(id.clone(), Is::Yes);
                    self.authors.insert(id.clone(), writer);
                }
            }
            Action::Reblog { of } => {
                let (is, wrapper) = self.reblogs.entry((writer, of.clone())).or_default();
                is.turn(true, outcome);
                if let Outcome::Ok(id) = outcome {
                    *wrapper = Some(id.clone());
                }
            }
            Action::Favourite { of } => self.favourites.entry((writer, of.clone())).or_default().turn(true, outcome),
            Action::Delete { .. } => {}
            Action::Follow { whom } => self.relation(writer, whom).following.turn(true, outcome),
            Action::Unfollow { whom } => self.relation(writer, whom).following.turn(false, outcome),
            Action::Block { whom } => {
                self.relation(writer, whom).following.turn(false, outcome);
                self.relation(writer, whom).blocking.turn(true, outcome);
            }
            Action::Unblock { whom } => self.relation(writer, whom).blocking.turn(false, outcome),
        }
    }

    fn relation(&mut self, writer: usize, whom: &str) -> &mut Relation {
        self.relations.entry((writer, whom.to_owned())).or_default()
    }

    /// Whether a post, and with it what was done to it, is there.
    pub(super) fn post(&self, id: &str) -> Is {
        self.posts.get(id).copied().unwrap_or_default()
    }

    /// The posts on which something has to be shown for a writer, and those on which it may be, out of what was done and the posts' ends.
    pub(super) fn shown_on<'a>(&'a self, done: impl Iterator<Item = (&'a str, Is)>) -> (BTreeSet<&'a str>, BTreeSet<&'a str>) {
        let (mut must, mut may) = (BTreeSet::new(), BTreeSet::new());
        for (post, is) in done {
            match (is, self.post(post)) {
                (Is::No, _) | (_, Is::No) => {}
                (Is::Yes, Is::Yes) => drop(must.insert(post)),
                _ => drop(may.insert(post)),
            }
        }
        (must, may)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(id: &str) -> Outcome {
        Outcome::Ok(id.to_owned())
    }

    fn known(attempts: Vec<(Action, Outcome)>) -> Known {
        let attempt = |(action, outcome)| (Attempt { writer: 0, key: "k".into(), action }, outcome);
        Known::of(&attempts.into_iter().map(attempt).collect::<Vec<_>>())
    }

    #[test]
    fn what_has_no_answer_may_be_or_not() {
        let (post, whom) = ("7".to_owned(), "9".to_owned());
        let delete = |outcome| known(vec![(Action::Post, ok("7")), (Action::Delete { post: post.clone() }, outcome)]).post("7");
        assert_eq!([delete(ok("")), delete(Outcome::Unknown), delete(Outcome::Refused)], [Is::No, Is::Maybe, Is::Yes]);
        let follow = || (Action::Follow { whom: whom.clone() }, ok(""));
        let block = |outcome| known(vec![follow(), (Action::Block { whom: whom.clone() }, outcome)]).relations[&(0, "9".to_owned())];
        assert_eq!(block(ok("")), Relation { following: Is::No, blocking: Is::Yes });
        assert_eq!(block(Outcome::Unknown), Relation { following: Is::Maybe, blocking: Is::Maybe });
    }

    #[test]
    fn what_was_done_to_a_post_goes_with_it() {
        let favourite = |of: &str, outcome| (Action::Favourite { of: of.to_owned() }, outcome);
        let gone = (Action::Delete { post: "7".to_owned() }, ok(""));
        let made = |id: &str| (Action::Post, ok(id));
        let known = known(vec![
            made("7"),
            made("8"),
            made("9"),
            favourite("7", ok("")),
            favourite("8", ok("")),
            favourite("9", Outcome::Unknown),
            gone,
        ]);
        let (must, may) = known.shown_on(known.favourites.iter().map(|((_, post), is)| (post.as_str(), *is)));
        assert_eq!((must, may), (["8"].into(), ["9"].into()));
    }
}

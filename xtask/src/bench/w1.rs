//! Workload W1 (performance.md): a follow graph and activity rates from a seed, the same on every run.
//!
//! Accounts are numbers from zero; whoever needs ids maps them. Followers per account are lognormal(ln 61, 1.6), followers are drawn
//! evenly among the others; 20 celebrities are followed by 5 to 30 % of all. 30 % of accounts read, at rates lognormal over 0.1 to 50
//! pages a day; posting is proportional to followers^0.3.

use super::dice::{Dice, Weighted};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Accounts that very many follow.
pub(crate) const CELEBRITIES: usize = 20;
/// The smallest and largest share of all accounts that follow a celebrity.
const CELEBRITY_SHARES: (f64, f64) = (0.05, 0.30);
/// Of the natural logarithm of followers: mean (of 61) and standard deviation.
const FOLLOWERS_LN: (f64, f64) = (4.110_873_864_173_311, 1.6);
/// No account beside the celebrities is followed by more.
const FOLLOWERS_SHARE_MAX: f64 = 0.05;
/// The share of accounts that read.
const READERS_SHARE: f64 = 0.30;
/// Pages per day: the range, taken as four standard deviations wide.
const PAGES_PER_DAY: (f64, f64) = (0.1, 50.0);
/// Posting rates follow this power of the followers.
const POSTING_POWER: f64 = 0.3;

/// Lists of accounts, one per account, in one allocation.
#[derive(Debug, Default)]
struct Adjacency {
    starts: Vec<usize>,
    ends: Vec<u32>,
}

impl Adjacency {
    fn of(&self, account: u32) -> &[u32] {
        let account = account as usize;
        let (Some(start), Some(end)) = (self.starts.get(account), self.starts.get(account + 1)) else { return &[] };
        self.ends.get(*start..*end).unwrap_or_default()
    }

    /// The same edges from their other ends; each list ascends.
    fn turned(&self) -> Self {
        let accounts = self.starts.len().saturating_sub(1);
        let mut starts = vec![0_usize; accounts + 1];
        for end in &self.ends {
            if let Some(count) = starts.get_mut(*end as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut ends = vec![0; self.ends.len()];
        for account in 0..accounts as u32 {
            for end in self.of(account) {
                if let Some(place) = next.get_mut(*end as usize) {
                    if let Some(end) = ends.get_mut(*place) {
                        *end = account;
                    }
                    *place += 1;
                }
            }
        }
        Self { starts, ends }
    }
}

/// The graph and who does how much.
#[derive(Debug)]
pub(crate) struct W1 {
    followers: Adjacency,
    followees: Adjacency,
    celebrities: Vec<u32>,
    pages_per_day: Vec<f32>,
    posters: Arc<Weighted>,
}

impl W1 {
    /// Makes the workload of so many accounts, at least a hundred.
    pub(crate) fn generate(accounts: usize, seed: u64) -> Self {
        let accounts = u32::try_from(accounts.max(100)).unwrap_or(u32::MAX);
        let mut dice = Dice::new(seed);
        let celebrities: Vec<u32> =
            (0..CELEBRITIES as u32).map(|n| (u64::from(n) * u64::from(accounts) / CELEBRITIES as u64) as u32).collect();
        let followers = followers(accounts, &celebrities, &mut dice);
        let followees = followers.turned();
        let pages_per_day = (0..accounts).map(|_| pages_per_day(&mut dice)).collect();
        let posts = |account| (followers.of(account).len() as f64).max(1.0).powf(POSTING_POWER);
        let posters = Arc::new(Weighted::new((0..accounts).map(posts)));
        Self { followers, followees, celebrities, pages_per_day, posters }
    }

    /// How many accounts there are.
    pub(crate) fn accounts(&self) -> u32 {
        self.pages_per_day.len() as u32
    }

    /// How many follows there are.
    pub(crate) fn edges(&self) -> usize {
        self.followers.ends.len()
    }

    /// Who follows an account, in no order.
    pub(crate) fn followers(&self, account: u32) -> &[u32] {
        self.followers.of(account)
    }

    /// Whom an account follows, ascending.
    pub(crate) fn followees(&self, account: u32) -> &[u32] {
        self.followees.of(account)
    }

    /// The celebrities, from the least followed to the most.
    pub(crate) fn celebrities(&self) -> &[u32] {
        &self.celebrities
    }

    /// Home pages that an account reads in a day; zero for those who do not read.
    pub(crate) fn pages_per_day(&self, account: u32) -> f32 {
        self.pages_per_day.get(account as usize).copied().unwrap_or_default()
    }

    /// Accounts that read.
    pub(crate) fn readers(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.accounts()).filter(|account| self.pages_per_day(*account) > 0.0)
    }

    /// Draws who posts next.
    pub(crate) fn poster(&self, dice: &mut Dice) -> u32 {
        self.posters.draw(dice)
    }

    /// Who posts how much, for those who need not the graph.
    pub(crate) fn posters(&self) -> Arc<Weighted> {
        self.posters.clone()
    }

    /// So many of the accounts that read, evenly spread.
    pub(crate) fn some_readers(&self, count: usize) -> Vec<u32> {
        let all: Vec<u32> = self.readers().collect();
        let count = count.min(all.len());
        (0..count).filter_map(|n| all.get(n * all.len() / count).copied()).collect()
    }

    /// SHA-256 over the follows and the rates: two workloads with the same one are the same.
    pub(crate) fn checksum(&self) -> String {
        let mut sha = Sha256::new();
        for account in 0..self.accounts() {
            sha.update((self.followers(account).len() as u64).to_le_bytes());
            for follower in self.followers(account) {
                sha.update(follower.to_le_bytes());
            }
            sha.update(self.pages_per_day(account).to_le_bytes());
        }
        sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn pages_per_day(dice: &mut Dice) -> f32 {
    let (low, high) = (PAGES_PER_DAY.0.ln(), PAGES_PER_DAY.1.ln());
    let drawn = dice.normal((low + high) / 2.0, (high - low) / 4.0).clamp(low, high).exp();
    if dice.fraction() < READERS_SHARE { drawn as f32 } else { 0.0 }
}

fn followers(accounts: u32, celebrities: &[u32], dice: &mut Dice) -> Adjacency {
    let mut all = Adjacency { starts: vec![0], ends: Vec::new() };
    // Per account: whose follower it was drawn as last, so that none is drawn twice.
    let mut drawn_for = vec![u32::MAX; accounts as usize];
    for account in 0..accounts {
        let share = match celebrities.iter().position(|celebrity| *celebrity == account) {
            Some(n) => CELEBRITY_SHARES.0 + (CELEBRITY_SHARES.1 - CELEBRITY_SHARES.0) * n as f64 / (CELEBRITIES - 1) as f64,
            None => (dice.normal(FOLLOWERS_LN.0, FOLLOWERS_LN.1).exp() / f64::from(accounts)).min(FOLLOWERS_SHARE_MAX),
        };
        let mut left = (share * f64::from(accounts)).round() as u32;
        while left > 0 {
            let follower = dice.below(accounts);
            let Some(mark) = drawn_for.get_mut(follower as usize).filter(|mark| **mark != account && follower != account) else { continue };
            *mark = account;
            all.ends.push(follower);
            left -= 1;
        }
        all.starts.push(all.ends.len());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_one_workload() {
        let (one, same, other) = (W1::generate(2_000, 7), W1::generate(2_000, 7), W1::generate(2_000, 8));
        assert_eq!((one.checksum(), &one.posters), (same.checksum(), &same.posters));
        assert_ne!(one.checksum(), other.checksum());
    }

    #[test]
    fn the_graph_has_the_shape_asked_for() {
        let w1 = W1::generate(20_000, 1);
        let mut counts: Vec<usize> = (0..w1.accounts()).map(|account| w1.followers(account).len()).collect();
        assert_eq!(w1.followers(w1.celebrities()[CELEBRITIES - 1]).len(), 6_000);
        counts.sort_unstable();
        assert!((55..68).contains(&counts[counts.len() / 2]), "median {}", counts[counts.len() / 2]);
        let readers = w1.readers().count();
        assert!((5_600..6_400).contains(&readers), "{readers} readers");
        for account in [0, 1, 777] {
            assert!(w1.followees(account).iter().all(|followee| w1.followers(*followee).contains(&account)));
            assert!(w1.followees(account).is_sorted_by(|a, b| a < b), "a follow is drawn once");
        }
        assert_eq!((0..w1.accounts()).map(|account| w1.followees(account).len()).sum::<usize>(), w1.edges());
    }

    #[test]
    fn popular_accounts_post_more() {
        let w1 = W1::generate(5_000, 3);
        let mut dice = Dice::new(1);
        let celebrity = w1.celebrities()[CELEBRITIES - 1];
        let mut posts = vec![0_u32; 5_000];
        for _ in 0..500_000 {
            posts[w1.poster(&mut dice) as usize] += 1;
        }
        let mean = 100.0;
        let wanted = mean * (1_500.0_f64 / 61.0).powf(0.3);
        assert!(f64::from(posts[celebrity as usize]) > 0.6 * wanted, "{} posts", posts[celebrity as usize]);
    }
}

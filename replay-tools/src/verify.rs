//! Views compared with the log.

mod decisions;

use anyhow::{Context, bail};
use projectors::{ProjectorOptions, Verified};
use schemas::rows::View;

use crate::offline::Deployment;

/// Reads what to verify beside a running server; nothing named, every view that is projected. What the write side keeps itself,
/// `decisions`, stands still only while no server runs: see [`views_offline`].
pub fn views(names: &[String]) -> anyhow::Result<Vec<View>> {
    let mut views = Vec::new();
    for name in names {
        match View::named(name).filter(|view| View::PROJECTED.contains(view)) {
            Some(view) => views.push(view),
            None => {
                let known: Vec<_> = View::PROJECTED.iter().map(|view| view.name()).collect();
                bail!("{name} is no view to verify: there are {}", known.join(", "))
            }
        }
    }
    Ok(if views.is_empty() { View::PROJECTED.to_vec() } else { views })
}

/// Reads what to verify in a data folder that no server has open; nothing named, every view.
pub fn views_offline(names: &[String]) -> anyhow::Result<Vec<View>> {
    let (own, others): (Vec<String>, Vec<String>) = names.iter().cloned().partition(|name| *name == View::Decisions.name());
    let mut found = if others.is_empty() && !own.is_empty() { Vec::new() } else { views(&others)? };
    if names.is_empty() || !own.is_empty() {
        found.push(View::Decisions);
    }
    Ok(found)
}

/// Verifies a view in a data folder that no server has open.
pub async fn verify(deployment: &Deployment, view: View) -> anyhow::Result<Verified> {
    if view == View::Decisions {
        return decisions::verify(deployment).await;
    }
    let verified = projectors::verify(&deployment.log, &deployment.views, ProjectorOptions::default(), view).await;
    verified.with_context(|| format!("view {} could not be verified", view.name()))
}

/// What was found, for people.
pub fn summary(found: &Verified) -> String {
    let mut text = match found.differing {
        0 => format!("{}: {} rows, all as the log says", found.view, found.rows),
        differing => format!("{}: {} rows, {differing} NOT as the log says", found.view, found.rows),
    };
    for difference in &found.differences {
        text.push_str(&format!("\n  {:?} {} {}", difference.fault, difference.table, difference.key));
    }
    let untold = found.differing - found.differences.len() as u64;
    if untold > 0 {
        text.push_str(&format!("\n  and {untold} more"));
    }
    text
}

//! The kill itself, at its moment, and in some rounds with a rebuild of all views begun before it.

use crate::server::Server;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Kills the server at `moment`, with a rebuild begun at `rebuild_after` if that is said. Returns whether the rebuild was under way.
///
/// # Errors
/// Fails where the server had ended by itself.
pub(super) fn kill(
    replay_tools: &Path,
    operators_url: &str,
    server: &mut Server,
    moment: Duration,
    rebuild_after: Option<Duration>,
) -> Result<bool> {
    let Some(after) = rebuild_after else {
        sleep(moment);
        return server.kill().map(|()| false);
    };
    sleep(after);
    let mut command = Command::new(replay_tools);
    command.args(["rebuild", "--ops", operators_url]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut rebuild = command.spawn().context("cannot start replay-tools")?;
    sleep(moment.saturating_sub(after));
    let under_way = rebuild.try_wait()?.is_none();
    let killed = server.kill();
    // However it ended: it loses its server, or was done before.
    rebuild.wait()?;
    killed.map(|()| under_way)
}

//! Ends claims on handles that nobody confirmed in time, and frees held handles whose time has come. By the clock, hence no sink: what
//! the log says of them stands in the accounts view, by due time.

use infra::views::{Scan, Version, ViewError};
use schemas::PartitionId;
use schemas::commands::{Command, ConfirmHandle, LapseHandle, ReleaseHandle};
use schemas::handles::normalise;
use schemas::log::{CommandId, TraceContext};
use schemas::rows::{AccountRow, OpenClaimRow, Table, codec, keys};

use super::{ReactorPorts, named};
use crate::error::{ProjectError, Trouble};

/// Claims tended at once; the rest waits for the next round.
const ROUND_MAX: usize = 256;
/// Bytes of the due time at the head of a key.
const DUE_BYTES: usize = 8;

/// Tends the partition's claims that are due by now; says how many.
pub(crate) async fn tend_claims(ports: &ReactorPorts, partition: PartitionId) -> Result<usize, Trouble> {
    let now_ms = (ports.clock)();
    let scan = Scan {
        table: Table::OpenClaim,
        pk: keys::open_claims_of(partition),
        above: None,
        below: Some(keys::id(now_ms + 1)),
        descending: false,
        limit: ROUND_MAX,
    };
    let due = ports.views.scan(Version::Live, scan).await?;
    for (sk, bytes) in &due {
        let damaged = |cause: String| Trouble::Fatal(ProjectError::Views(ViewError::Fatal(cause)));
        let row: OpenClaimRow = codec::decode(bytes).map_err(|error| damaged(error.to_string()))?;
        let handle = sk.get(DUE_BYTES..).and_then(keys::text_of).ok_or_else(|| damaged("a claim's key is cut short".into()))?;
        let command = end(ports, handle, &row).await?;
        let key = format!("{handle}.{}", row.claim);
        ports.send(named("end of a claim", &key, CommandId(0), TraceContext::default(), command)).await?;
    }
    Ok(due.len())
}

/// What ends a claim that is due.
async fn end(ports: &ReactorPorts, handle: &str, row: &OpenClaimRow) -> Result<Command, Trouble> {
    let (handle, claim) = (handle.to_owned(), row.claim);
    if row.held {
        return Ok(Command::ReleaseHandle(ReleaseHandle { handle, claim }));
    }
    // The account may have come to the handle without the confirmation having come through: all that its log holds must be seen.
    ports.wait_for_end(row.account.partition(ports.log.layout().partitions)).await?;
    let rows = ports.views.get(Version::Live, &[keys::account(row.account)]).await?;
    let goes_by = rows.into_iter().flatten().next().and_then(|bytes| codec::decode::<AccountRow>(&bytes).ok()).map(|row| row.handle);
    if goes_by.is_some_and(|goes_by| normalise(&goes_by) == handle) {
        return Ok(Command::ConfirmHandle(ConfirmHandle { handle, account: row.account, claim }));
    }
    Ok(Command::LapseHandle(LapseHandle { handle, claim }))
}

//! Opening the fjall store: options, the format's version, and a keyspace for every version that the registries know.

use std::path::Path;
use std::sync::Arc;

use ::fjall::config::{CompressionPolicy, PartitioningPolicy};
use ::fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use schemas::rows::View;

use super::layout::{self, BIRTH_KEY, FORMAT, FORMAT_KEY, FORMATS_READ, META};
use super::merge::store_merges_nothing;
use super::{FjallOptions, failed};
use crate::priority::giving_way;
use crate::views::registry::Registry;
use crate::views::{Version, ViewError};

/// A view's versions with their keyspaces; replaced as a whole, so that a reader sees one state.
#[derive(Clone)]
pub(super) struct ViewSpaces {
    pub(super) registry: Registry,
    pub(super) spaces: Vec<(u32, Keyspace)>,
}

/// All views, in the order of [`View::ALL`].
#[derive(Clone)]
pub(super) struct Spaces(Vec<(View, ViewSpaces)>);

impl Spaces {
    /// Every version of every view.
    pub(super) fn all(&self) -> impl Iterator<Item = (View, u32, &Keyspace)> {
        self.0.iter().flat_map(|(view, of_view)| of_view.spaces.iter().map(|(number, space)| (*view, *number, space)))
    }

    /// The versions of a view.
    pub(super) fn view(&self, view: View) -> &ViewSpaces {
        let found = self.0.iter().find(|(known, _)| *known == view);
        &found.expect("every view is opened with the store").1
    }

    /// The same, for a change of a copy.
    pub(super) fn view_mut(&mut self, view: View) -> &mut ViewSpaces {
        let found = self.0.iter_mut().find(|(known, _)| *known == view);
        &mut found.expect("every view is opened with the store").1
    }

    /// The number and the keyspace that a call means.
    pub(super) fn resolve(&self, view: View, version: Version) -> Result<(u32, &Keyspace), ViewError> {
        let spaces = self.view(view);
        let number = spaces.registry.resolve(version).map_err(|fault| fault.of(view))?;
        let found = spaces.spaces.iter().find(|(known, _)| *known == number);
        found.map(|(_, space)| (number, space)).ok_or(ViewError::NoVersion(view, number))
    }
}

/// The post that no row of a version is above.
pub(super) fn newest_post(space: &Keyspace) -> Result<u64, ViewError> {
    let (birth, newest) = (space.get(BIRTH_KEY).map_err(failed)?, space.get(layout::NEWEST_KEY).map_err(failed)?);
    Ok(layout::newest_of(birth.as_deref(), newest.as_deref()))
}

/// Opens the database of a folder, making it if absent.
pub(super) fn open(path: &Path, options: &FjallOptions) -> Result<(Database, Keyspace, Spaces), ViewError> {
    std::fs::create_dir_all(path).map_err(|error| ViewError::Fatal(format!("cannot make the folder {}: {error}", path.display())))?;
    let builder = Database::builder(path)
        .cache_size(options.cache_bytes)
        .max_journaling_size(options.journals_bytes)
        .worker_threads(options.worker_threads)
        .max_cached_files(Some(options.open_files));
    // Its workers write and merge files.
    let database = giving_way(|| builder.open()).map_err(|error| match error {
        ::fjall::Error::Locked => ViewError::Locked(path.display().to_string()),
        other => ViewError::Fatal(format!("cannot open {}: {other:?}", path.display())),
    })?;
    let meta = database.keyspace(META, || KeyspaceCreateOptions::default().max_memtable_size(options.memtable_bytes)).map_err(failed)?;
    check_format(path, &database, &meta)?;
    let mut views = Vec::new();
    for view in View::ALL {
        let registry = read_registry(&meta, view)?;
        let mut spaces = Vec::new();
        for number in registry.numbers() {
            let space = open_version(&database, options, view, number)?;
            check_whole(&database, &meta, &space, view, number)?;
            spaces.push((number, space));
        }
        views.push((view, ViewSpaces { registry, spaces }));
    }
    let spaces = Spaces(views);
    sweep(&database, &meta, &spaces)?;
    Ok((database, meta, spaces))
}

/// Filters and indexes in blocks of their own, each read and cached by itself. As one block, as the store has them by default in its upper
/// levels, a table's filter is read in full for nearly every key that is looked for, most of which are not there. Its tables are merged by us, and
/// as they are: compressing them anew in each merge took a twentieth of the write side's time.
fn keyspace_options(options: &FjallOptions) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(options.memtable_bytes)
        .filter_block_partitioning_policy(PartitioningPolicy::all(true))
        .index_block_partitioning_policy(PartitioningPolicy::all(true))
        .compaction_strategy(Arc::new(store_merges_nothing()))
        .data_block_compression_policy(CompressionPolicy::disabled())
}

/// The keyspace of a version, made if absent.
pub(super) fn open_version(database: &Database, options: &FjallOptions, view: View, number: u32) -> Result<Keyspace, ViewError> {
    database.keyspace(&layout::keyspace_name(view, number), || keyspace_options(options)).map_err(failed)
}

/// Makes sure that a version's rows are those that its checkpoints speak of. A store that lost a keyspace (seen with fjall after kills in
/// the midst of its making) gives an empty one in its place: then the checkpoints go, and the view is filled again from the log.
fn check_whole(database: &Database, meta: &Keyspace, space: &Keyspace, view: View, number: u32) -> Result<(), ViewError> {
    if space.get(BIRTH_KEY).map_err(failed)?.is_some() {
        return Ok(());
    }
    if meta.prefix(layout::checkpoints_prefix(view, number)).next().is_some() {
        tracing::warn!(view = view.name(), version = number, "a view has lost its rows: it is filled again from the log");
        remove_checkpoints(database, meta, view, number)?;
        space.clear().map_err(failed)?;
    }
    space.insert(BIRTH_KEY, [FORMAT]).map_err(failed)
}

fn check_format(path: &Path, database: &Database, meta: &Keyspace) -> Result<(), ViewError> {
    match meta.get(FORMAT_KEY).map_err(failed)?.as_deref() {
        Some([FORMAT]) => Ok(()),
        Some([format]) if FORMATS_READ.contains(format) => begin_format(database, meta),
        Some(other) => Err(ViewError::Fatal(format!(
            "the view store in {} has format {other:?}, this build reads {FORMATS_READ:?}: use the version of Roost that wrote it, or move the \
             folder away and let the views be rebuilt from the log",
            path.display()
        ))),
        None => begin_format(database, meta),
    }
}

/// From now on an older build refuses the store.
fn begin_format(database: &Database, meta: &Keyspace) -> Result<(), ViewError> {
    meta.insert(FORMAT_KEY, [FORMAT]).map_err(failed)?;
    database.persist(PersistMode::SyncAll).map_err(failed)
}

fn read_registry(meta: &Keyspace, view: View) -> Result<Registry, ViewError> {
    match meta.get(layout::registry_key(view)).map_err(failed)? {
        None => Ok(Registry::default()),
        Some(bytes) => {
            Registry::decode(&bytes).ok_or_else(|| ViewError::Fatal(format!("the versions of view {} are damaged", view.name())))
        }
    }
}

/// Removes what a crash between two steps of a swap left behind: keyspaces that no registry knows.
fn sweep(database: &Database, meta: &Keyspace, spaces: &Spaces) -> Result<(), ViewError> {
    for name in database.list_keyspace_names() {
        let Some((view, number)) = name.rsplit_once('.').and_then(|(view, number)| Some((View::named(view)?, number.parse().ok()?))) else {
            continue;
        };
        if spaces.view(view).registry.resolve(Version::Number(number)).is_ok() {
            continue;
        }
        remove_checkpoints(database, meta, view, number)?;
        let space = database.keyspace(&name, KeyspaceCreateOptions::default).map_err(failed)?;
        database.delete_keyspace(space).map_err(failed)?;
    }
    Ok(())
}

/// Removes the checkpoints of a version that no longer resolves, where they are not among its rows.
pub(super) fn remove_checkpoints(database: &Database, meta: &Keyspace, view: View, number: u32) -> Result<(), ViewError> {
    let mut batch = database.batch();
    for guard in meta.prefix(layout::checkpoints_prefix(view, number)) {
        batch.remove(meta, guard.key().map_err(failed)?);
    }
    batch.commit().map_err(failed)
}

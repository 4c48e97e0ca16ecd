//! A parameter's value: text, a list, named values, or a file.

use std::str::FromStr;

use bytes::Bytes;

use super::super::ApiError;
use super::DEPTH_MAX;

/// A file of a multipart form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// What the client calls it.
    pub name: String,
    /// What the client says it is.
    pub content_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// A value. What is asked of it by name is asked of its named values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Node {
    /// JSON's null: named, but nothing.
    #[default]
    Null,
    /// Text, also of JSON's numbers and booleans.
    Text(String),
    /// Values in order.
    List(Vec<Node>),
    /// Named values in order.
    Map(Vec<(String, Node)>),
    /// A file.
    File(FilePart),
}

impl Node {
    /// The value of that name.
    pub fn at(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Whether the name was sent at all, also as null or empty.
    pub fn has(&self, name: &str) -> bool {
        self.at(name).is_some()
    }

    /// The text itself; of a repeated parameter, the last.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::List(values) => values.last().and_then(Self::text),
            _ => None,
        }
    }

    /// The text of that name, also if it is empty.
    pub fn str(&self, name: &str) -> Option<&str> {
        self.at(name).and_then(Self::text)
    }

    /// The text of that name, unless it is blank.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.str(name).filter(|text| !text.trim().is_empty())
    }

    /// The text of that name; without it, 422.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.filled(name).ok_or_else(|| ApiError::invalid_param(name, "can't be blank"))
    }

    /// The truth of that name as Rails casts it: `false`, `f`, `off` and `0` are false, an empty text says nothing.
    pub fn bool(&self, name: &str) -> Option<bool> {
        let text = self.filled(name)?;
        Some(!["false", "f", "off", "0"].iter().any(|no| text.eq_ignore_ascii_case(no)))
    }

    /// The truth of that name; false where nothing is said.
    pub fn flag(&self, name: &str) -> bool {
        self.bool(name).unwrap_or(false)
    }

    /// The id of that name; 422 if it is none.
    pub fn id<T: FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        self.parsed(name, "is not an id")
    }

    /// The number of that name; 422 if it is none.
    pub fn u64(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.parsed(name, "is not a number")
    }

    fn parsed<T: FromStr>(&self, name: &str, problem: &str) -> Result<Option<T>, ApiError> {
        let Some(text) = self.filled(name) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| ApiError::invalid_param(name, problem))
    }

    /// The texts of that name: of a list, of named values (`name[0]`), or the one.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.items(name).into_iter().filter_map(Self::text).collect()
    }

    /// The ids of that name, without what is none; at most `most`.
    pub fn ids<T: FromStr>(&self, name: &str, most: usize) -> Vec<T> {
        self.list(name).into_iter().filter_map(|text| text.trim().parse().ok()).take(most).collect()
    }

    /// The values of that name: of a list or of named values, in order, or the one itself.
    pub fn items(&self, name: &str) -> Vec<&Self> {
        match self.at(name) {
            None | Some(Self::Null) => Vec::new(),
            Some(Self::List(values)) => values.iter().collect(),
            Some(Self::Map(entries)) => entries.iter().map(|(_, value)| value).collect(),
            Some(one) => vec![one],
        }
    }

    /// The named values, in order.
    pub fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The file of that name.
    pub fn file(&self, name: &str) -> Option<&FilePart> {
        match self.at(name) {
            Some(Self::File(file)) => Some(file),
            _ => None,
        }
    }

    /// Takes the other's named values, replacing those of the same name.
    pub(super) fn overlay(&mut self, other: Self) {
        match (self, other) {
            (Self::Map(mine), Self::Map(theirs)) => {
                mine.retain(|(name, _)| !theirs.iter().any(|(other, _)| other == name));
                mine.extend(theirs);
            }
            (_, Self::Null) => {}
            (this, other) => *this = other,
        }
    }

    /// Puts a value where a name like `a[b][]` says.
    pub(super) fn put(&mut self, name: &str, value: Self) -> Result<(), ApiError> {
        let (first, mut rest) = name.find('[').map_or((name, ""), |at| name.split_at(at));
        let mut steps = vec![first];
        while let Some((step, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            steps.push(step);
            rest = after;
        }
        if steps.len() > DEPTH_MAX || !rest.is_empty() {
            return Err(ApiError::BadRequest("A parameter's name is nested too deeply or not closed".to_owned()));
        }
        self.put_at(&steps, value);
        Ok(())
    }

    fn put_at(&mut self, steps: &[&str], value: Self) {
        match steps {
            [] => self.add(value),
            ["", rest @ ..] => {
                let values = self.list_mut();
                // `a[][x]=1&a[][y]=2` is one element, until a name comes again.
                let goes_on = matches!((values.last(), rest.first()), (Some(Self::Map(last)), Some(next)) if !last.iter().any(|(name, _)| name == next));
                if !goes_on {
                    values.push(Self::Null);
                }
                if let Some(last) = values.last_mut() {
                    last.put_at(rest, value);
                }
            }
            [name, rest @ ..] => self.entry(name).put_at(rest, value),
        }
    }

    /// Sets what is unset; a second value makes a list.
    fn add(&mut self, value: Self) {
        *self = match std::mem::take(self) {
            Self::Null => value,
            Self::List(mut values) => {
                values.push(value);
                Self::List(values)
            }
            first => Self::List(vec![first, value]),
        };
    }

    fn list_mut(&mut self) -> &mut Vec<Self> {
        if !matches!(self, Self::List(_)) {
            *self = match std::mem::take(self) {
                Self::Null => Self::List(Vec::new()),
                first => Self::List(vec![first]),
            };
        }
        match self {
            Self::List(values) => values,
            _ => unreachable!("it was made a list above"),
        }
    }

    fn entry(&mut self, name: &str) -> &mut Self {
        if !matches!(self, Self::Map(_)) {
            *self = Self::Map(Vec::new());
        }
        let Self::Map(entries) = self else { unreachable!("it was made a map above") };
        let at = entries.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            entries.push((name.to_owned(), Self::Null));
            entries.len() - 1
        });
        &mut entries.get_mut(at).expect("just found or pushed").1
    }
}

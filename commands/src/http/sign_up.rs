//! Self-service sign-up: `POST /api/v1/accounts`, and the same rules for the page that does it in a browser.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use infra::http::{ApiError, Caller, Edge, Node, Params, Rule, Subject, reply};
use schemas::AppId;
use schemas::events::Profile;
use schemas::log::TraceContext;
use serde_json::{Map, Value, json};

use super::Writes;
use super::content::is_language;
use crate::accounts::{CreateError, Created, FieldProblem, NewAccount};

pub(super) async fn create(State(writes): State<Arc<Writes>>, caller: Caller, params: Params) -> Result<Response, ApiError> {
    let app = writes.edge.app(caller.app).await?;
    let scopes = app.map_or_else(|| caller.scopes.clone(), |app| app.scopes);
    let who = SignUp { ip: caller.ip, app: caller.app, scopes: scopes.clone(), trace: caller.trace, key: caller.idempotency_key };
    let created = open_account(&writes, &params, who).await?;
    writes.settle(&created.positions).await;
    let body = json!({
        "access_token": created.token,
        "token_type": "Bearer",
        "scope": scopes.join(" "),
        "created_at": Edge::now_ms() / 1_000,
    });
    Ok(writes.position(&created.positions, reply::value(&body)))
}

/// Who signs up, and how.
#[derive(Debug, Clone)]
pub struct SignUp {
    /// From where.
    pub ip: IpAddr,
    /// Through which application; 0 for none.
    pub app: AppId,
    /// What the first token allows.
    pub scopes: Vec<String>,
    /// The trace it belongs to.
    pub trace: TraceContext,
    /// `Idempotency-Key`, if one was sent.
    pub key: Option<String>,
}

/// Opens the account that the parameters `username`, `email`, `password`, `agreement` and `locale` ask for.
pub async fn open_account(writes: &Writes, params: &Node, who: SignUp) -> Result<Created, ApiError> {
    let SignUp { ip, app, scopes, trace, key } = who;
    if !writes.edge.settings.sign_ups_open {
        return Err(ApiError::Forbidden("Sign-ups are closed on this server"));
    }
    let text = |name: &str| params.str(name).unwrap_or_default().to_owned();
    let new = NewAccount {
        username: text("username").trim().to_owned(),
        email: Some(text("email")),
        password: Some(text("password")),
        profile: Profile {
            default_language: params.filled("locale").filter(|locale| is_language(locale)).map(str::to_owned),
            ..Profile::default()
        },
        confirmed: !writes.edge.settings.confirmation,
        app,
        scopes,
        trace,
        key,
    };
    let mut problems = new.problems();
    if !params.flag("agreement") {
        problems.push(FieldProblem { field: "agreement", code: "ERR_ACCEPTED", description: "must be accepted" });
    }
    if !problems.is_empty() {
        return Err(invalid(&problems));
    }
    // What was done already is answered however often it is asked.
    if let Some(created) = writes.accounts.repeated(&new).await? {
        return Ok(created);
    }
    let now_ms = Edge::now_ms();
    // Only what could become an account counts: mistakes in a form are no sign-ups.
    let counted = writes.edge.limits.count(Rule::SignUp, Subject::address(ip), now_ms);
    counted.map_err(|quota| ApiError::TooMany((quota.reset_ms - now_ms).div_ceil(1_000)))?;
    Ok(writes.accounts.create(new).await?)
}

fn invalid(problems: &[FieldProblem]) -> ApiError {
    let error = format!("Validation failed: {}", CreateError::Invalid(problems.to_vec()));
    ApiError::Invalid { error, details: Some(problems_json(problems)) }
}

/// The problems by field, as Mastodon tells them: `{"username": [{"error": "ERR_TAKEN", "description": "..."}]}`.
pub fn problems_json(problems: &[FieldProblem]) -> Value {
    let mut fields = Map::new();
    for problem in problems {
        let told = json!({"error": problem.code, "description": problem.description});
        if let Value::Array(list) = fields.entry(problem.field).or_insert_with(|| json!([])) {
            list.push(told);
        }
    }
    Value::Object(fields)
}

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Invalid(problems) => invalid(&problems),
            CreateError::Command(error) => error.into(),
            CreateError::Views(error) => error.into(),
            CreateError::Busy(error) => Self::Unavailable(error.to_string()),
        }
    }
}

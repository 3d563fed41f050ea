//! A guest book: `PUT /guests/ada` with a text signs it, `GET /guests/ada` shows Ada's page.

mod page;
mod rules;

use axum::extract::{Path, State};
use axum::{Router, http::StatusCode, routing::put};
use factline_app::{App, Context};
use page::Page;
use rules::{Guest, Sign};

fn main() -> std::process::ExitCode {
    let app = App::new("guest-book").aggregate::<Guest>();
    let routes = Router::new().route("/guests/{name}", put(sign).get(show));
    app.documents::<Page>()
        .run(|context| routes.with_state(context))
}

async fn sign(State(book): State<Context>, Path(name): Path<String>, words: String) -> Answer {
    let sent = book.send::<Guest>(&name, Sign { words }).await;
    Ok(format!("accepted as {}\n", sent.map_err(failed)?))
}

async fn show(State(book): State<Context>, Path(name): Path<String>) -> Answer {
    let page: Option<Page> = book.document(&name).await.map_err(failed)?;
    let Page { words, times } = page.unwrap_or_default();
    Ok(format!("{words}, signed {times} times\n"))
}

type Answer = Result<String, (StatusCode, String)>;

fn failed(error: impl std::error::Error) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

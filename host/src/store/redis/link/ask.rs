//! `ASK`: a key has left a slot ahead of it, and is served by the node to which the slot moves, to who says
//! `ASKING` first.

use redis::{Pipeline, RedisError, ServerError, Value};

use super::Request;

/// Where an error leads, if it is an `ASK`. A transaction collects one for each of its commands.
pub fn target(error: &RedisError) -> Option<(String, u16)> {
    let nested = error.clone().into_server_errors().unwrap_or_default();
    let detail = match nested.iter().map(|(_, error)| error).find(|error| error.code() == "ASK") {
        Some(error) => error.details().map(str::to_owned),
        None if error.code() == Some("ASK") => error.detail().map(str::to_owned),
        None => None,
    }?;
    let (_slot, address) = detail.split_once(' ')?;
    let (host, port) = address.trim().rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() { None } else { Some((host.to_owned(), port.parse().ok()?)) }
}

/// The request with `ASKING` before it, which holds for one command or one transaction. On a connection
/// that others use at the same time it could be theirs.
pub fn commands(request: &Request<'_>) -> Pipeline {
    let mut commands = Pipeline::new();
    commands.cmd("ASKING");
    match request {
        Request::Single(command) => {
            commands.add_command((*command).clone());
        }
        Request::Transaction(all) => {
            commands.cmd("MULTI");
            for command in all.cmd_iter() {
                commands.add_command(command.clone());
            }
            commands.cmd("EXEC");
        }
    }
    commands
}

/// The last reply; of a transaction that was refused, the first refusal, which is the reason.
pub fn reply(mut replies: Vec<Value>) -> Result<Value, RedisError> {
    let last = replies.pop().unwrap_or_default();
    let Value::ServerError(error) = last else { return Ok(last) };
    let refusal = replies.into_iter().find_map(|reply| match reply {
        Value::ServerError(error) => Some(error),
        _ => None,
    });
    let first: ServerError = refusal.unwrap_or(error);
    Err(first.into())
}

#[cfg(test)]
mod tests {
    use redis::{ErrorKind, ServerErrorKind};

    use super::*;

    #[test]
    fn an_ask_leads_to_a_node_and_nothing_else_does() {
        let error = |kind: ServerErrorKind, detail: &str| {
            RedisError::from((ErrorKind::Server(kind), "no", detail.to_owned()))
        };
        let ask = |detail| target(&error(ServerErrorKind::Ask, detail));
        assert_eq!(ask("7 127.0.0.1:6380"), Some(("127.0.0.1".to_owned(), 6380)));
        assert_eq!(ask("7 ::1:6380"), Some(("::1".to_owned(), 6380)));
        for detail in ["", "7", "7 :6380", "7 host", "7 host:port"] {
            assert_eq!(ask(detail), None, "{detail}");
        }
        assert_eq!(target(&error(ServerErrorKind::Moved, "7 127.0.0.1:6380")), None);
    }
}

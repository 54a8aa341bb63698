//! Which server a call goes to: the URL's, the one that a cluster names, or the one that sentinels name.

use redis::{Cmd, Value};

use crate::connection::Connection;
use crate::failure::{Failure, Trouble};
use crate::refusal::Step;
use crate::scheme;
use crate::socket::Deadline;
use crate::target::{Access, Address, Route, Target};

/// How often a cluster may send a call on. While a slot moves, once is usual and twice is possible.
const MAX_REDIRECTS: usize = 5;

/// The answer, and the connection that it came on.
type Answer = (Connection, Value);

/// On a new connection.
pub(crate) fn ask(target: &Target, script: &Cmd, deadline: Deadline) -> Result<Answer, Failure> {
    match &target.route {
        Route::Direct(addresses) => first_of(addresses, 0, deadline, |address, deadline| {
            ask_at(target, address, script, deadline)
        }),
        Route::Sentinels {
            sentinels,
            master,
            access,
        } => {
            // Some of the time is for the master.
            let address = first_of(sentinels, 1, deadline, |sentinel, deadline| {
                ask_sentinel(target, sentinel, master, access, deadline)
            })?;
            let answer = ask_at(target, &address, script, deadline);
            answer.map_err(|failure| failure.of_elected().at(&address))
        }
    }
}

/// The first that succeeds. Each has its share of the time that is left, with so many shares kept for later.
fn first_of<T>(
    addresses: &[Address],
    kept: u32,
    deadline: Deadline,
    mut attempt: impl FnMut(&Address, Deadline) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let mut failures = Vec::new();
    for (left, address) in (1..=count).rev().zip(addresses) {
        match attempt(address, deadline.part(1, left.saturating_add(kept))) {
            Ok(answer) => return Ok(answer),
            Err(failure) if count == 1 => return Err(failure),
            Err(failure) => failures.push(failure.at(address)),
        }
    }
    // Where one of them is down, what the others lack may heal with it.
    let outage = failures
        .iter()
        .position(|it| it.trouble() == Trouble::Outage);
    Err(failures.swap_remove(outage.unwrap_or(0)))
}

/// At this address, or where a cluster sends the call on to.
fn ask_at(
    target: &Target,
    address: &Address,
    script: &Cmd,
    deadline: Deadline,
) -> Result<Answer, Failure> {
    let mut answer = ask_once(target, address, script, false, deadline);
    let mut asked = address.clone();
    for _ in 0..MAX_REDIRECTS {
        let Some(redirect) = answer.as_ref().err().and_then(|it| it.redirect(&asked)) else {
            return answer;
        };
        answer = ask_once(target, &redirect.address, script, redirect.once, deadline);
        answer = answer.map_err(|failure| failure.at(&redirect.address));
        asked = redirect.address;
    }
    answer
}

fn ask_once(
    target: &Target,
    address: &Address,
    script: &Cmd,
    asking: bool,
    deadline: Deadline,
) -> Result<Answer, Failure> {
    let tls = target.tls.as_ref();
    let opened = Connection::open(address, tls, &target.access, deadline);
    let answer = opened.and_then(|mut connection| {
        if asking {
            connection.ask(&redis::cmd("ASKING"), deadline)?;
        }
        let value = connection.ask(script, deadline)?;
        Ok((connection, value))
    });
    answer.map_err(|failure| scheme::check(address, tls, failure, deadline))
}

/// Where the master of this name is.
fn ask_sentinel(
    target: &Target,
    sentinel: &Address,
    master: &str,
    access: &Access,
    deadline: Deadline,
) -> Result<Address, Failure> {
    let tls = target.tls.as_ref();
    let mut question = redis::cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    let opened = Connection::open(sentinel, tls, access, deadline);
    let answer = opened.and_then(|mut connection| connection.ask(&question, deadline));
    let answer = answer.map_err(|failure| {
        let failure = failure.during(Step::Sentinel);
        scheme::check(sentinel, tls, failure, deadline)
    })?;
    if answer == Value::Nil {
        return Err(Failure::UnknownMaster);
    }
    let (name, port) = redis::from_redis_value(answer).map_err(|_| Failure::NotRedis)?;
    Ok(Address::Host { name, port })
}

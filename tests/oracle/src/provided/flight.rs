//! An exchange under way, as an adapter carries it out.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use pan123_token::{FetchError, Grant};
use pan123_token_provider::Exchange;

type Outcome = Result<Grant, FetchError>;

pub(crate) enum Flight {
    /// On a thread of its own, which waits for the reply.
    Thread(Exchange),
    /// On an async runtime, which polls it.
    Task(Task),
}

pub(crate) struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    reply: Rc<RefCell<Option<Outcome>>>,
    waker: Waker,
}

impl Flight {
    /// Sends the request. With a waker it is a task, and the provider may ask whether it is still polled.
    pub(crate) fn begin(mut exchange: Exchange, waker: Option<Waker>) -> Self {
        let _ = exchange.operation();
        let Some(waker) = waker else {
            return Self::Thread(exchange);
        };
        let reply = Rc::new(RefCell::new(None));
        let place = Rc::clone(&reply);
        let client = poll_fn(move |_| match place.borrow_mut().take() {
            Some(reply) => Poll::Ready(reply),
            None => Poll::Pending,
        });
        let future = Box::pin(exchange.run(client));
        let mut task = Task {
            future,
            reply,
            waker,
        };
        task.poll();
        Self::Task(task)
    }

    /// Its runtime polls it: an answer to who asks whether it still does.
    ///
    /// True where its reply is not wanted any more: it was superseded.
    pub(crate) fn poll(&mut self) -> bool {
        match self {
            Self::Thread(_) => false,
            Self::Task(task) => task.poll(),
        }
    }

    /// The reply is there. False where it is not wanted any more: it was superseded.
    pub(crate) fn land(self, result: Outcome) -> bool {
        match self {
            Self::Thread(exchange) => {
                exchange.finish(result);
                true
            }
            Self::Task(mut task) => {
                *task.reply.borrow_mut() = Some(result);
                task.poll();
                task.reply.borrow().is_none()
            }
        }
    }
}

impl Task {
    fn poll(&mut self) -> bool {
        let mut context = Context::from_waker(&self.waker);
        self.future.as_mut().poll(&mut context).is_ready()
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Thread(_) => "Thread",
            Self::Task(_) => "Task",
        })
    }
}

//! Where a provider's jobs run, and what they carry out.

use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use pan123_token::{FetchError, GetAccessToken, Grant};
use pan123_token_cache::{AsyncTokenStore, TokenStore};
use tokio::runtime::{Builder, Handle};
use tokio::task::spawn_blocking;

use crate::{Job, Place, StoreCall, Work};

/// Carries out single exchanges, with a client of any type.
///
/// Used in the [example](crate::on_tokio) on the module's page.
pub trait Exchanger: Send + Sync + 'static {
    /// One exchange, bounded by this time.
    fn fetch<'a>(&'a self, operation: &'a GetAccessToken, timeout: Duration) -> Exchanging<'a>;
}

/// An exchange under way: from [`Exchanger::fetch`]. Used in the [example](crate::on_tokio) on the module's page.
pub type Exchanging<'a> = Pin<Box<dyn Future<Output = Result<Grant, FetchError>> + Send + 'a>>;

/// Where jobs run, as long as they run there.
///
/// Used in the [example](crate::on_tokio) on the module's page.
#[derive(Clone, Debug)]
pub enum Runs {
    /// On a thread of its own, with a runtime of its own.
    OnThread,
    /// On the runtime of the caller who starts the job.
    WithCaller,
    /// On this one, always.
    On(Handle),
}

pub(crate) enum Store {
    Blocking(Arc<dyn TokenStore>),
    Async(Arc<dyn Calls>),
}

/// An [`AsyncTokenStore`], whose own futures have no common type.
pub(crate) trait Calls: Send + Sync {
    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

impl<S: AsyncTokenStore> Calls for S {
    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(call.run_async(self))
    }
}

pub(crate) struct Driver {
    pub(crate) client: Box<dyn Exchanger>,
    pub(crate) store: Option<Store>,
    pub(crate) runs: Runs,
}

impl Driver {
    pub(crate) fn start(self: &Arc<Self>, job: Job, place: Place) {
        let runtime = match (&self.runs, place) {
            (Runs::On(runtime), _) => Some(runtime.clone()),
            (Runs::WithCaller, Place::Usual) => Handle::try_current().ok(),
            (Runs::WithCaller, Place::Elsewhere) | (Runs::OnThread, _) => None,
        };
        match runtime {
            Some(runtime) => drop(runtime.spawn(Arc::clone(self).carry_out(job, false))),
            None => self.start_thread(job),
        }
    }

    fn start_thread(self: &Arc<Self>, job: Job) {
        // The thread comes first, and then gets the job: one that can't be started leaves it here.
        let (give, take) = mpsc::channel();
        let driver = Arc::clone(self);
        let thread = thread::Builder::new()
            .name("pan123-token".to_owned())
            .spawn(move || take.recv().map(|job| driver.run(job)));
        match thread {
            Ok(_) => drop(give.send(job)),
            Err(error) => job.could_not_start(&format!(
                "no thread can be started for it: {error}; allow this process more threads"
            )),
        }
    }

    fn run(self: Arc<Self>, job: Job) {
        match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                runtime.block_on(self.carry_out(job, true));
                // A name that is still being resolved, say, is not waited for.
                runtime.shutdown_background();
            }
            Err(error) => job.could_not_start(&format!(
                "no runtime can be made for it: {error}; allow this process more open files"
            )),
        }
    }

    /// `alone` on its thread, it may block that.
    async fn carry_out(self: Arc<Self>, mut job: Job, alone: bool) {
        while let Some(work) = job.next() {
            match work {
                Work::Exchange(mut exchange) => {
                    let (operation, timeout) = (exchange.operation(), exchange.timeout());
                    let fetch = async { self.client.fetch(&operation, timeout).await };
                    exchange.run(fetch).await;
                }
                Work::Store(call) => self.call_store(call, alone).await,
            }
        }
    }

    async fn call_store(&self, call: StoreCall, alone: bool) {
        match &self.store {
            Some(Store::Async(store)) => store.call(call).await,
            Some(Store::Blocking(store)) if alone => call.run(&**store),
            Some(Store::Blocking(store)) => {
                let store = Arc::clone(store);
                // It reports from in there: its runtime may end meanwhile.
                let _ = spawn_blocking(move || call.run(&*store)).await;
            }
            // Dropped, it counts as the store's failure. There is no such call without a store.
            None => {}
        }
    }
}

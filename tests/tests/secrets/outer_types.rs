//! The public types of the stores and of the adapters, with sentinels in them.

use std::convert::Infallible;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use pan123_token::http::{Request, Response};
use pan123_token_cache::{Blocking, FallbackStore, StoreSession, TokenStore};
use pan123_token_file::FileStore;
use pan123_token_redis::RedisStore;
use pan123_token_support::scripted_server::ScriptedServer;
use pan123_token_tests::adapters::block_on;

use super::public_types::{TOKEN, credentials, grant, key, record};
use super::shown::Shown;
use super::{DAY, SECRET};

pub(super) fn stores(shown: &Shown) {
    let folder = tempfile::tempdir().unwrap();
    let problems = shown.clone();
    let file = FileStore::in_dir(folder.path()).on_problem(move |problem| {
        problems.add(problem);
        problems.push("FileProblem", problem.to_string());
    });
    shown.add(&file);
    file.save(key(), &record(), None, DAY).unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap_or_default();
        if text.contains(TOKEN) {
            fs::write(&path, &text[..text.len() - 3]).unwrap();
        }
    }
    assert_eq!(file.load(key()).unwrap(), None);
    shown.add(&Blocking(Arc::new(FileStore::in_dir(folder.path()))));
    let url = format!("redis://user:{SECRET}@127.0.0.1:1");
    let redis = RedisStore::new(&url).unwrap();
    shown.add(&redis);
    shown.add_error(&redis.load(key()).unwrap_err());
    shown.add_error(&RedisStore::new(&format!("redis://user:{SECRET}@127.0.0.1:x")).unwrap_err());
    let seal = pan123_token_sealed::Seal::new(SECRET).also_opens(TOKEN);
    shown.add(&seal);
    let sealed = seal.seal(key(), &record()).unwrap();
    shown.add(&sealed);
    let sealed = pan123_token_sealed::SealedStore::new(Arc::new(file), seal);
    shown.add(&sealed);
    let (shared, host): (Arc<dyn TokenStore>, _) = (Arc::new(sealed), Arc::new(redis));
    shown.add(&StoreSession::new(Arc::clone(&shared), key()));
    shown.add(&FallbackStore::new(shared, host));
}

pub(super) fn of_adapters(shown: &Shown) {
    use pan123_token_hyper::{AuthorizationLayer, Bytes, Client, Full};
    use pan123_token_reqwest::reqwest;
    use tower::{Layer, Service};

    const NO_SERVER: &str = "http://127.0.0.1:1/";
    let token = || grant().token;

    let provider = pan123_token_hyper::TokenProvider::fixed(token());
    shown.add(&provider);
    shown.add(&pan123_token_hyper::TokenProvider::builder(credentials()));
    let client = Client::builder().no_proxy();
    shown.add(&client);
    let client = client.build().unwrap();
    shown.add(&client);
    let request = || {
        Request::get(NO_SERVER)
            .body(Full::<Bytes>::default())
            .unwrap()
    };
    let server = ScriptedServer::reply(format!("HTTP/1.1 200 OK\r\n\r\n{TOKEN}"));
    let get = Request::get(server.url()).body(Full::<Bytes>::default());
    let response = block_on((&client).call(get.unwrap())).unwrap();
    shown.add(response.body());
    let error = block_on(provider.call(&client, request())).unwrap_err();
    shown.add_error(&error);
    let echo = tower::service_fn(async |_| {
        Ok::<Response<Full<Bytes>>, Infallible>(Response::new(Full::from(TOKEN)))
    });
    let official = Request::get("https://open-api.123pan.com/")
        .body(())
        .unwrap();
    let response = block_on(provider.call_once(echo, official)).unwrap();
    shown.add(response.body());
    let layer = AuthorizationLayer::new(provider);
    shown.add(&layer);
    let mut service = layer.layer(client);
    shown.add(&service);
    shown.add(&service.call(request()));

    let provider = pan123_token_ureq::TokenProvider::fixed(token());
    shown.add(&provider);
    let agent = pan123_token_ureq::AgentBuilder::default().no_proxy();
    shown.add(&agent);
    let request = Request::get(NO_SERVER).body("").unwrap();
    let error = provider.call(&agent.build().unwrap(), request).unwrap_err();
    shown.add_error(&error);
    let builder = pan123_token_ureq::TokenProvider::builder(credentials());
    shown.add(&builder);
    shown.add_error(&builder.timeout(Duration::ZERO).build().unwrap_err());

    let provider = pan123_token_reqwest::TokenProvider::fixed(token());
    shown.add(&provider);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let error = block_on(provider.send(client.get(NO_SERVER))).unwrap_err();
    shown.add_error(&error);
}

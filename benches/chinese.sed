# The words of the tables, in Chinese: for README.zh-CN.md.
s/^Measured by `benches\/run` on \(.*\), \([0-9]*\) processors, \(.*\);$/由 `benches\/run` 测得：\1，\2 个处理器，\3；/
s/`--release` as it is by default/默认的 `--release`/
s/^| one round of | instructions | ratio | allocations | bytes |/| 做一次 | 指令数 | 倍数 | 分配次数 | 字节 |/
s/^| bare: /| 最简：/
s/The request for a token, built/构造获取 access_token 的请求/
s/The documented reply, parsed/解析文档里的回复/
s/serde_json, the same product, no checks/serde_json，产物相同，不做检查/
s/, a reply of OAuth 2.0/，OAuth 2.0 的回复/
s/An error with Chinese text, parsed/解析带中文的错误/
s/serde_json, the same texts, no checks/serde_json，文字相同，不做检查/
s/The reply to an API call, with or without a rejection/API 调用的回复：access_token 是否被拒绝/
s/serde_json, the code alone/serde_json，只看 `code`/
s/, while it passes/，边读边看/
s/An API call, with hyper and tower/一次 API 调用，用 hyper 和 tower/
s/An API call, with ureq/一次 API 调用，用 ureq/
s/the service alone/只有服务本身/
s/a token put on it by hand/手工加上 access_token/
s/, which also recognizes a rejection/，并识别拒绝/
s/ that may retry/，可以重发/
s/, a call to another origin/，发往别的服务器/
s/An exchange with the token endpoint, with hyper/向平台获取一次，用 hyper/
s/An exchange with the token endpoint, with ureq/向平台获取一次，用 ureq/
s/tokio's timeout, `Limited`, `parse_response`/tokio 的超时、`Limited`、`parse_response`/
s/the agent alone/只有 agent/
s/the agent with a timeout, `parse_response`/带超时的 agent、`parse_response`/
s/A fresh token, handed out (without the inside of the clocks)/取用手上的 access_token（不计时钟内部）/
s/a fresh token, handed out/取用手上的 access_token/
s/two clock reads, one `Arc` clone/读两次时钟，克隆一次 `Arc`/
s/ 1 thread / 1 个线程 /
s/ \([28]\) threads / \1 个线程 /g
s/tame-oauth's/tame-oauth 的/
s/oauth2's/oauth2 的/
s/object_store's shape/object_store 的写法/
s/^| one renewal, and who waits for it | bare | provider | ratio | requests |/| 一次更新，许多等待者 | 最简 | provider | 倍数 | 请求数 |/
s/^| 100,000 tasks, beside tokio's/| 100,000 个任务，对比 tokio 的/
s/^| 1,000 threads, beside a/| 1,000 个线程，对比/

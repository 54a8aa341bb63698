"""Drives an emulator as a test in Python does: python3 admin.py BASE_URL. Needs a slice size of 4 bytes."""

import http.client
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

base_url = sys.argv[1]
# No proxy from the environment.
urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))


def admin(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{base_url}/__admin/{path}", data=data, method=method)
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.load(reply)


def call(method, path, body=None, headers=None, origin=base_url):
    """A call of the platform, by http.client as the platform's page shows it."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(origin).netloc, timeout=10)
    headers = {"Platform": "open_platform", "Content-Type": "application/json", **(headers or {})}
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body)
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    return reply.status, json.loads(reply.read())


def fetch():
    body = {"clientID": "emulator-client-id", "clientSecret": "emulator-client-secret"}
    return call("POST", "/api/v1/access_token", body)


def user_info(token):
    return call("GET", "/api/v1/user/info", headers={"Authorization": f"Bearer {token}"})[1]


def equal(got, expected):
    assert got == expected, f"{got!r} is not {expected!r}"


# The clock.
admin("POST", "clock", {"set": "2025-03-23T07:48:37Z", "frozen": True})
equal(admin("GET", "clock"), {"now": "2025-03-23T07:48:37Z", "unixMilliseconds": 1742716117000, "frozen": True})
status, reply = fetch()
equal((status, reply["code"], reply["data"]["expiredAt"]), (200, 0, "2025-06-21T15:48:37+08:00"))
token = reply["data"]["accessToken"]
equal(user_info(token)["code"], 0)
admin("POST", "clock", {"advance": "90d"})
equal(user_info(token)["message"], "token is expired")

# Faults of several kinds.
admin("POST", "faults", {"faults": ["code:5066", {"status": 418, "body": "{}"}, "status:503"]})
equal(admin("GET", "faults"), {"left": ["code:5066", "raw:418", "status:503"], "always": "normal"})
equal(fetch()[1]["code"], 5066)
equal(fetch(), (418, {}))
equal(admin("DELETE", "faults"), {"left": [], "always": "normal"})
admin("POST", "faults", {"faults": ["reset"]})
try:
    fetch()
    raise AssertionError("the connection was not reset")
except ConnectionResetError:
    pass
try:
    admin("POST", "faults", {"faults": ["flood"]})
    raise AssertionError("an unknown fault was taken")
except urllib.error.HTTPError as error:
    equal(error.code, 400)
    assert json.load(error)["error"].startswith('"flood" is no fault')

# Tokens.
token = fetch()[1]["data"]["accessToken"]
other = admin("POST", "tokens/issue")["token"]
[client] = admin("GET", "tokens")["clients"]
equal(client["clientID"], "emulator-client-id")
equal([live["token"] for live in client["live"]], [token, other])
equal(admin("POST", "tokens/evict", {"token": token}), {"evicted": 1})
equal(user_info(token)["message"], "tokens number has exceeded the limit")

# The upload, on two origins.
headers = {"Authorization": f"Bearer {other}"}
announced = {"parentFileID": 0, "filename": "a", "etag": "e", "size": 6}
created = call("POST", "/upload/v2/file/create", announced, headers)[1]["data"]
[host] = created["servers"]
assert host != base_url
for number, content in [(1, b"abcd"), (2, b"ef")]:
    fields = {"preuploadID": created["preuploadID"], "sliceNo": number, "sliceMD5": "m"}
    form = "".join(
        f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    )
    form += '--XX\r\nContent-Disposition: form-data; name="slice"; filename="x"\r\n\r\n'
    body = form.encode() + content + b"\r\n--XX--\r\n"
    with_form = {**headers, "Content-Type": "multipart/form-data; boundary=XX"}
    equal(call("POST", "/upload/v2/file/slice", body, with_form, host)[1]["code"], 0)
completed = {"preuploadID": created["preuploadID"]}
equal(call("POST", "/upload/v2/file/upload_complete", completed, headers)[1]["data"]["completed"], True)
[upload] = admin("GET", "uploads")["uploads"]
equal((upload["filename"], upload["fileID"], len(upload["slices"])), ("a", 1, 2))
with urllib.request.urlopen(f"{base_url}/__admin/uploads/{created['preuploadID']}", timeout=10) as reply:
    equal(reply.read(), b"abcdef")

# What was counted and received.
equal(admin("GET", "counts"), {"tokenRequests": 5, "issued": 3, "redirectsFollowed": 0, "faultsLeft": 0})
requests = admin("GET", "requests")["requests"]
equal(requests[0]["target"], "/api/v1/access_token")
equal(json.loads(requests[0]["body"])["clientSecret"], "[redacted]")
equal([request["uploadHost"] for request in requests].count(True), 2)

# And all anew.
admin("POST", "reset")
equal(admin("GET", "requests"), {"requests": []})

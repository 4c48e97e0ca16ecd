// Statuses and what is done to them, through masto.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { anyone, eventually, ids, pages, post, refusal, register, seen, several, unique } from "../support.js";

describe("statuses", () => {
  // operation: statuses.create, statuses.get, statuses.many
  it("publishes with every option", async () => {
    const ana = await register("ana");
    const status = await post(ana, "hello <b>", { visibility: "unlisted", spoilerText: "cw", sensitive: true, language: "en" });
    assert.equal(status.content, "<p>hello &lt;b&gt;</p>");
    assert.deepEqual([status.visibility, status.spoilerText, status.sensitive, status.language], ["unlisted", "cw", true, "en"]);
    assert.deepEqual(await ana.api.v1.statuses.$select(status.id).fetch(), status);
    assert.deepEqual(ids(await ana.api.v1.statuses.fetch({ id: [status.id, "1"] })), [status.id]);
    assert.ok(Date.parse(status.createdAt) > Date.now() - 60_000);
  });

  // operation: statuses.create
  it("publishes once for one idempotency key, also at the same time", async () => {
    const ana = await register("ana");
    const headers = new Headers({ "Idempotency-Key": unique("key") });
    const send = () => ana.api.v1.statuses.create({ status: "once" }, { requestInit: { headers } });
    const made = await Promise.all(Array.from({ length: 20 }, send));
    assert.equal(new Set(ids(made)).size, 1);
    assert.equal((await ana.api.v1.accounts.$select(ana.id).statuses.list()).length, 1);
  });

  // operation: statuses.create
  it("refuses what is invalid by the library's errors", async () => {
    const ana = await register("ana");
    await assert.rejects(ana.api.v1.statuses.create({ status: "" }), refusal(422));
    await assert.rejects(ana.api.v1.statuses.create({ status: "x", inReplyToId: "1" }), refusal(404));
    await assert.rejects(anyone.v1.statuses.create({ status: "x" }), refusal(401));
    await assert.rejects(ana.api.v1.statuses.$select("1").fetch(), refusal(404));
  });

  // operation: statuses.edit, statuses.history, statuses.source
  it("edits and keeps every version", async () => {
    const ana = await register("ana");
    const status = await post(ana, "first");
    const edited = await ana.api.v1.statuses.$select(status.id).update({ status: "second", spoilerText: "cw" });
    assert.equal(edited.id, status.id);
    assert.ok(edited.editedAt);
    assert.deepEqual((await ana.api.v1.statuses.$select(status.id).history.list()).map((version) => version.content), ["<p>first</p>", "<p>second</p>"]);
    const source = await ana.api.v1.statuses.$select(status.id).source.fetch();
    assert.deepEqual([source.text, source.spoilerText], ["second", "cw"]);
  });

  // operation: statuses.delete
  it("deletes and returns the text", async () => {
    const [ana, bob] = await several("ana", "bob");
    const status = await post(ana, "redraft me");
    await seen(bob, status);
    await assert.rejects(bob.api.v1.statuses.$select(status.id).remove(), refusal(404));
    assert.equal((await ana.api.v1.statuses.$select(status.id).remove()).text, "redraft me");
    await assert.rejects(ana.api.v1.statuses.$select(status.id).fetch(), refusal(404));
  });

  // operation: statuses.context
  it("shows a thread", async () => {
    const [ana, bob] = await several("ana", "bob");
    const root = await post(ana, "root");
    await seen(bob, root);
    const reply = await post(bob, "reply", { inReplyToId: root.id });
    await seen(ana, reply);
    const nested = await post(ana, "nested", { inReplyToId: reply.id });
    await eventually(async () => ids((await anyone.v1.statuses.$select(root.id).context.fetch()).descendants).join() === [reply.id, nested.id].join());
    const context = await ana.api.v1.statuses.$select(nested.id).context.fetch();
    assert.deepEqual(ids(context.ancestors), [root.id, reply.id]);
  });

  // operation: statuses.reblog, statuses.unreblog, statuses.reblogged_by
  it("reblogs and takes it back", async () => {
    const [ana, bob] = await several("ana", "bob");
    const status = await post(ana);
    await seen(bob, status);
    const wrapper = await bob.api.v1.statuses.$select(status.id).reblog();
    assert.equal(wrapper.reblog.id, status.id);
    assert.equal((await bob.api.v1.statuses.$select(status.id).reblog()).id, wrapper.id);
    await eventually(async () => ids(await anyone.v1.statuses.$select(status.id).rebloggedBy.list())[0] === bob.id);
    const original = await bob.api.v1.statuses.$select(status.id).unreblog();
    assert.deepEqual([original.id, original.reblogged], [status.id, false]);
  });

  // operation: statuses.favourite, statuses.unfavourite, statuses.favourited_by, favourites.list
  it("favourites, lists them and takes one back", async () => {
    const [ana, bob] = await several("ana", "bob");
    const posted = [];
    for (let n = 0; n < 5; n++) posted.push(await post(ana));
    await seen(bob, posted[4]);
    for (const status of posted) assert.equal((await bob.api.v1.statuses.$select(status.id).favourite()).favourited, true);
    const walked = await pages(bob.api.v1.favourites.list({ limit: 2 }));
    assert.deepEqual(ids(walked.flat()), ids(posted).reverse());
    await eventually(async () => ids(await anyone.v1.statuses.$select(posted[0].id).favouritedBy.list())[0] === bob.id);
    assert.equal((await bob.api.v1.statuses.$select(posted[4].id).unfavourite()).favourited, false);
    assert.equal((await bob.api.v1.favourites.list()).length, 4);
  });

  // operation: statuses.bookmark, statuses.unbookmark, bookmarks.list
  it("bookmarks", async () => {
    const ana = await register("ana");
    const status = await post(ana);
    assert.equal((await ana.api.v1.statuses.$select(status.id).bookmark()).bookmarked, true);
    assert.deepEqual(ids(await ana.api.v1.bookmarks.list()), [status.id]);
    assert.equal((await ana.api.v1.statuses.$select(status.id).unbookmark()).bookmarked, false);
  });

  // operation: statuses.pin, statuses.unpin, statuses.mute, statuses.unmute
  it("pins and mutes its conversation", async () => {
    const ana = await register("ana");
    const status = await post(ana);
    const selected = ana.api.v1.statuses.$select(status.id);
    assert.equal((await selected.pin()).pinned, true);
    assert.equal((await selected.unpin()).pinned, false);
    assert.equal((await selected.mute()).muted, true);
    assert.equal((await selected.unmute()).muted, false);
  });
});

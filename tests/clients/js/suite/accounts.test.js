// Accounts and relationships through masto.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { anyone, eventually, follow, ids, pages, post, refusal, register, seen, several, unique } from "../support.js";

const relationship = async (who, whom) => (await who.api.v1.accounts.relationships.fetch({ id: [whom.id] }))[0];

/** A PNG of one pixel. */
const pixel = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

describe("accounts", () => {
  // operation: accounts.verify_credentials, accounts.update_credentials, accounts.get
  it("updates the profile in one multipart request", async () => {
    const ana = await register("ana");
    const updated = await ana.api.v1.accounts.updateCredentials({
      displayName: "Ana of masto", note: "hello #there", locked: true, bot: false, avatar: new Blob([pixel], { type: "image/png" }),
      fieldsAttributes: [{ name: "Site", value: "https://example.com" }], source: { privacy: "unlisted", language: "de" },
    });
    assert.equal(updated.displayName, "Ana of masto");
    assert.equal(updated.locked, true);
    assert.equal(updated.source.privacy, "unlisted");
    assert.equal(updated.source.fields[0].name, "Site");
    assert.equal((await fetch(updated.avatar)).headers.get("content-type").split("/")[0], "image");
    await eventually(async () => (await anyone.v1.accounts.$select(ana.id).fetch()).displayName === "Ana of masto");
    assert.equal((await ana.api.v1.accounts.verifyCredentials()).source.note, "hello #there");
  });

  // operation: accounts.lookup, accounts.search, accounts.many
  it("finds accounts", async () => {
    const [ana, bob] = await several("ana", "bob");
    assert.equal((await anyone.v1.accounts.lookup({ acct: ana.username })).id, ana.id);
    await assert.rejects(anyone.v1.accounts.lookup({ acct: unique("nobody") }), refusal(404));
    await eventually(async () => ids(await bob.api.v1.accounts.search.list({ q: ana.username })).includes(ana.id));
    assert.deepEqual(ids(await anyone.v1.accounts.fetch({ id: [ana.id, bob.id] })).sort(), [ana.id, bob.id].sort());
  });

  // operation: accounts.get
  it("answers 404 for what is not there and 401 without a token", async () => {
    await assert.rejects(anyone.v1.accounts.$select("1").fetch(), refusal(404));
    await assert.rejects(anyone.v1.accounts.verifyCredentials(), refusal(401));
  });

  // operation: accounts.follow, accounts.unfollow, accounts.relationships
  it("follows with options and unfollows", async () => {
    const [ana, bob] = await several("ana", "bob");
    const followed = await ana.api.v1.accounts.$select(bob.id).follow({ reblogs: false, notify: true, languages: ["en", "de"] });
    assert.deepEqual([followed.following, followed.showingReblogs, followed.notifying, followed.languages], [true, false, true, ["en", "de"]]);
    await eventually(async () => (await relationship(bob, ana)).followedBy);
    assert.equal((await ana.api.v1.accounts.$select(bob.id).unfollow()).following, false);
    await assert.rejects(ana.api.v1.accounts.$select("1").follow(), refusal(404));
  });

  // operation: accounts.followers, accounts.following
  it("walks followers by its paginator", async () => {
    const ana = await register("ana");
    const fans = await several("fan", "fan", "fan");
    for (const fan of fans) await follow(fan, ana);
    await eventually(async () => (await anyone.v1.accounts.$select(ana.id).followers.list()).length === 3);
    const walked = await pages(anyone.v1.accounts.$select(ana.id).followers.list({ limit: 2 }));
    assert.deepEqual(ids(walked.flat()), ids(fans).reverse());
    assert.equal(walked[0].length, 2);
    assert.deepEqual(ids(await anyone.v1.accounts.$select(fans[0].id).following.list()), [ana.id]);
  });

  // operation: accounts.block, accounts.unblock, blocks.list
  it("blocks and unblocks", async () => {
    const [ana, bob] = await several("ana", "bob");
    await follow(bob, ana);
    assert.equal((await ana.api.v1.accounts.$select(bob.id).block()).blocking, true);
    await eventually(async () => (await relationship(bob, ana)).blockedBy && !(await relationship(bob, ana)).following);
    assert.deepEqual(ids(await ana.api.v1.blocks.list()), [bob.id]);
    assert.equal((await ana.api.v1.accounts.$select(bob.id).unblock()).blocking, false);
  });

  // operation: accounts.mute, accounts.unmute, mutes.list, accounts.note
  it("mutes, unmutes and notes", async () => {
    const [ana, bob] = await several("ana", "bob");
    const muted = await ana.api.v1.accounts.$select(bob.id).mute({ notifications: false, duration: 600 });
    assert.deepEqual([muted.muting, muted.mutingNotifications], [true, false]);
    const [listed] = await ana.api.v1.mutes.list();
    assert.ok(Date.parse(listed.muteExpiresAt) > Date.now());
    assert.equal((await ana.api.v1.accounts.$select(bob.id).unmute()).muting, false);
    assert.equal((await ana.api.v1.accounts.$select(bob.id).note.create({ comment: "from the fair" })).note, "from the fair");
  });

  // operation: follow_requests.list, follow_requests.authorize, follow_requests.reject
  it("asks a locked account, which decides", async () => {
    const [ana, bob, locked] = await several("ana", "bob", "locked");
    await locked.api.v1.accounts.updateCredentials({ locked: true });
    for (const asker of [ana, bob]) assert.equal((await asker.api.v1.accounts.$select(locked.id).follow()).requested, true);
    await eventually(async () => (await locked.api.v1.followRequests.list()).length === 2);
    assert.equal((await locked.api.v1.followRequests.$select(ana.id).authorize()).followedBy, true);
    await locked.api.v1.followRequests.$select(bob.id).reject();
    await eventually(async () => (await relationship(ana, locked)).following && !(await relationship(bob, locked)).requested);
    await assert.rejects(locked.api.v1.followRequests.$select(bob.id).authorize(), refusal(404));
  });

  // operation: accounts.remove_from_followers
  it("removes a follower", async () => {
    const [ana, bob] = await several("ana", "bob");
    await follow(bob, ana);
    await eventually(async () => (await relationship(ana, bob)).followedBy);
    await ana.api.v1.accounts.$select(bob.id).removeFromFollowers();
    await eventually(async () => !(await relationship(bob, ana)).following);
  });

  // operation: accounts.statuses, statuses.pin
  it("filters the statuses of an account", async () => {
    const [ana, bob] = await several("ana", "bob");
    const own = await post(ana, "own #jsfilter");
    const theirs = await post(bob);
    await seen(ana, theirs);
    const reply = await post(ana, "reply", { inReplyToId: theirs.id });
    const boost = await ana.api.v1.statuses.$select(theirs.id).reblog();
    await ana.api.v1.statuses.$select(own.id).pin();
    const list = async (params) => ids(await ana.api.v1.accounts.$select(ana.id).statuses.list(params));
    assert.deepEqual(await list({}), [boost.id, reply.id, own.id]);
    assert.deepEqual(await list({ excludeReplies: true }), [boost.id, own.id]);
    assert.deepEqual(await list({ excludeReblogs: true }), [reply.id, own.id]);
    assert.deepEqual(await list({ pinned: true }), [own.id]);
    assert.deepEqual(await list({ tagged: "jsfilter" }), [own.id]);
    assert.deepEqual(await list({ onlyMedia: true }), []);
  });
});

// Timelines, search, preferences and markers through masto and its paginator.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { anyone, eventually, follow, ids, pages, post, refusal, register, seen, several, unique } from "../support.js";

describe("timelines", () => {
  // operation: timelines.home
  it("walks home to its end, and back", async () => {
    const ana = await register("ana");
    const posted = [];
    for (let n = 0; n < 13; n++) posted.unshift((await post(ana)).id);
    const walked = await pages(ana.api.v1.timelines.home.list({ limit: 5 }));
    assert.deepEqual(ids(walked.flat()), posted);
    const back = await pages(ana.api.v1.timelines.home.list({ limit: 5, maxId: posted[9] }).setDirection("prev"));
    assert.deepEqual(ids(back[1]), posted.slice(5, 10));
  });

  // operation: timelines.home
  it("pages by max_id, since_id and min_id", async () => {
    const ana = await register("ana");
    const posted = [];
    for (let n = 0; n < 8; n++) posted.unshift((await post(ana)).id);
    const list = async (params) => ids(await ana.api.v1.timelines.home.list({ limit: 3, ...params }));
    assert.deepEqual(await list({ maxId: posted[2] }), posted.slice(3, 6));
    assert.deepEqual(await list({ sinceId: posted[6] }), posted.slice(0, 3));
    assert.deepEqual(await list({ minId: posted[6] }), posted.slice(3, 6));
    await assert.rejects(async () => await anyone.v1.timelines.home.list(), refusal(401));
  });

  // operation: timelines.home, accounts.mute, statuses.reblog
  it("shows followees, hides the muted", async () => {
    const [ana, bob, cyd] = await several("ana", "bob", "cyd");
    await follow(ana, bob);
    const original = await post(cyd);
    await seen(bob, original);
    const boost = await bob.api.v1.statuses.$select(original.id).reblog();
    const later = await post(bob);
    const home = async () => ids(await ana.api.v1.timelines.home.list());
    await eventually(async () => (await home()).includes(later.id));
    assert.deepEqual(await home(), [later.id, boost.id]);
    await ana.api.v1.accounts.$select(cyd.id).mute();
    assert.deepEqual(await home(), [later.id]);
    await ana.api.v1.accounts.$select(bob.id).unfollow();
    assert.deepEqual(await home(), []);
  });

  // operation: timelines.public, timelines.tag, tags.get
  it("reads the public and the tag timeline", async () => {
    const ana = await register("ana");
    const [one, two] = [unique("tagone"), unique("tagtwo")];
    const first = await post(ana, `#${one}`);
    const both = await post(ana, `#${one} #${two}`);
    await eventually(async () => ids(await anyone.v1.timelines.public.list({ local: true })).includes(both.id));
    await eventually(async () => ids(await anyone.v1.timelines.tag.$select(one).list()).join() === [both.id, first.id].join());
    assert.deepEqual(ids(await anyone.v1.timelines.tag.$select(one).list({ all: [two] })), [both.id]);
    assert.deepEqual(ids(await anyone.v1.timelines.tag.$select(one).list({ none: [two] })), [first.id]);
    assert.deepEqual(ids((await pages(anyone.v1.timelines.tag.$select(one).list({ limit: 1 }))).flat()), [both.id, first.id]);
    assert.equal((await anyone.v1.tags.$select(one).fetch()).name, one);
  });

  // operation: search.v2
  it("searches accounts, hashtags and statuses", async () => {
    const ana = await register("ana");
    const [word, tag] = [unique("narwhal"), unique("seatag")];
    await ana.api.v1.accounts.updateCredentials({ displayName: `${word} of the sea` });
    const status = await post(ana, `a ${word} #${tag}`);
    await eventually(async () => {
      const found = await ana.api.v2.search.list({ q: word });
      return ids(found.accounts).includes(ana.id) && ids(found.statuses).includes(status.id);
    });
    await eventually(async () => (await ana.api.v2.search.list({ q: tag, type: "hashtags" })).hashtags[0].name === tag);
    assert.deepEqual(ids((await ana.api.v2.search.list({ q: `${word} of the`, type: "accounts" })).accounts), [ana.id]);
  });

  // operation: preferences, markers.get, markers.move
  it("keeps preferences and markers", async () => {
    const ana = await register("ana");
    assert.equal((await ana.api.v1.preferences.fetch())["posting:default:visibility"], "public");
    const status = await post(ana);
    assert.equal((await ana.api.v1.markers.create({ home: { lastReadId: status.id } })).home.lastReadId, status.id);
    const markers = await ana.api.v1.markers.fetch({ timeline: ["home", "notifications"] });
    assert.equal(markers.home.lastReadId, status.id);
    assert.equal(markers.notifications, undefined);
  });

  // operation: accounts.statuses
  it("walks the statuses of an account", async () => {
    const ana = await register("ana");
    const posted = [];
    for (let n = 0; n < 7; n++) posted.unshift((await post(ana)).id);
    const walked = await pages(ana.api.v1.accounts.$select(ana.id).statuses.list({ limit: 3 }));
    assert.deepEqual(ids(walked.flat()), posted);
    assert.ok(walked.length <= 4);
  });
});
